package decodertest

import (
	"bytes"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Run plays c to a new decoder of p, exactly as decoders.Stream (or
// decoders.Datagram) promises, and fails t where the decoder breaks its part
// of that contract.
func Run(t testing.TB, p decoders.Proto, c Conversation) *Tape {
	t.Helper()
	tape := Play(p, c)
	if err := tape.Broken(); err != nil {
		t.Errorf("%s: %s: the contract of package decoders is broken:\n%v", p.Name, c.Name, err)
	}
	return tape
}

// Play is Run for those who look at Tape.Broken themselves.
func Play(p decoders.Proto, c Conversation) *Tape {
	tape := new(Tape)
	out := &sink{tape: tape, proto: p, inner: c.Inner, env: c.env()}
	if c.Datagram {
		playPackets(p, c, out)
	} else {
		playStream(p, c, out)
	}
	tape.settle()
	return tape
}

// markOf is the mark of chunk i: one frame a chunk, one millisecond apart.
func markOf(c Conversation, i int) decoders.Mark {
	frame := c.Chunks[i].frame
	if frame == 0 {
		frame = uint64(i) + 1
	}
	return decoders.Mark{Frame: frame, Time: events.Time(frame) * 1e6}
}

func playPackets(p decoders.Proto, c Conversation, out *sink) {
	d := p.Datagram(out.env)
	for i, ch := range c.Chunks {
		if ch.Lost > 0 || ch.End != 0 {
			continue // nobody is told of a lost datagram
		}
		out.mark = markOf(c, i)
		given := newLoan(ch.Bytes)
		out.calling = true
		err := d.Packet(decoders.Window{From: ch.From, Bytes: given.bytes, Frame: out.mark.Frame, Time: out.mark.Time, Missing: ch.Missing}, out)
		out.calling = false
		given.back(out.tape)
		if err != nil {
			out.tape.Err = err
			out.emit(ch.From, &events.FlowViolation{Protocol: p.Name, Reason: err.Error()}, false)
		}
	}
	if d, ok := d.(decoders.DatagramEnder); ok {
		out.calling = true
		d.End(events.EndCaptureOver, out)
		out.calling = false
	}
}

func playStream(p decoders.Proto, c Conversation, out *sink) {
	r := newStreamRun(p, out.env, out)
	var mark decoders.Mark
	for i, ch := range c.Chunks {
		mark = markOf(c, i)
		switch {
		case ch.Lost > 0:
			r.gap(ch.From, ch.Lost, mark)
		case ch.End != 0:
			r.end(ch.From, ch.End, mark)
		default:
			r.data(ch.From, ch.Bytes, mark)
		}
	}
	for from := events.FromClient; from <= events.FromServer; from++ {
		r.end(from, events.EndCaptureOver, mark)
	}
	if out.switched != nil {
		for from := range r.side {
			out.tape.Rest[from] = r.side[from].bytes
		}
	}
}

// loan is bytes lent to a decoder: of exact capacity, checked for writes and
// spoiled when they come back.
type loan struct{ bytes, want []byte }

func newLoan(b []byte) loan {
	l := make([]byte, len(b))
	copy(l, b)
	return loan{l[:len(l):len(l)], b}
}

func (l loan) back(t *Tape) {
	if !bytes.Equal(l.bytes, l.want) {
		t.breach("the decoder wrote to borrowed bytes")
	}
	for i := range l.bytes {
		l.bytes[i] = '!'
	}
}

// streamRun does for one decoders.Stream what flows does.
type streamRun struct {
	dec  decoders.Stream
	out  *sink
	side [2]side
	dead bool // erred
}

// side is what flows keeps of one direction.
type side struct {
	bytes  []byte          // not taken yet
	spans  []decoders.Span // marks of bytes, the newest packet included
	offset int64           // stream offset of bytes[0]
	want   int             // do not offer fewer
	over   bool
}

func newStreamRun(p decoders.Proto, env decoders.Env, out *sink) *streamRun {
	return &streamRun{dec: p.Stream(env), out: out}
}

// call runs f with the sink open, at mark m.
func (r *streamRun) call(m decoders.Mark, f func()) {
	r.out.mark = m
	r.out.calling = true
	f()
	r.out.calling = false
}

func (r *streamRun) fail(from events.Dir, err error) {
	r.dead = true
	if r.out.layer == "" {
		r.out.tape.Err = err
	}
	r.out.emit(from, &events.FlowViolation{Protocol: r.out.proto.Name, Reason: err.Error()}, false)
}

func (r *streamRun) stopped() bool { return r.dead || r.out.switched != nil }

func (r *streamRun) data(from events.Dir, b []byte, m decoders.Mark) {
	s := &r.side[from]
	if s.over || len(b) == 0 {
		return
	}
	s.add(b, m)
	if r.stopped() {
		return
	}
	if r.offer(from, m) {
		r.settle(from.Other(), m)
	}
}

// settle offers d, whose other side made progress, and then the sides in turn,
// until neither takes anything. It ends: progress is bytes taken.
func (r *streamRun) settle(d events.Dir, m decoders.Mark) {
	for vain := 0; vain < 2; d = d.Other() {
		if r.offer(d, m) {
			vain = 0
		} else {
			vain++
		}
	}
}

// offer calls Data once, where it may be called, and says whether bytes were
// taken.
func (r *streamRun) offer(from events.Dir, m decoders.Mark) (progress bool) {
	s := &r.side[from]
	if r.stopped() || s.over || len(s.bytes) == 0 || len(s.bytes) < s.want {
		return false
	}
	given := newLoan(s.bytes)
	w := decoders.Window{From: from, Bytes: given.bytes, Offset: s.offset, Frame: m.Frame, Time: m.Time, Spans: s.window(m)}
	var used, want int
	var err error
	r.call(m, func() { used, want, err = r.dec.Data(w, r.out) })
	given.back(r.out.tape)
	t := r.out.tape
	if used < 0 || used > len(s.bytes) {
		t.breach("Data used %d of %d bytes", used, len(s.bytes))
		used = min(max(used, 0), len(s.bytes))
	}
	s.take(used)
	if err != nil {
		r.fail(from, err)
		return false
	}
	switch {
	case r.out.switched != nil:
	case want < 0:
		t.breach("Data wants %d bytes", want)
		want = 0
	case want > 0 && want <= len(s.bytes):
		t.breach("Data wants %d bytes, and %d were there: it should have taken them", want, len(s.bytes))
		want = 0
	case want > r.out.env.Limits.Waiting:
		t.breach("Data wants %d bytes, more than flows keeps (%d)", want, r.out.env.Limits.Waiting)
	}
	s.want = want
	return used > 0
}

func (r *streamRun) gap(from events.Dir, n int64, m decoders.Mark) {
	s := &r.side[from]
	if s.over {
		return
	}
	lost := s.offset + int64(len(s.bytes))
	if r.out.switched == nil {
		s.take(len(s.bytes))
	}
	s.offset += n
	s.want = 0
	if r.stopped() {
		return
	}
	if r.out.layer == "" {
		r.out.mark = m
		r.out.emit(from, &events.FlowGap{Protocol: r.out.proto.Name, Reason: "acked", Bytes: n, Offset: lost}, false)
	}
	var err error
	r.call(m, func() { err = r.dec.Gap(from, n, r.out) })
	if err != nil {
		r.fail(from, err)
		return
	}
	r.settle(from.Other(), m)
}

func (r *streamRun) end(from events.Dir, why events.Ending, m decoders.Mark) {
	s := &r.side[from]
	if s.over {
		return
	}
	s.over = true
	if r.stopped() {
		return
	}
	s.take(len(s.bytes))
	r.call(m, func() { r.dec.End(from, why, r.out) })
	r.settle(from.Other(), m)
}

// add appends b, which packet m carried.
func (s *side) add(b []byte, m decoders.Mark) {
	if n := len(s.spans); n == 0 || s.spans[n-1].Mark != m {
		s.spans = append(s.spans, decoders.Span{Off: len(s.bytes), Mark: m})
	}
	s.bytes = append(s.bytes, b...)
}

// take drops n bytes from the front.
func (s *side) take(n int) {
	s.bytes = s.bytes[n:]
	s.offset += int64(n)
	if len(s.bytes) == 0 {
		s.bytes, s.spans = nil, nil
		return
	}
	var kept []decoders.Span
	for i, sp := range s.spans {
		if i+1 < len(s.spans) && s.spans[i+1].Off <= n {
			continue
		}
		sp.Off = max(0, sp.Off-n)
		kept = append(kept, sp)
	}
	s.spans = kept
}

// window is the Spans of a window at packet m: empty when m carried all.
func (s *side) window(m decoders.Mark) []decoders.Span {
	if len(s.spans) == 1 && s.spans[0].Mark == m {
		return nil
	}
	return append([]decoders.Span(nil), s.spans...)
}
