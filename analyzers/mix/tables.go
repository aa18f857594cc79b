package mix

import (
	"github.com/wiretale/wiretale/events"
)

// tally counts one protocol.
type tally struct {
	Counts
	flows       uint64
	first, last uint64 // frames
	streams     []events.StreamKey

	category number
	named    bool            // Wireshark has a filter for it
	uses     map[number]*use // of an encrypted one: what of it is for other categories
}

func (t *tally) seen(frame uint64) {
	if t.first == 0 || frame < t.first {
		t.first = frame
	}
	t.last = max(t.last, frame)
}

// namedStreams is how many flows of an unknown protocol a filter names.
const namedStreams = 4

// tables hold all that was counted. Categories are made from protocols at the
// end.
type tables struct {
	total     tally
	protocols map[string]*tally // bounded: the names that decoders and IP have
	last      *tally            // that of the protocol asked for last
	lastName  string
	hosts     hosts
	series    series
	// early are the bytes of flows whose protocol is not known yet; they are
	// counted as unknown until it is.
	early      map[events.StreamKey]*waiting
	earlyLimit int
	limited    uint64 // times that early or hints was full
	// hints are what encrypted flows are for by their hellos.
	hints map[events.StreamKey]number
}

// waiting is what a flow carried before its protocol was known.
type waiting struct {
	Counts
	first, last uint64
	seconds     []secondly
}

type secondly struct {
	second int64
	wire   uint64
}

// earlySeconds is for how many seconds with traffic a flow may stay unknown
// and still have all its bytes counted for its protocol.
const earlySeconds = 8

func newTables(limit int) *tables {
	t := &tables{protocols: map[string]*tally{}, early: map[events.StreamKey]*waiting{}, earlyLimit: limit, hints: map[events.StreamKey]number{}}
	t.hosts.init(limit)
	return t
}

func (t *tables) protocol(name string) *tally {
	if t.last != nil && t.lastName == name {
		return t.last
	}
	p := t.protocols[name]
	if p == nil {
		k := about(name)
		p = &tally{category: numberOf(k.category), named: k.filter != ""}
		t.protocols[name] = p
	}
	t.last, t.lastName = p, name
	return p
}

// nameOf is what a flow is counted as: its protocol, or what IP calls it where
// there is no transport with ports.
func nameOf(protocol string, e *events.Event) string {
	switch {
	case protocol != "":
		return protocol
	case e.Flow.Proto == events.ProtoTCP || e.Flow.Proto == events.ProtoUDP:
		return unknownName
	}
	return events.TransportName(e.Flow.Proto)
}

func (t *tables) bytes(b *events.FlowBytes, e *events.Event) {
	c := Counts{Packets: uint64(b.ClientPackets) + uint64(b.ServerPackets), Bytes: b.ClientBytes + b.ServerBytes, WireBytes: b.WireBytes}
	name := nameOf(b.Protocol, e)
	frame := e.Pos.Frame
	if name == unknownName {
		t.wait(c, b.Second, e)
	} else {
		t.known(name, e)
	}
	p := t.protocol(name)
	p.add(c)
	p.seen(frame)
	t.total.add(c)
	t.total.seen(frame)
	to := t.purpose(p, e)
	if u := p.use(to); u != nil {
		u.add(c)
		u.seen(frame)
		u.on(e.Flow.ServerPort)
	}
	t.series.add(b.Second, to, c)
	t.hosts.add(e.Flow.Client, frame, c, b.ClientBytes, b.ServerBytes)
	if e.Flow.Server != e.Flow.Client {
		t.hosts.add(e.Flow.Server, frame, c, b.ServerBytes, b.ClientBytes)
	}
}

// wait remembers bytes of a flow that may yet be recognised.
func (t *tables) wait(c Counts, second int64, e *events.Event) {
	w := t.early[e.Key()]
	if w == nil {
		if len(t.early) >= t.earlyLimit {
			t.limited++ // they stay unknown
			return
		}
		w = &waiting{first: e.Pos.Frame}
		t.early[e.Key()] = w
	}
	if len(w.seconds) == earlySeconds {
		return
	}
	w.add(c)
	w.last = e.Pos.Frame
	w.seconds = append(w.seconds, secondly{second, c.WireBytes})
}

// known moves what was counted as unknown to the protocol that it was.
func (t *tables) known(name string, e *events.Event) {
	if len(t.early) == 0 {
		return
	}
	w := t.early[e.Key()]
	if w == nil {
		return
	}
	delete(t.early, e.Key())
	p, u := t.protocol(name), t.protocol(unknownName)
	p.add(w.Counts)
	u.sub(w.Counts)
	p.seen(w.first)
	p.seen(w.last)
	to := t.purpose(p, e)
	if x := p.use(to); x != nil {
		x.add(w.Counts)
		x.seen(w.first)
		x.seen(w.last)
		x.on(e.Flow.ServerPort)
	}
	for _, s := range w.seconds {
		t.series.move(s.second, unknownNumber, to, s.wire)
	}
}

func (t *tables) end(b *events.FlowEnd, e *events.Event) {
	name := nameOf(b.Protocol, e)
	if name != unknownName {
		t.known(name, e)
	}
	if len(t.early) > 0 {
		delete(t.early, e.Key())
	}
	p := t.protocol(name)
	p.flows++
	p.seen(b.FirstFrame)
	p.seen(b.LastFrame)
	if u := p.use(t.purpose(p, e)); u != nil {
		u.flows++
		u.seen(b.FirstFrame)
		u.seen(b.LastFrame)
		u.on(e.Flow.ServerPort)
	}
	if len(t.hints) > 0 {
		delete(t.hints, e.Key())
	}
	// Wireshark has no filter for what it does not know: name some flows.
	if !p.named && len(p.streams) < namedStreams && (e.Flow.Proto == events.ProtoTCP || e.Flow.Proto == events.ProtoUDP) {
		p.streams = append(p.streams, e.Key())
	}
	t.total.flows++
	t.total.seen(b.FirstFrame)
	t.total.seen(b.LastFrame)
	t.hosts.end(e.Flow.Client)
	if e.Flow.Server != e.Flow.Client {
		t.hosts.end(e.Flow.Server)
	}
}
