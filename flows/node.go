package flows

import (
	"slices"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// node is one protocol on one stream: the bytes that its decoder has not
// taken, and the decoder once it is known. It is the decoder's Sink.
type node struct {
	w     *Worker
	r     *record
	path  string // layers below: "tcp"
	layer string // with this protocol: "tcp/http1"
	depth int
	root  bool // the flow's own stream, not one opened inside it

	phase     phase
	proto     int // index into Worker.protos, of the decoder
	stream    decoders.Stream
	by        string // how it was detected
	announced bool   // flow.detected was told
	tried     uint64 // protocols that were tried in vain, by index
	hint      any
	next      *decoders.Next // Switch was called
	working   bool           // inside a call of the decoder
	kids      []*node
	among     *[]*node       // the kids that it is one of; nil: it was not opened, or is over
	want      events.KindSet // on trial: all, for what is said decides
	side      [2]side
	span      [1]decoders.Span
}

type phase uint8

const (
	searching phase = iota // the protocol is not known: bytes are kept
	trial                  // chosen by port: bytes are kept until it says something
	reading                // only what the decoder did not take is kept
	deaf                   // nothing is read any more
)

// side is what one speaker said.
type side struct {
	buf     []byte // kept bytes
	spans   []decoders.Span
	off     int64  // stream offset of buf[0]
	taken   int    // on trial: bytes at the front of buf that the decoder took
	want    int    // do not offer fewer
	stalled bool   // took nothing when last asked: waits for the other side
	missed  int64  // bytes lost before a decoder was there
	no      uint64 // protocols that these bytes are not, by index
	mute    bool   // searching: nothing can come of these bytes; they are not kept
	over    bool
	told    bool // End was told to the decoder
	why     events.Ending
}

// waits: what is kept can be read only when the other side has spoken.
func (s *side) waits() bool { return len(s.buf) > s.taken && s.want == 0 }

// keep holds bytes for later, in memory that sides lend each other.
func (n *node) keep(s *side, p []byte, m decoders.Mark) {
	if k := len(n.w.bufs); s.buf == nil && k > 0 {
		s.buf = n.w.bufs[k-1]
		n.w.bufs = n.w.bufs[:k-1]
	}
	if n := len(s.spans); n == 0 || s.spans[n-1].Frame != m.Frame {
		s.spans = append(s.spans, decoders.Span{Off: len(s.buf), Mark: m})
	}
	s.buf = append(s.buf, p...)
}

// drop removes n bytes from the front.
func (s *side) drop(w *Worker, n int) {
	if n == 0 {
		return
	}
	s.off += int64(n)
	if n == len(s.buf) {
		s.lend(w)
		return
	}
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	i := 0
	for i+1 < len(s.spans) && s.spans[i+1].Off <= n {
		i++
	}
	s.spans = s.spans[:copy(s.spans, s.spans[i:])]
	for j := range s.spans {
		s.spans[j].Off = max(0, s.spans[j].Off-n)
	}
}

// lend gives the memory of a side that holds nothing to whoever needs it.
func (s *side) lend(w *Worker) {
	if cap(s.buf) > 0 && cap(s.buf) <= 16<<10 && len(w.bufs) < 256 {
		w.bufs = append(w.bufs, s.buf[:0])
	}
	s.buf, s.spans = nil, s.spans[:0]
}

func (s *side) clear(w *Worker) {
	s.lend(w)
	s.taken, s.want, s.stalled = 0, 0, false
}

// data takes bytes of one side that are next in order; off is their offset in
// the stream and m where they came from.
func (n *node) data(from events.Dir, p []byte, off int64, m decoders.Mark) {
	s := &n.side[from]
	switch n.phase {
	case deaf:
		return
	case searching, trial:
		if s.mute && n.phase == searching {
			s.missed += int64(len(p))
			return
		}
		if n.phase == searching && len(n.side[0].buf)+len(n.side[1].buf) == 0 {
			if who, ok := n.glance(from, p); ok {
				from = who
				s = &n.side[from]
				break
			}
			if n.phase == deaf {
				return
			}
		}
		if len(s.buf) == 0 {
			s.off = off
		}
		n.keep(s, p, m)
		if n.phase == trial && !n.announced {
			n.confirm(from)
		}
		if n.phase == searching {
			n.search(false)
		} else {
			n.offer(from)
		}
		return
	}
	if len(s.buf) > 0 || len(p) < s.want {
		if len(s.buf) == 0 {
			s.off = off
		}
		n.keep(s, p, m)
		if len(s.buf) >= s.want {
			n.offer(from)
		}
		n.bound(from)
		return
	}
	win := decoders.Window{From: from, Bytes: p, Offset: off, Frame: n.w.op.frame, Time: n.w.op.time}
	if m.Frame != win.Frame {
		n.span[0] = decoders.Span{Mark: m}
		win.Spans = n.span[:]
	}
	used, ok := n.call(&win)
	if !ok {
		return
	}
	s.off = off + int64(used)
	if used < len(p) {
		n.keep(s, p[used:], m)
	}
	if n.next != nil {
		n.become()
		return
	}
	if used > 0 && n.side[from.Other()].waits() {
		n.offer(from.Other()) // what it left may be readable now
	}
	n.bound(from)
}

// call lets the decoder look at a window; ok is false when it is gone.
func (n *node) call(win *decoders.Window) (used int, ok bool) {
	s := &n.side[win.From]
	n.working = true
	used, want, err := n.stream.Data(*win, n)
	n.working = false
	if used < 0 || used > len(win.Bytes) {
		panic("flows: decoder " + n.w.protos[n.proto].Name + " took bytes that are not there")
	}
	s.want = want
	s.stalled = used == 0 && want == 0 && len(win.Bytes) > 0
	if err != nil {
		n.fail(err)
		return used, false
	}
	return used, true
}

// offer lets the decoder look at kept bytes, in turns, while it makes
// progress.
func (n *node) offer(from events.Dir) {
	for vain := 0; ; {
		s := &n.side[from]
		b := s.buf[s.taken:]
		if len(b) == 0 || len(b) < s.want {
			return
		}
		win := decoders.Window{From: from, Bytes: b, Offset: s.off + int64(s.taken), Frame: n.w.op.frame, Time: n.w.op.time, Spans: s.spans}
		if s.taken > 0 {
			win.Spans = spansFrom(s.spans, s.taken)
		}
		used, ok := n.call(&win)
		if !ok {
			return
		}
		if n.phase == trial {
			s.taken += used
			n.settle()
		} else {
			s.drop(n.w, s.taken+used)
			s.taken = 0
		}
		if n.next != nil {
			n.become()
			return
		}
		if used == 0 {
			vain++
		} else {
			vain = 0
		}
		if other := &n.side[from.Other()]; vain < 2 && other.waits() && (vain == 0 || !other.stalled) {
			from = from.Other()
			continue
		}
		if used == 0 || len(s.buf) == s.taken || s.want > len(s.buf)-s.taken {
			return
		}
	}
}

func spansFrom(spans []decoders.Span, off int) []decoders.Span {
	i := 0
	for i+1 < len(spans) && spans[i+1].Off <= off {
		i++
	}
	out := append([]decoders.Span(nil), spans[i:]...)
	for j := range out {
		out[j].Off = max(0, out[j].Off-off)
	}
	return out
}

// settle ends the trial once the decoder has said something, or has read as
// much as may be kept.
func (n *node) settle() {
	if !n.announced && len(n.side[0].buf) <= n.w.limits.Unknown && len(n.side[1].buf) <= n.w.limits.Unknown {
		return
	}
	n.accept()
}

// accept ends the trial: the protocol is what it was tried as.
func (n *node) accept() {
	n.announce()
	n.phase, n.want = reading, n.w.cfg.Want
	for i := range n.side {
		s := &n.side[i]
		s.drop(n.w, s.taken)
		s.taken = 0
	}
}

// bound gives up a decoder that lets too many bytes wait.
func (n *node) bound(from events.Dir) {
	s := &n.side[from]
	if len(s.buf) <= n.w.limits.Waiting || n.phase != reading {
		return
	}
	n.w.emit(n.r, from, n.layer, false, &events.FlowLimit{Protocol: n.w.protos[n.proto].Name, Limit: "waiting", Value: int64(n.w.limits.Waiting),
		Reason: "its decoder is given up", Bytes: int64(len(s.buf))})
	n.deafen()
}

// gap tells that k bytes of one side are lost.
func (n *node) gap(from events.Dir, k int64) {
	s := &n.side[from]
	switch n.phase {
	case deaf:
		return
	case searching:
		if len(s.buf) > 0 {
			n.search(true)
		}
		if n.phase == searching {
			s.missed += k + int64(len(s.buf))
			s.clear(n.w)
			s.no, s.mute = 0, false // what follows may begin with a message
			return
		}
		if n.phase == deaf {
			return
		}
	}
	if n.phase == trial {
		n.accept()
	}
	s.clear(n.w)
	n.working = true
	err := n.stream.Gap(from, k, n)
	n.working = false
	if err != nil {
		n.fail(err)
		return
	}
	if n.next != nil {
		n.become()
	}
	if o := from.Other(); n.phase == reading && n.side[o].stalled {
		n.offer(o)
	}
}

// end tells that a side is over.
func (n *node) end(from events.Dir, why events.Ending) {
	s := &n.side[from]
	if s.over {
		return
	}
	s.over, s.why = true, why
	if n.phase == searching && len(s.buf) > 0 {
		n.search(true)
	}
	n.tellEnds()
}

func (n *node) tellEnds() {
	for i := range n.side {
		s := &n.side[i]
		if n.phase == deaf || n.phase == searching || !s.over || s.told {
			continue
		}
		if s.stalled && !n.side[i^1].over {
			continue // it waits for the other side, which may still speak
		}
		s.told = true
		n.working = true
		n.stream.End(events.Dir(i), s.why, n)
		n.working = false
		if n.next != nil {
			n.become()
		}
		if o := events.Dir(i ^ 1); (n.phase == reading || n.phase == trial) && n.side[o].stalled {
			n.offer(o)
		}
	}
}

func (n *node) deafen() {
	n.phase = deaf
	n.stream, n.hint, n.next = nil, nil, nil
	n.side[0].clear(n.w)
	n.side[1].clear(n.w)
	for _, k := range n.kids {
		k.among = nil
		k.deafen()
	}
	n.kids = nil
}

// join makes n one of the streams opened inside another.
func (n *node) join(kids *[]*node) {
	n.among = kids
	*kids = append(*kids, n)
}

// leave ends a stream that was opened inside another.
func (n *node) leave() {
	if n.among != nil {
		*n.among = slices.DeleteFunc(*n.among, func(k *node) bool { return k == n })
		n.among = nil
	}
	n.deafen()
}

// fail ends the decoder: on trial the next one gets its chance.
func (n *node) fail(err error) {
	name := n.w.protos[n.proto].Name
	if n.phase == trial && !n.announced {
		n.reject()
		n.search(false)
		return
	}
	n.w.emit(n.r, events.FromClient, n.layer, false, &events.FlowViolation{Protocol: name, Reason: err.Error()})
	n.deafen()
}

// reject ends the trial: what was tried is not it.
func (n *node) reject() {
	n.tried |= 1 << n.proto
	n.phase, n.stream, n.next = searching, nil, nil
	for i := range n.side {
		s := &n.side[i]
		s.taken, s.want, s.stalled, s.told = 0, 0, false, false
	}
}

// Emit implements decoders.Sink.
func (n *node) Emit(from events.Dir, b events.Body) {
	if !n.announced {
		n.announce()
	}
	n.w.emit(n.r, from, n.layer, false, b)
}

// Truncated implements decoders.Sink.
func (n *node) Truncated(from events.Dir, b events.Body) {
	if !n.announced {
		n.announce()
	}
	n.w.emit(n.r, from, n.layer, true, b)
}

// Switch implements decoders.Sink.
func (n *node) Switch(next decoders.Next) { n.next = &next }

// Expect implements decoders.Sink.
func (n *node) Expect(e decoders.Expectation) { n.w.expect(n.r, e) }

// Limit implements decoders.Sink.
func (n *node) Limit(name string, value int, reason string, b int64) {
	n.w.emit(n.r, events.FromClient, n.layer, false, &events.FlowLimit{Protocol: n.w.protos[n.proto].Name, Limit: name, Value: int64(value), Reason: reason, Bytes: b})
}

// Open implements decoders.Sink.
func (n *node) Open(next decoders.Next) decoders.Feed {
	k := &node{w: n.w, r: n.r, path: n.layer, layer: n.layer, depth: n.depth + 1}
	k.join(&n.kids)
	if k.depth > n.w.limits.Nesting {
		n.w.emit(n.r, events.FromClient, n.layer, false, &events.FlowLimit{Protocol: next.Protocol, Limit: "nesting", Value: int64(n.w.limits.Nesting), Reason: "what is inside is not read"})
		k.phase = deaf
	} else {
		k.start(next, "named")
	}
	return feed{k}
}

// feed is the door of a node for the decoder that opened it.
type feed struct{ n *node }

func (f feed) Data(from events.Dir, b []byte) {
	s := &f.n.side[from]
	f.n.data(from, b, s.off+int64(len(s.buf)), decoders.Mark{Frame: f.n.w.op.frame, Time: f.n.w.op.time})
}

func (f feed) Gap(from events.Dir, k int64) {
	s := &f.n.side[from]
	at := s.off + int64(len(s.buf))
	f.n.gap(from, k)
	s.off = at + k
}

func (f feed) End(from events.Dir, why events.Ending) {
	n := f.n
	n.end(from, why)
	if n.side[0].over && n.side[1].over {
		n.leave()
	}
}
