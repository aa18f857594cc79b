package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/wiretale/wiretale/events"
)

// load is what the loading of a page took.
type load struct {
	objects  []*object // in the order in which they began
	later    int
	start    events.Time
	end      events.Time // of the last object that came whole
	last     *object
	unended  int
	steps    []step
	critical Phases
}

// step is one object of the critical path, between two moments.
type step struct {
	*object
	because  Because
	from, to events.Time
	before   events.Time // end of the step before
}

// measure computes the load of v. An object belongs to it that begins no
// later than patience after all before it had ended.
func (v *visit) measure() *load {
	l := &load{}
	all := slices.Clone(v.objects)
	slices.SortStableFunc(all, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.requestFrame, b.requestFrame), cmp.Compare(a.httpStream, b.httpStream))
	})
	l.start = all[0].start
	active, open := all[0].start, false
	for i, o := range all {
		if !open && o.start.Sub(active) > patience {
			l.later = len(all) - i
			all = all[:i]
			break
		}
		switch {
		case o.phase == whole_:
			active = max(active, o.end)
			if l.last == nil || o.end > l.end {
				l.end, l.last = o.end, o
			}
		case o.phase == broken: // it ended all the same
			active = max(active, o.end)
			l.unended++
		default:
			open = true // whether it ever ended is not known
			l.unended++
		}
	}
	l.objects = all
	for i, o := range all {
		o.number = i + 1
	}
	l.walk()
	return l
}

// walk finds the critical path, backwards from the last end. What an object
// waited for is the object that named it, if that was still coming; else the
// object that was the last to end before it began.
func (l *load) walk() {
	if l.last == nil {
		return
	}
	ended := slices.Clone(l.objects)
	ended = slices.DeleteFunc(ended, func(o *object) bool { return o.phase != whole_ })
	slices.SortStableFunc(ended, func(a, b *object) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(a.number, b.number))
	})
	to := l.end
	for o := l.last; o != nil; {
		s := step{object: o, because: First, from: o.start, to: to, before: l.start}
		var next *object
		if l.has(o.by) && o.by.start < o.start && (!o.by.over() || o.by.end > o.start) {
			next, s.because, s.before = o.by, Named, o.start
		} else if next = l.endedBefore(ended, o); next != nil {
			s.because, s.before = Order, next.end
			switch next {
			case o.by:
				s.because = Named
			case o.queued:
				s.because = Connection
			}
		}
		l.steps = append(l.steps, s)
		o = next
		to = s.before
	}
	slices.Reverse(l.steps)
	for _, s := range l.steps {
		l.critical.add(s.phases())
	}
}

// near is within what no browser tells two ends apart.
const near = events.Duration(5 * time.Millisecond)

// endedBefore is the object that was the last to end before o began; of those
// that ended nearly as late, the one before it on its connection. ended is in
// the order of ends.
func (l *load) endedBefore(ended []*object, o *object) *object {
	i, _ := slices.BinarySearchFunc(ended, o.start, func(x *object, t events.Time) int {
		if x.end <= t {
			return -1
		}
		return 1
	})
	for i--; i >= 0; i-- {
		// It began before it ended, so the walk goes back in time.
		if x := ended[i]; x != o && x.start < o.start {
			if q := o.queued; l.has(q) && q.phase == whole_ && q.end <= o.start && x.end.Sub(q.end) <= near && q.start < o.start {
				return q
			}
			return x
		}
	}
	return nil
}

// has reports whether o is an object of this load.
func (l *load) has(o *object) bool {
	return o != nil && o.number > 0 && o.number <= len(l.objects) && l.objects[o.number-1] == o
}

// phases are those of the object between from and to; Client is what is left,
// with the time since the step before.
func (s *step) phases() Phases {
	p := s.object.phases(s.from, s.to)
	p.Client += s.from.Sub(min(s.before, s.from))
	return p
}

func (p *Phases) add(q Phases) {
	p.DNS += q.DNS
	p.Connect += q.Connect
	p.TLS += q.TLS
	p.Send += q.Send
	p.Blocked += q.Blocked
	p.Wait += q.Wait
	p.Receive += q.Receive
	p.Client += q.Client
}

// phases cuts the time of o between from and to in its parts. They follow one
// another: where two overlap, the later one counts from the end of the other.
func (o *object) phases(from, to events.Time) (p Phases) {
	at := from
	take := func(d *events.Duration, a, b events.Time) {
		a, b = max(a, at), min(b, to)
		if a != 0 && b > a {
			p.Client += a.Sub(at)
			*d += b.Sub(a)
			at = b
		}
	}
	take(&p.DNS, o.dnsFrom, o.dnsTo)
	take(&p.Connect, o.connectFrom, o.connectTo)
	take(&p.TLS, o.tlsFrom, o.tlsTo)
	take(&p.Send, o.requestFrom, o.requestTo)
	if o.firstByte != 0 {
		if o.free > o.requestTo {
			take(&p.Blocked, o.requestTo, min(o.free, o.firstByte))
		}
		take(&p.Wait, max(o.requestTo, min(o.free, o.firstByte)), o.firstByte)
		if o.over() {
			take(&p.Receive, o.firstByte, o.end)
		}
	}
	p.Client += to.Sub(at)
	return p
}
