package dnsresolution

import (
	"hash/maphash"
	"net/netip"
	"strings"

	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// zone is one that somebody was referred to.
type zone struct {
	name   string
	labels int
	digest uint64 // of the addresses told last
}

// place is what is known of the zones that a server is asked for.
type place struct {
	zones [4]int32 // 0: none; the latest first
	by    [4]zoneBy
}

type zoneBy uint8

const (
	byNothing zoneBy = iota
	byReferral
	byHints
	byAnswer
)

var zoneByNames = [...]string{byReferral: "referral", byHints: "hints", byAnswer: "answer"}

// zones are those that referrals told of, and their servers.
type zones struct {
	limit  int
	seed   maphash.Seed
	list   []zone           // from 1; 1 is the root
	byName map[string]int32 // lower case
	places map[events.Addr]place
	// servers are the names of servers without an address, by their question.
	servers map[uint64]int32
}

const rootZone int32 = 1

func newZones(limit int) *zones {
	z := &zones{limit: limit, seed: maphash.MakeSeed(), list: make([]zone, 1), byName: map[string]int32{}, places: map[events.Addr]place{}, servers: map[uint64]int32{}}
	z.of(".")
	for _, a := range rootServers {
		z.serve(events.AddrOf(a), rootZone, byHints)
	}
	return z
}

// of is the zone of that name; 0 where a limit left it out.
func (z *zones) of(name string) int32 {
	lower := strings.ToLower(name)
	if i, ok := z.byName[lower]; ok {
		return i
	}
	if len(z.list) > z.limit {
		return 0
	}
	lower = strings.Clone(lower)
	z.list = append(z.list, zone{name: lower, labels: labels(lower)})
	i := int32(len(z.list) - 1)
	z.byName[lower] = i
	return i
}

// labels counts those of a name in presentation form; an escaped dot is none
// of theirs.
func labels(name string) int {
	if name == "." {
		return 0
	}
	n := 0
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			n++
		}
	}
	return n
}

// parent is the name without its first label.
func parent(name string) string {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			if i+1 < len(name) {
				return name[i+1:]
			}
		}
	}
	return "."
}

func (z *zones) serve(a events.Addr, zone int32, by zoneBy) {
	if zone == 0 {
		return
	}
	p, known := z.places[a]
	if !known && len(z.places) >= z.limit {
		return
	}
	for i := range p.zones {
		if p.zones[i] == zone {
			if by == byReferral {
				p.by[i] = by
				z.places[a] = p
			}
			return
		}
	}
	copy(p.zones[1:], p.zones[:])
	copy(p.by[1:], p.by[:])
	p.zones[0], p.by[0] = zone, by
	z.places[a] = p
}

// known is the deepest zone of server a that name lies in.
func (z *zones) known(a events.Addr, name []byte) (zone int32, by zoneBy) {
	p, ok := z.places[a]
	if !ok {
		return 0, byNothing
	}
	for i, k := range p.zones {
		if k == 0 || zone != 0 && z.list[k].labels <= z.list[zone].labels {
			continue
		}
		if dnsopen.IsBelow(name, []byte(z.list[k].name)) {
			zone, by = k, p.by[i]
		}
	}
	return zone, by
}

// refer takes the addresses of a referral to zone k. It reports whether there
// were none.
func (z *zones) refer(k int32, m *events.DNSMessage) (glueless bool) {
	var d uint64
	for i := range m.Additional {
		d += maphash.String(z.seed, m.Additional[i].Data)
	}
	if d == 0 {
		return true
	}
	if k == 0 || z.list[k].digest == d {
		return false
	}
	z.list[k].digest = d
	z.addresses(k, m.Additional)
	return false
}

func (z *zones) addresses(k int32, rrs []events.DNSRecord) {
	for i := range rrs {
		if r := &rrs[i]; r.Type == "A" || r.Type == "AAAA" {
			if a, err := netip.ParseAddr(r.Data); err == nil {
				z.serve(events.AddrOf(a), k, byReferral)
			}
		}
	}
}

// rootServers are the addresses of the root's servers: the hints that
// resolvers come with (https://www.iana.org/domains/root/servers), and an
// earlier one of b.root-servers.net.
var rootServers = []netip.Addr{
	four(198, 41, 0, 4), four(170, 247, 170, 2), four(199, 9, 14, 201), four(192, 33, 4, 12), four(199, 7, 91, 13),
	four(192, 203, 230, 10), four(192, 5, 5, 241), four(192, 112, 36, 4), four(198, 97, 190, 53), four(192, 36, 148, 17),
	four(192, 58, 128, 30), four(193, 0, 14, 129), four(199, 7, 83, 42), four(202, 12, 27, 33),
	netip.MustParseAddr("2001:503:ba3e::2:30"), netip.MustParseAddr("2801:1b8:10::b"), netip.MustParseAddr("2001:500:2::c"),
	netip.MustParseAddr("2001:500:2d::d"), netip.MustParseAddr("2001:500:a8::e"), netip.MustParseAddr("2001:500:2f::f"),
	netip.MustParseAddr("2001:500:12::d0d"), netip.MustParseAddr("2001:500:1::53"), netip.MustParseAddr("2001:7fe::53"),
	netip.MustParseAddr("2001:503:c27::2:30"), netip.MustParseAddr("2001:7fd::1"), netip.MustParseAddr("2001:500:9f::42"),
	netip.MustParseAddr("2001:dc3::35"),
}

func four(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }
