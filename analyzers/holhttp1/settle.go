package holhttp1

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// soon is how long after its turn a response may begin and still count as one
// that had been ready: it follows in the next packets. A full congestion
// window makes it wait for a round trip.
const soon = events.Duration(5 * time.Millisecond)

// keptBehind is how many blockers a row lists, keptNumbers how many of those
// behind one.
const (
	keptBehind  = 8
	keptNumbers = 32
)

// settle answers for the responses of a queue that are over. At any moment
// the line belongs to the first response that is not over, from when the one
// before it was: it has its turn. Until its first byte it is being made, then
// it is being sent.
func (f *fold) settle(k events.StreamKey, s *state, emit analyzers.Emit) {
	if len(s.queue) < 2 {
		return
	}
	var done []*exchange
	for i := range s.queue {
		if x := &s.queue[i]; x.progress == over || x.progress == begun {
			done = append(done, x)
		}
	}
	if len(done) < 2 {
		return
	}
	// Where something follows what only the end of the connection can end, its
	// last byte passed before, and nobody knows when.
	for _, x := range done[:len(done)-1] {
		if x.endless {
			s.endless++
			s.mark(x.firstFrame)
			s.mark(x.lastFrame)
		}
	}
	if s.endless > 0 {
		return
	}
	l := line{k: k, s: s, xs: done}
	l.turns()
	any := false
	for i := 1; i < len(done); i++ {
		l.waits(i)
		any = any || l.waited[i].waited > 0
	}
	if !any {
		return
	}
	l.save()
	l.emit(emit)
}

// line is a queue being settled.
type line struct {
	k      events.StreamKey
	s      *state
	xs     []*exchange
	turn   []events.Time // when the one before was over
	waited []wait
	held   [][]Behind // of each, behind whom
	jobs   []job      // with shared lines; empty: the rate is not known
	rate   float64
	back   []block // of each, who waited behind it
}

// wait is one response's.
type wait struct {
	waited, making, sending, turn events.Duration
	most                          int // the one it waited longest behind
}

// block is what one response did to those after it.
type block struct {
	count           uint32
	numbers         []uint32
	from, to        events.Time // when at least one waited
	making, sending events.Duration
	last, shared    events.Time // the end of those behind it most of all: as it was, with a shared line
	lastFrame       uint64
}

func (l *line) turns() {
	n := len(l.xs)
	l.turn, l.waited, l.held, l.back = make([]events.Time, n), make([]wait, n), make([][]Behind, n), make([]block, n)
	for i := 1; i < n; i++ {
		l.turn[i] = max(l.turn[i-1], l.xs[i-1].end)
	}
}

// start is when response i could have begun, as seen at the capture point.
func (l *line) start(i int) events.Time { return l.xs[i].asked.Add(l.s.rtt) }

// waits finds what response i waited for.
func (l *line) waits(i int) {
	x, w := l.xs[i], &l.waited[i]
	start := l.start(i)
	w.turn = max(x.first.Sub(max(start, l.turn[i])), 0)
	until := min(x.first, l.turn[i])
	if start >= until {
		return
	}
	var longest events.Duration
	for j := i - 1; j >= 0 && l.xs[j].end > start; j-- {
		o := l.xs[j]
		from, to := max(start, l.turn[j]), min(until, o.end)
		if from >= to {
			continue
		}
		began := min(max(o.first, from), to)
		b := Behind{Number: o.number, Target: o.request.Target, Waited: to.Sub(from), Making: began.Sub(from), Sending: to.Sub(began),
			RequestFrame: o.requestFrame, FirstFrame: o.firstFrame, LastFrame: o.lastFrame}
		w.making += b.Making
		w.sending += b.Sending
		if b.Waited >= longest {
			longest, w.most = b.Waited, j
		}
		l.held[i] = append(l.held[i], b)
		if len(l.held[i]) >= 4*keptBehind {
			l.held[i] = longestFirst(l.held[i])
		}
		l.back[j].add(x, from, to, b)
	}
	w.waited = w.making + w.sending
	l.held[i] = longestFirst(l.held[i])
}

func longestFirst(bs []Behind) []Behind {
	slices.SortFunc(bs, func(a, b Behind) int { return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.Number, b.Number)) })
	return bs[:min(len(bs), keptBehind)]
}

// add counts x, which waited. All that wait behind one do so at once: the
// time of all is that of the longest.
func (b *block) add(x *exchange, from, to events.Time, h Behind) {
	if b.count == 0 || from < b.from {
		b.from, b.making = from, h.Making
	}
	b.to = max(b.to, to)
	b.sending = max(b.to.Sub(b.from)-b.making, 0)
	b.count++
	if len(b.numbers) < keptNumbers {
		b.numbers = append(b.numbers, x.number)
	}
	b.lastFrame = max(b.lastFrame, x.lastFrame)
}

// save computes when each response would have been whole had they shared the
// line, at the rate that it had. Only those are moved that were ready when
// their turn came; when the others were made is not known.
func (l *line) save() {
	var bytes int64
	var busy events.Duration
	l.jobs = make([]job, len(l.xs))
	for i, x := range l.xs {
		bytes += x.bytes
		from := x.first
		ready := x.first
		if i > 0 && l.waited[i].turn <= max(soon, l.s.rtt) {
			from = min(from, max(l.turn[i], l.start(i)))
			ready = min(ready, l.start(i))
		}
		busy += max(x.end.Sub(max(from, l.turn[i])), 0)
		l.jobs[i] = job{ready: ready, bytes: x.bytes}
	}
	if busy <= 0 || bytes <= 0 {
		l.jobs = nil
		return
	}
	l.rate = float64(bytes) / (float64(busy) / 1e9)
	share(l.jobs, l.rate)
	for i, x := range l.xs {
		if l.waited[i].waited > 0 {
			b := &l.back[l.waited[i].most]
			b.last, b.shared = max(b.last, x.end), max(b.shared, l.jobs[i].done)
		}
	}
}

func (l *line) emit(emit analyzers.Emit) {
	for i, x := range l.xs {
		if w := &l.waited[i]; w.waited > 0 {
			v := l.value(Response, x)
			v.Waited, v.Making, v.Sending, v.Turn = w.waited, w.making, w.sending, w.turn
			v.Behind = l.held[i]
			if l.jobs != nil {
				d := x.end.Sub(l.jobs[i].done)
				v.Saved = &d
			}
			v.Frames = analyzers.Frames(x.requestFrame, v.Behind[0].FirstFrame, v.Behind[0].LastFrame, x.firstFrame, x.lastFrame)
			v.Filter = l.filter(min(x.requestFrame, v.Behind[0].RequestFrame), x.lastFrame)
			emit(l.key(x, ""), v)
		}
		if b := &l.back[i]; b.count > 0 {
			v := l.value(Blocker, x)
			v.Waited, v.Making, v.Sending = b.to.Sub(b.from), b.making, b.sending
			v.Responses, v.Numbers = b.count, b.numbers
			if l.jobs != nil && b.last != 0 {
				d := b.last.Sub(b.shared)
				v.Saved = &d
			}
			v.Frames = analyzers.Frames(x.requestFrame, x.firstFrame, x.lastFrame, b.lastFrame)
			v.Filter = l.filter(x.requestFrame, max(x.lastFrame, b.lastFrame))
			emit(l.key(x, "behind "), v)
		}
	}
}

// value is what rows of both kinds say of a response.
func (l *line) value(what What, x *exchange) *Value {
	client, server := l.s.flow.Ends()
	return &Value{
		What: what, Client: client.String(), Server: server.String(), Stream: l.k.Stream,
		Number: x.number, Method: x.request.Method, Target: x.request.Target, Status: x.status, Bytes: x.bytes,
		RoundTrip: l.s.rtt, AtMost: l.s.rtt == 0, Rate: l.rate, Limited: l.s.cut,
		RequestFrame: x.requestFrame, FirstFrame: x.firstFrame, LastFrame: x.lastFrame,
	}
}

func (l *line) key(x *exchange, prefix string) string {
	return l.k.String() + " " + prefix + x.request.Method + " " + x.request.Target + " #" + strconv.FormatUint(uint64(x.number), 10)
}

func (l *line) filter(from, to uint64) string {
	return l.k.Filter() + " && frame.number in {" + strconv.FormatUint(from, 10) + ".." + strconv.FormatUint(to, 10) + "}"
}

// undecided is the row of a connection of which nothing is known.
func undecided(k events.StreamKey, s *state, emit analyzers.Emit, why string) {
	client, server := s.flow.Ends()
	emit(k.String(), &Value{
		What: Connection, Undecided: why, Client: client.String(), Server: server.String(), Stream: k.Stream,
		Responses: s.unasked + s.endless, Frames: analyzers.Frames(s.frame, s.last), Filter: k.Filter(),
	})
}
