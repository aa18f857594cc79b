package report

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Coverage gathers from the events of flows what was not decoded, and why.
// The zero value is ready; its memory is bounded.
type Coverage struct {
	flows      uint64
	bytes      uint64
	encrypted  tally
	unknown    tally
	gaps       tally // by reason
	limits     tally // by name
	violations tally // by protocol
	guessed    uint64
	dropped    uint64 // packets that the capture says it lost
	losses     uint64 // places where
}

// CoverageKinds are the events that Coverage looks at.
func CoverageKinds() events.KindSet {
	return events.SetOf(events.KindFlowEnd, events.KindFlowDetected, events.KindFlowGap, events.KindFlowDropped, events.KindFlowLimit, events.KindFlowViolation)
}

// tally counts flows or happenings, and bytes, by a name.
type tally struct {
	n, bytes uint64
	names    map[string]*share
}

type share struct{ n, bytes uint64 }

// maxNames bounds the names of a tally; what comes after is counted under
// "other".
const maxNames = 1024

func (t *tally) add(name string, bytes uint64) {
	t.n++
	t.bytes += bytes
	if t.names == nil {
		t.names = map[string]*share{}
	}
	s := t.names[name]
	if s == nil {
		if len(t.names) >= maxNames {
			name = "other"
		}
		if s = t.names[name]; s == nil {
			s = &share{}
			t.names[name] = s
		}
	}
	s.n++
	s.bytes += bytes
}

// top lists the names with the most, at most k: "tls ×10, quic ×2, 3 others".
func (t *tally) top(k int) string {
	type named struct {
		name string
		share
	}
	all := make([]named, 0, len(t.names))
	for name, s := range t.names {
		all = append(all, named{name, *s})
	}
	slices.SortFunc(all, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	var parts []string
	for i, a := range all {
		if i == k && len(all) > k+1 {
			parts = append(parts, strconv.Itoa(len(all)-k)+" others")
			break
		}
		parts = append(parts, a.name+" ×"+analyzers.CountText(int64(a.n)))
	}
	return strings.Join(parts, ", ")
}

// Event counts e. e is not kept.
func (c *Coverage) Event(e *events.Event) {
	switch b := e.Body.(type) {
	case *events.FlowEnd:
		n := b.ClientBytes + b.ServerBytes
		c.flows++
		c.bytes += n
		switch {
		case b.Encrypted:
			c.encrypted.add(b.Protocol, n)
		case b.Protocol == "" && n > 0:
			c.unknown.add(wherefrom(e), n)
		}
	case *events.FlowDetected:
		if b.Roles != "" {
			c.guessed++
		}
	case *events.FlowGap:
		c.gaps.add(b.Reason, uint64(max(b.Bytes, 0)))
	case *events.FlowDropped:
		c.dropped += uint64(b.Packets)
		c.losses++
	case *events.FlowLimit:
		c.limits.add(b.Limit, uint64(max(b.Bytes, 0)))
	case *events.FlowViolation:
		c.violations.add(or(b.Protocol, e.Flow.Transport()), uint64(max(b.Bytes, 0)))
	}
}

// Row takes a row that is no answer, but says that a question reached a limit;
// it is false for others.
func (c *Coverage) Row(r *analyzers.Row) bool {
	l, ok := r.Value.(analyzers.LimitReached)
	if ok {
		c.limits.add(l.Limit+" of "+r.Key, 0)
	}
	return ok
}

// wherefrom names a flow of unknown protocol: "tcp/9999".
func wherefrom(e *events.Event) string {
	switch e.Flow.Proto {
	case events.ProtoTCP, events.ProtoUDP, events.ProtoSCTP:
		return e.Flow.Transport() + "/" + strconv.Itoa(int(e.Flow.ServerPort))
	}
	return e.Flow.Transport()
}

// notDecoded are the last lines of a report: a label and what it says.
func (c *Coverage) notDecoded(s *Capture, names int) [][2]string {
	var out [][2]string
	add := func(label, text string) { out = append(out, [2]string{label, text}) }
	for _, d := range s.Dropped {
		text := count(d.Packets, "packet") + " " + d.By
		if d.Advice != "" {
			text += " (" + d.Advice + ")"
		}
		add("dropped", text)
	}
	if c.dropped > 0 && len(s.Dropped) == 0 {
		add("dropped", count(c.dropped, "packet")+" in "+count(c.losses, "place")+", as the capture file says")
	}
	if t := &c.encrypted; t.n > 0 {
		add("encrypted", count(t.n, "flow")+", "+analyzers.BytesText(int64(t.bytes))+": "+t.top(names))
	}
	if t := &c.unknown; t.n > 0 {
		add("unknown", count(t.n, "flow")+", "+analyzers.BytesText(int64(t.bytes))+": "+t.top(names))
	}
	if t := &c.gaps; t.n > 0 {
		add("never captured", analyzers.BytesText(int64(t.bytes))+" in "+count(t.n, "gap")+" (found by: "+t.top(names)+")")
	}
	if t := &c.limits; t.n > 0 {
		text := count(t.n, "limit") + " reached: " + t.top(names)
		if t.bytes > 0 {
			text += ", " + analyzers.BytesText(int64(t.bytes)) + " given up"
		}
		add("limits", text+" (raise with --limits)")
	}
	if t := &c.violations; t.n > 0 {
		add("malformed", count(t.n, "violation")+" of a protocol: "+t.top(names)+" (decode --only flow.violation)")
	}
	var packets []string
	for _, p := range []struct {
		n    uint64
		what string
	}{
		{s.NotIP, "not IP"},
		{s.Malformed, "with bad headers"},
		{s.UnknownLink, "of an unknown link type"},
		{s.Incomplete, "datagrams that lack an IP fragment"},
		{s.CutBySnaplen, "cut by the snaplen"},
	} {
		if p.n > 0 {
			packets = append(packets, analyzers.CountText(int64(p.n))+" "+p.what)
		}
	}
	if len(packets) > 0 {
		add("packets", strings.Join(packets, ", "))
	}
	if s.Filter != "" {
		add("filtered", count(s.Filtered, "packet")+" not selected by the filter "+clean(s.Filter))
	}
	if c.guessed > 0 {
		add("roles guessed", count(c.guessed, "flow")+" joined midway: who is the client was decided by content or port")
	}
	return out
}
