package analyzers

import "github.com/wiretale/wiretale/events"

// serial runs every question on the goroutine that calls it.
type serial struct {
	desk
	table [256][]Runner // by kind
}

// NewSerial is an engine for one goroutine.
func NewSerial(qs []Question, o Options) Engine {
	s := &serial{}
	s.init(qs, o, 1)
	for _, r := range s.shards[0] {
		for _, k := range r.Kinds() {
			s.table[k] = append(s.table[k], r)
		}
	}
	return s
}

func (s *serial) Step(evs []*events.Event, frame uint64, out func([]Row)) {
	for _, e := range evs {
		for _, r := range s.table[e.Body.Kind()] {
			r.step(e)
		}
	}
	s.flush(frame, out)
}
