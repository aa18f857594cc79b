package dnssec

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/events"
)

// anchor is a trust anchor: a DS or DNSKEY that is believed without a chain.
type anchor struct {
	zone        string
	ds          *mdns.DS
	key         *mdns.DNSKEY
	from, until events.Time // 0: no bound
}

// rootAnchors are those of the root, with the time in which each was one
// (IANA, root-anchors.xml): captures may be old.
var rootAnchors = []struct {
	line        string
	from, until time.Time
}{
	{". IN DS 19036 8 2 49AAC11D7B6F6446702E54A1607371607A1A41855200FD2CE1CDDE32F24E8FB5", day(2010, 7, 15), day(2019, 1, 11)},
	{". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D", day(2017, 2, 2), time.Time{}},
	{". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16", day(2024, 7, 18), time.Time{}},
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// maxAnchor is the longest line of a trust anchor.
const maxAnchor = 64 << 10

// ParseAnchors reads trust anchors: zone-file lines of DS and DNSKEY records,
// comments behind a semicolon. name is that of the file, for errors.
func ParseAnchors(r io.Reader, name string) ([]string, error) {
	var out []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAnchor)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), ";")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := parseAnchor(line); err != nil {
			return nil, fmt.Errorf("trust anchor %s, line %d: %w; a line reads: example. IN DS 12345 13 2 ABCD…", name, n, err)
		}
		out = append(out, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("trust anchor %s: %w", name, err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("trust anchor %s: no DS and no DNSKEY record in it", name)
	}
	return out, nil
}

func parseAnchor(line string) (anchor, error) {
	rr, err := parse(line)
	if err != nil {
		return anchor{}, err
	}
	a := anchor{zone: strings.ToLower(rr.Header().Name)}
	switch rr := rr.(type) {
	case *mdns.DS:
		a.ds = rr
	case *mdns.DNSKEY:
		a.key = rr
	default:
		return a, fmt.Errorf("a %s record is no trust anchor, only DS and DNSKEY are", mdns.TypeToString[rr.Header().Rrtype])
	}
	return a, nil
}

// anchors are those given, or the root's.
func anchors(lines []string) []anchor {
	var out []anchor
	for _, l := range lines {
		if a, err := parseAnchor(l); err == nil {
			out = append(out, a)
		}
	}
	if len(lines) > 0 {
		return out
	}
	for _, r := range rootAnchors {
		a, err := parseAnchor(r.line)
		if err != nil {
			continue // a test reads all of them
		}
		a.from = events.TimeOf(r.from)
		if !r.until.IsZero() {
			a.until = events.TimeOf(r.until)
		}
		out = append(out, a)
	}
	return out
}

// believes reports whether the anchor names key at that time.
func (a *anchor) believes(key *mdns.DNSKEY, at events.Time) bool {
	if at < a.from || a.until != 0 && at >= a.until {
		return false
	}
	if a.key != nil {
		return a.key.Algorithm == key.Algorithm && a.key.PublicKey == key.PublicKey && a.key.Flags&^mdns.REVOKE == key.Flags
	}
	return fits(key, a.ds)
}

// text names the anchor.
func (a *anchor) text() string {
	if a.key != nil {
		return fmt.Sprintf("%s DNSKEY %d", a.zone, a.key.KeyTag())
	}
	return fmt.Sprintf("%s DS %d", a.zone, a.ds.KeyTag)
}
