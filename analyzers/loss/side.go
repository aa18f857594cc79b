package loss

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// what a mark says. Each is counted apart.
type what uint8

const (
	remark what = iota // what the question does not count: keep-alives, probes
	fast
	timeout
	spurious
	other // retransmissions of no known reason
	outOfOrder
	hole
	neverSeen
	acknowledged // never seen here, but received
	duplicate
	zeroWindow
	whats
)

func of(b *events.TCPSegment) what {
	switch b.Mark {
	case events.KindTCPRetransmission:
		switch b.Why {
		case "fast":
			return fast
		case "spurious":
			return spurious
		case "timeout":
			return timeout
		}
		return other
	case events.KindTCPOutOfOrder:
		return outOfOrder
	case events.KindTCPLost:
		return hole
	case events.KindTCPDuplicateACK:
		return duplicate
	case events.KindTCPZeroWindow:
		if b.Why == "window" {
			return zeroWindow
		}
	}
	return remark
}

// mark is one thing said of what a side sent.
type mark struct {
	what  what
	bytes int64
	frame uint64
	time  events.Time
	after events.Duration
}

// side is all that is kept of the marks of one side.
type side struct {
	tallies [whats]Tally
	acked   int64
	wait    analyzers.Union
	frames  [analyzers.MaxFrames]uint64 // of the first marks
	marks   uint64
}

func (d *side) add(m *mark) {
	if d.marks < uint64(len(d.frames)) {
		d.frames[d.marks] = m.frame
	}
	d.marks++
	w := m.what
	switch w {
	case timeout:
		d.wait.Add(m.time.Add(-m.after), m.time)
	case acknowledged:
		d.acked += m.bytes
		w = neverSeen
	}
	d.tallies[w].add(m.bytes)
}
