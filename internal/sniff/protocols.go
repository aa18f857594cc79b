package sniff

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// protocol is what was sent in one protocol.
type protocol struct {
	name string
	carried
}

// carried is what was carried in all, and lately.
type carried struct {
	bytes, packets uint64
	lately         lately
}

func (c *carried) add(second int64, wire uint64) {
	c.bytes += wire
	c.packets++
	c.lately.add(second, wire)
}

// flowKey names a flow by its ends, the smaller one first.
type flowKey struct {
	ends
	lowPort, highPort uint16
	proto             uint8
}

func keyOf(src, dst events.Addr, srcPort, dstPort uint16, proto uint8) flowKey {
	if c := bytes.Compare(src[:], dst[:]); c > 0 || c == 0 && srcPort > dstPort {
		src, dst, srcPort, dstPort = dst, src, dstPort, srcPort
	}
	return flowKey{ends{src, dst}, srcPort, dstPort, proto}
}

// flow is one of TCP or UDP.
type flow struct {
	key      flowKey
	second   int64     // of its last packet
	protocol *protocol // nil: not known
	early    carried   // while it was not known
}

func (k *flowKey) compare(l *flowKey) int {
	return cmp.Or(k.ends.compare(&l.ends), cmp.Compare(k.lowPort, l.lowPort), cmp.Compare(k.highPort, l.highPort), cmp.Compare(k.proto, l.proto))
}

// unknown is what a flow's bytes are counted for until its protocol is known,
// as in the answers of mix.
const unknown = "unknown"

// protocols counts bytes by protocol. Packets come before what decoders say of
// them, so each flow keeps what it carried until then. Names are those of
// decoders and of IP: there are few.
type protocols struct {
	limit   int
	named   map[string]*protocol
	flows   map[flowKey]*flow
	spare   []*flow // that are over
	order   []*flow // to sort in
	unknown *protocol
	// carriers are those that are not TCP or UDP, by number.
	carriers [256]*protocol
	recent   [256]*flow // seen a moment ago, by some bits of ports and addresses
}

func (p *protocols) init(limit int) {
	p.limit = max(limit, 2)
	p.named, p.flows = map[string]*protocol{}, map[flowKey]*flow{}
	p.unknown = &protocol{name: unknown}
	p.named[unknown] = p.unknown
}

func (p *protocols) protocol(name string) *protocol {
	x := p.named[name]
	if x == nil {
		x = &protocol{name: name}
		p.named[name] = x
	}
	return x
}

// carrier is what IP carries by that number, where no decoder can tell more.
func (p *protocols) carrier(number uint8) *protocol {
	x := p.carriers[number]
	if x == nil {
		x = p.protocol(events.TransportName(number))
		p.carriers[number] = x
	}
	return x
}

// slot is the place of a flow among the recent ones.
func (p *protocols) slot(k *flowKey) **flow {
	return &p.recent[byte(k.lowPort)^byte(k.highPort)*31^byte(k.lowPort>>8)^byte(k.highPort>>8)*17^k.low[15]^k.high[15]*13]
}

func (p *protocols) find(k *flowKey) *flow {
	r := p.slot(k)
	if *r != nil && (*r).key == *k {
		return *r
	}
	f := p.flows[*k]
	if f != nil {
		*r = f
	}
	return f
}

// count counts a packet of a flow.
func (p *protocols) count(k flowKey, second int64, wire uint64) {
	f := p.find(&k)
	if f == nil {
		f = p.fresh()
		*f = flow{key: k}
		p.flows[k] = f
	}
	f.second = second
	if f.protocol == nil {
		f.early.add(second, wire)
		p.unknown.add(second, wire)
		return
	}
	f.protocol.add(second, wire)
}

// fresh is room for one more flow. When there is none, the half that was seen
// least lately goes: what they carried stays counted.
func (p *protocols) fresh() *flow {
	if len(p.flows) >= p.limit {
		p.order = p.order[:0]
		for _, f := range p.flows {
			p.order = append(p.order, f)
		}
		slices.SortFunc(p.order, func(a, b *flow) int { return cmp.Or(cmp.Compare(b.second, a.second), a.key.compare(&b.key)) })
		for _, f := range p.order[p.limit/2:] {
			p.drop(f)
		}
	}
	if n := len(p.spare); n > 0 {
		f := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return f
	}
	return new(flow)
}

// drop forgets a flow, not what it carried.
func (p *protocols) drop(f *flow) {
	delete(p.flows, f.key)
	if r := p.slot(&f.key); *r == f {
		*r = nil
	}
	p.spare = append(p.spare, f)
}

// name says which protocol f speaks; what it carried before is of it, too.
func (p *protocols) name(f *flow, name string) {
	x := p.protocol(name)
	if f.protocol == nil {
		x.carried.move(&p.unknown.carried, &f.early)
	}
	f.protocol = x
}

// move takes part out of from.
func (c *carried) move(from, part *carried) {
	c.bytes += part.bytes
	c.packets += part.packets
	from.bytes -= part.bytes
	from.packets -= part.packets
	for s := max(part.lately.second-kept+1, 0); s <= part.lately.second; s++ {
		if n := part.lately.sum(s, s); n > 0 {
			c.lately.add(s, n)
			from.lately.sub(s, n)
		}
	}
}

// event takes what a flow says of its protocol.
func (p *protocols) event(e *events.Event) {
	k := keyOf(e.Flow.Client, e.Flow.Server, e.Flow.ClientPort, e.Flow.ServerPort, e.Flow.Proto)
	switch b := e.Body.(type) {
	case *events.FlowDetected:
		// Of what is carried inside it, there is more to come in FlowBytes.
		if f := p.find(&k); f != nil && f.protocol == nil && b.Protocol != "" {
			p.name(f, b.Protocol)
		}
	case *events.FlowBytes:
		if f := p.find(&k); f != nil && b.Protocol != "" {
			p.name(f, b.Protocol)
		}
	case *events.FlowEnd:
		if f := p.find(&k); f != nil {
			if b.Protocol != "" {
				p.name(f, b.Protocol)
			}
			p.drop(f)
		}
	}
}

// Want are the kinds of events that say of what protocol flows are.
func (t *Talkers) Want() events.KindSet {
	return events.SetOf(events.KindFlowDetected, events.KindFlowBytes, events.KindFlowEnd)
}

// Events takes events; they are not kept.
func (t *Talkers) Events(evs []*events.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range evs {
		t.protocols.event(e)
	}
}

// Protocols is the table of protocols at one moment, most bytes first.
func (t *Talkers) Protocols(now time.Time) analyzers.Section {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*protocol
	for _, x := range t.protocols.named {
		if x.bytes > 0 {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *protocol) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name)) })
	s := analyzers.Section{
		Area: analyzers.Mix, Title: "Protocols",
		Columns: []analyzers.Column{{Name: "protocol"}, {Name: "on the wire", Right: true}, {Name: "share", Right: true}, {Name: "now", Right: true}, {Name: "packets", Right: true}},
	}
	all := t.total - t.noEnds
	if len(list) > 0 {
		s.Lead = analyzers.BytesText(int64(all)) + " in " + analyzers.CountOf(int64(len(list)), "protocol") + "."
	}
	var brief []string
	for _, x := range list {
		share := analyzers.PercentText(int64(x.bytes), int64(all))
		brief = append(brief, x.name+" "+share)
		s.Rows = append(s.Rows, []string{x.name, analyzers.BytesText(int64(x.bytes)), share,
			rateText(t.clock.rate(&x.lately, now)), analyzers.CountText(int64(x.packets))})
	}
	s.Brief = strings.Join(brief, ", ")
	return s
}
