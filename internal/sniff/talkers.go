package sniff

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/flows/link"
)

// ends are two hosts, the smaller address first.
type ends struct{ low, high events.Addr }

// talk is what two hosts sent to each other.
type talk struct {
	ends
	fromHigh      bool // who was seen to send first
	fromHighBytes uint64
	carried
}

// Talkers counts the bytes of each pair of hosts and of each protocol, packet
// by packet: flows tell theirs a second after, or when they end. It holds the
// pairs with most bytes, up to a limit: when it is full, the smaller half goes
// to one sum; whoever is large comes back at once. A packet allocates nothing,
// but for the first ones of hosts and flows until the tables are full.
type Talkers struct {
	mu      sync.Mutex
	decoder *link.Decoder
	in      capture.Packet // what it decodes
	packet  link.Packet
	limit   int
	talks   map[ends]*talk
	spare   []*talk // of pairs that were given up
	order   []*talk // to sort in
	// recent are those seen a moment ago, by some bits of their addresses.
	recent [256]*talk

	total  uint64 // bytes
	noEnds uint64 // bytes of these in packets that are not IP, or broken
	small  uint64 // bytes of pairs that were given up
	gaveUp uint64 // how often a pair was
	clock  packetClock

	protocols protocols
}

// mostFlows is how many flows' protocols are known at most.
const mostFlows = 1 << 16

// NewTalkers makes Talkers that hold as many pairs as Limits.FoldPending.
func NewTalkers(limits *events.Limits) *Talkers {
	// Only addresses are wanted: no datagram is put together from fragments.
	l := events.DefaultLimits()
	l.Fragments, l.FragmentBytes = 1, 0
	t := &Talkers{decoder: link.NewDecoder(&l), limit: max(limits.FoldPending, 2), talks: map[ends]*talk{}}
	t.protocols.init(min(limits.Flows, mostFlows))
	return t
}

// headers is how much of a packet is looked at: those of a tunnel and what is
// in it fit.
const headers = 192

// Add counts packets that arrived until now; they are not kept.
func (t *Talkers) Add(packets []capture.Packet, now time.Time) {
	if len(packets) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.clock.set(packets[0].Time, packets[len(packets)-1].Time, now)
	for i := range packets {
		t.in = packets[i]
		t.in.Data = t.in.Data[:min(len(t.in.Data), headers)]
		wire, second := uint64(t.in.Wire), int64(t.in.Time)/1e9
		t.total += wire
		p := &t.packet
		switch t.decoder.Decode(&t.in, p) {
		case link.IP:
			t.count(p.Src, p.Dst, second, wire)
			switch tcpUDP := p.Proto == events.ProtoTCP || p.Proto == events.ProtoUDP; {
			case !tcpUDP:
				t.protocols.carrier(p.Proto).add(second, wire)
			case len(p.Payload) < 4:
				t.protocols.unknown.add(second, wire)
			default:
				b := p.Payload
				t.protocols.count(keyOf(p.Src, p.Dst, uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3]), p.Proto), second, wire)
			}
		case link.Fragment:
			t.count(p.Src, p.Dst, second, wire)
			t.protocols.unknown.add(second, wire) // it has no ports
		default:
			t.noEnds += wire
		}
	}
	t.in.Data, t.packet.Payload = nil, nil // they are borrowed
}

// count counts a packet of two hosts.
func (t *Talkers) count(src, dst events.Addr, second int64, wire uint64) {
	e, fromHigh := ends{src, dst}, false
	if bytes.Compare(src[:], dst[:]) > 0 {
		e, fromHigh = ends{dst, src}, true
	}
	k := t.find(&e)
	if k == nil {
		k = t.fresh()
		*k = talk{ends: e, fromHigh: fromHigh}
		t.talks[e] = k
	}
	k.add(second, wire)
	if fromHigh {
		k.fromHighBytes += wire
	}
}

// find is the talk of two hosts, or nil.
func (t *Talkers) find(e *ends) *talk {
	r := &t.recent[e.low[15]^e.low[14]*31^e.low[7]^e.high[15]*17^e.high[14]*13^e.high[7]]
	if *r != nil && (*r).ends == *e {
		return *r
	}
	k := t.talks[*e]
	if k != nil {
		*r = k
	}
	return k
}

// fresh is room for one more talk.
func (t *Talkers) fresh() *talk {
	if len(t.talks) >= t.limit {
		t.halve()
	}
	if n := len(t.spare); n > 0 {
		k := t.spare[n-1]
		t.spare = t.spare[:n-1]
		return k
	}
	return new(talk)
}

func (t *Talkers) halve() {
	t.recent = [256]*talk{}
	t.order = t.order[:0]
	for _, k := range t.talks {
		t.order = append(t.order, k)
	}
	slices.SortFunc(t.order, func(a, b *talk) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), a.compare(&b.ends)) })
	for _, k := range t.order[t.limit/2:] {
		delete(t.talks, k.ends)
		t.small += k.bytes
		t.gaveUp++
		t.spare = append(t.spare, k)
	}
}

func (e *ends) compare(f *ends) int {
	return cmp.Or(bytes.Compare(e.low[:], f.low[:]), bytes.Compare(e.high[:], f.high[:]))
}

// mostTalkers are told by bytes, and as many by what they send now.
const mostTalkers = 100

// row is a talk at one moment.
type row struct {
	talk
	now float64 // bytes a second
}

// Section is the table of talkers at one moment, most bytes first.
func (t *Talkers) Section(now time.Time) analyzers.Section {
	total, rows, more, lead := t.snapshot(now)
	s := analyzers.Section{
		Area: analyzers.Mix, Title: "Top talkers", Lead: lead, More: more,
		Columns: []analyzers.Column{{Name: "host A"}, {Name: "host B"}, {Name: "on the wire", Right: true}, {Name: "share", Right: true}, {Name: "now", Right: true},
			{Name: "A to B", Right: true}, {Name: "B to A", Right: true}, {Name: "packets", Right: true}},
	}
	for i := range rows {
		r := &rows[i]
		a, b, ab := r.low, r.high, r.bytes-r.fromHighBytes
		if r.fromHigh {
			a, b, ab = r.high, r.low, r.fromHighBytes
		}
		s.Rows = append(s.Rows, []string{a.String(), b.String(), analyzers.BytesText(int64(r.bytes)), analyzers.PercentText(int64(r.bytes), int64(total)),
			rateText(r.now), analyzers.BytesText(int64(ab)), analyzers.BytesText(int64(r.bytes - ab)), analyzers.CountText(int64(r.packets))})
	}
	return s
}

// snapshot are the talks that are told, most bytes first, and how many are not.
func (t *Talkers) snapshot(now time.Time) (total uint64, rows []row, more int, lead string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	byBytes := analyzers.NewTop(mostTalkers, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), a.compare(&b.ends))
	})
	byNow := analyzers.NewTop(mostTalkers, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.now, a.now), cmp.Compare(b.bytes, a.bytes), a.compare(&b.ends))
	})
	all := make([]row, 0, len(t.talks))
	for _, k := range t.talks {
		all = append(all, row{*k, t.clock.rate(&k.lately, now)})
		r := &all[len(all)-1]
		byBytes.Add(r)
		byNow.Add(r)
	}
	told := slices.Concat(byBytes.Kept(), byNow.Kept())
	slices.SortFunc(told, func(a, b *row) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), a.compare(&b.ends)) })
	for _, r := range slices.Compact(told) {
		rows = append(rows, *r)
	}
	if t.total > 0 {
		lead = analyzers.BytesText(int64(t.total)) + " between " + analyzers.CountOf(int64(len(t.talks)), "pair") + " of hosts"
		if t.noEnds > 0 {
			lead += "; " + analyzers.BytesText(int64(t.noEnds)) + " not IP"
		}
		if t.gaveUp > 0 {
			lead += "; " + analyzers.BytesText(int64(t.small)) + " of small ones that were given up for more (limit fold-pending)"
		}
		lead += "."
	}
	return t.total, rows, len(all) - len(rows), lead
}
