package page

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

// Starts of flows that are over are forgotten, those of open ones are not; a
// number that was there before does not come again.
func TestStarts(t *testing.T) {
	var s starts
	add := func(stream uint32, frame uint64) {
		s.add(&events.Event{Pos: events.Pos{Frame: frame}, Stream: stream}, 4)
	}
	for i := range uint32(1000) {
		add(i, uint64(i)+1)
		if i%500 != 0 {
			s.end(i)
		}
	}
	if len(s.list) != 2 || s.find(0) == nil || s.find(500) == nil || s.find(500).frame != 501 || s.find(999) != nil {
		t.Errorf("%+v", s.list)
	}
	add(999, 2000) // it goes on, half an hour later
	if s.find(999) != nil {
		t.Errorf("the number of a flow that is over begins again: %+v", s.list)
	}
	for i := range uint32(20) {
		add(1000+i, 3000)
	}
	if len(s.list) > 8 || s.find(1019) == nil {
		t.Errorf("%d kept", len(s.list))
	}
	s.end(0) // pushed out before: nothing to forget
}
