// Package flows turns packets into conversations: it finds the flow of each
// packet, numbers it as Wireshark does, puts TCP bytes in order, decides what
// was lost, finds out which protocol speaks, and lets its decoder read. It
// keeps all bytes, all time and all limits; it must not know the meaning of
// any protocol above the transport.
//
// The work is in two steps, so that all cores can share it: one Dispatcher
// walks over the packets of a batch in order (link, tunnels, fragments, flow
// look-up) and spreads them over Workers by host pair; each Worker does the
// rest for its flows. The events of a batch, merged by position, do not depend
// on the number of workers.
package flows

import (
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Config is what flows must know.
type Config struct {
	Limits      *events.Limits
	Protos      []decoders.Proto
	Want        events.KindSet // kinds that somebody listens to; others are not made
	Hash        bool
	ShowSecrets bool
	Workers     int // at least 1
}

// Stats counts packets that never reached a flow, and all of them.
type Stats struct {
	Packets, Bytes uint64 // Bytes as on the wire
	First, Last    events.Time
	NotIP          uint64 // ARP, STP, …
	Malformed      uint64 // headers wrong or cut off
	UnknownLink    uint64 // link type or encapsulation not known
	Fragments      uint64 // IP fragments that did not complete a datagram
	Incomplete     uint64 // IP datagrams that lack a fragment at the end
	CutBySnaplen   uint64 // packets of which the capture holds a part only
	Filtered       uint64 // packets that a capture filter left out before; they are in none of the others
}

// Work is one batch on its way: filled by the Dispatcher, worked off by the
// Workers, read by the merger, then used again.
type Work struct {
	Batch *capture.Batch
	// Slot tells apart the Works of one run that are on their way at once,
	// from 0.
	Slot int
	// Frame and Time are those of the last packet dispatched so far.
	Frame uint64
	Time  events.Time
	// Ticks are the moments at which those who keep something by capture time
	// look at what is over.
	Ticks []Tick

	ops     [][]op   // by worker
	records records  // of the flows in ops
	out     []output // by worker
	cut     []uint32 // merge: next event of each worker
	ended   []uint32 // records whose flow ends here
	resumed []pastFlow
}

// Tick is a moment before the packet Frame, at its time: the first packet of a
// second, one of every few thousand, and each before which the capture lost
// packets. It depends on packets only, not on how they came in batches.
type Tick struct {
	Frame   uint64
	Time    events.Time
	Dropped uint32      // packets lost by the capture
	Since   events.Time // of the packet before those
}

// NewWork makes a Work for n workers.
func NewWork(n int) *Work {
	return &Work{Batch: new(capture.Batch), ops: make([][]op, n), out: make([]output, n), cut: make([]uint32, n)}
}

func (w *Work) reset() {
	w.Ticks = w.Ticks[:0]
	w.ended, w.resumed = w.ended[:0], w.resumed[:0]
	for i := range w.ops {
		w.ops[i] = w.ops[i][:0]
		w.out[i].reset()
		w.cut[i] = 0
	}
}

type opKind uint8

const (
	opTCP opKind = iota
	opUDP
	opOther // another IP protocol: counted only
	opEnd
	opLimit  // a limit of the dispatcher was reached
	opLost   // the capture lost rec packets before this one
	opResume // the next op goes on with a flow of the past: Work.resumed[rec]
)

// op is one thing that a worker has to do.
type op struct {
	kind  opKind
	dir   uint8 // 0: the packet was sent by key.lo
	fresh bool  // first packet of its flow
	why   events.Ending
	flags uint8 // TCP
	hl    uint8 // bytes of the transport header
	win   uint16
	rec   uint32
	ord   uint32 // place among the ops of the batch
	frame uint64
	time  events.Time
	seg   []byte // transport header and payload as captured
	plen  int32  // bytes of payload on the wire
	wire  uint32 // bytes of the frame on the wire
	seq   uint32
	ack   uint32
	limit *events.FlowLimit
}

// output gathers the events that one worker makes of one batch.
type output struct {
	events []events.Event
	rtt    decoders.Slab[events.TCPRTT]
	bytes  decoders.Slab[events.FlowBytes]
	ends   decoders.Slab[events.FlowEnd]
}

func (o *output) reset() {
	clear(o.events)
	o.events = o.events[:0]
	o.rtt.Reset()
	o.bytes.Reset()
	o.ends.Reset()
}

// Merger puts the events of all workers in Pos order.
type Merger struct {
	frame uint64
	sub   uint32
	list  []*events.Event
}

// Merge numbers and orders the events of a finished Work. The slice and the
// events are borrowed until the next Merge or until the Work is used again.
func (m *Merger) Merge(w *Work) []*events.Event {
	m.list = m.list[:0]
	for {
		best := -1
		var b *events.Event
		for i := range w.out {
			if n := int(w.cut[i]); n < len(w.out[i].events) {
				e := &w.out[i].events[n]
				if best < 0 || e.Pos.Less(b.Pos) {
					best, b = i, e
				}
			}
		}
		if best < 0 {
			return m.list
		}
		// Until here Sub holds the number of the op; all events of one op
		// come from one worker, in order.
		evs, n := w.out[best].events, int(w.cut[best])
		for at := b.Pos; n < len(evs) && evs[n].Pos == at; n++ {
			e := &evs[n]
			if e.Pos.Frame != m.frame {
				m.frame, m.sub = e.Pos.Frame, 0
			}
			e.Pos.Sub = m.sub
			m.sub++
			m.list = append(m.list, e)
		}
		w.cut[best] = uint32(n)
	}
}
