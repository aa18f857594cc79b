package analyzers

import "github.com/wiretale/wiretale/events"

// serial runs every question on the goroutine that calls it.
type serial struct {
	desk
	table [256][]int        // by kind: the questions
	lists [][]*events.Event // of each question, of one Step
}

// NewSerial is an engine for one goroutine.
func NewSerial(qs []Question, o Options) Engine { return newSerial(qs, o) }

func newSerial(qs []Question, o Options) *serial {
	s := &serial{lists: make([][]*events.Event, len(qs))}
	s.init(qs, o, 1)
	for i, r := range s.shards[0] {
		for _, k := range r.Kinds() {
			s.table[k] = append(s.table[k], i)
		}
	}
	return s
}

func (s *serial) Step(evs []*events.Event, frame uint64, out func([]Row)) {
	s.spread(evs)
	for q := range s.lists {
		s.ask(q)
	}
	s.flush(frame, out)
}

// spread makes the list of each question.
func (s *serial) spread(evs []*events.Event) {
	for _, e := range evs {
		for _, q := range s.table[e.Body.Kind()] {
			s.lists[q] = append(s.lists[q], e)
		}
	}
}

// ask lets one question look at all events of its list: its code and its keys
// stay in the cache meanwhile.
func (s *serial) ask(q int) {
	s.shards[0][q].steps(s.lists[q])
	s.lists[q] = s.lists[q][:0]
}
