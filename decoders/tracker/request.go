package tracker

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/peerid"
	"github.com/wiretale/wiretale/events"
)

// hashLen is the length of an info hash: SHA-1, or what is left of the SHA-256
// of version 2 (BEP 52).
const hashLen = 20

// readRequest reads the target of a request (BEP 3, BEP 48).
func (s *stream) readRequest(d *side, whole bool, out decoders.Sink) {
	target := string(d.held)
	path, query, _ := strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	r := &events.TrackerRequest{Tracker: transport, Action: "announce", FirstFrame: d.first.Frame}
	if s.hint.FirstFrame != 0 {
		r.FirstFrame = s.hint.FirstFrame
	}
	// "scrape" stands where the announce URL has "announce" (BEP 48).
	if last := path[strings.LastIndexByte(path, '/')+1:]; strings.HasPrefix(last, "scrape") {
		r.Action = "scrape"
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(pair, "=")
		s.parameter(r, unescape(key), unescape(value), out)
	}
	switch len(r.InfoHashes) {
	case 1:
		r.InfoHash, r.InfoHashes = r.InfoHashes[0], nil
	case 0:
		if r.Action == "announce" && whole {
			violation(events.FromClient, out, "an announce without info_hash (BEP 3)")
		}
	}
	s.action, s.request = r.Action, d.last
	emit(events.FromClient, r, whole, out)
}

// parameter reads one of the query.
func (s *stream) parameter(r *events.TrackerRequest, key, value string, out decoders.Sink) {
	switch key {
	case "info_hash":
		if len(value) != hashLen {
			violation(events.FromClient, out, "info_hash has "+strconv.Itoa(len(value))+" bytes (BEP 3)")
		}
		r.InfoHashes = append(r.InfoHashes, hexOf([]byte(value)))
	case "peer_id":
		r.PeerID, r.Client = hexOf([]byte(value)), peerid.Client([]byte(value))
	case "port":
		if n, err := strconv.ParseUint(value, 10, 16); err == nil {
			r.Port = uint16(n)
		}
	case "uploaded":
		r.Uploaded = count(value)
	case "downloaded":
		r.Downloaded = count(value)
	case "left":
		r.Left = count(value)
	case "numwant":
		r.NumWant = count(value)
	case "event":
		r.Event = value
	case "ip":
		r.IP = value
	}
}

func count(s string) *int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// unescape undoes percent-encoding (RFC 3986 section 2.1). What is no escape
// stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := nibble(s[i+1]), nibble(s[i+2]); hi < 16 && lo < 16 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// nibble is the value of a hexadecimal digit, 16 where c is none.
func nibble(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20-'a' <= 5:
		return c | 0x20 - 'a' + 10
	}
	return 16
}
