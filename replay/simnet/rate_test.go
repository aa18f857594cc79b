package simnet

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
)

// A frame of 1000 bytes takes 8 ms at 1 Mb/s and 80 ms at 100 kb/s. One that
// waits keeps its place and its time.
func TestSetRate(t *testing.T) {
	n, client, server := pair(t, Config{}, "10.0.0.1", "10.0.0.2", 0, 0)
	defer n.Close()
	var p *pipe
	for _, q := range n.pipes {
		if q.from == client {
			p = q
		}
	}
	frame := make([]byte, 1000)
	ms := func(n int) events.Time { return events.Time(n) * events.Time(time.Millisecond) }
	for _, s := range []struct {
		rate      int64
		sent, due events.Time
	}{
		{1e6, ms(1000), ms(1008)},
		{1e6, ms(1000), ms(1016)},
		{1e5, ms(1001), ms(1096)}, // behind the one that waits
		{0, ms(2000), ms(2000)},
		{2e6, ms(2000), ms(2004)},
	} {
		if err := n.SetRate(client, server, s.rate); err != nil {
			t.Fatal(err)
		}
		if j := p.road.travel(s.sent, frame); j.due != s.due {
			t.Errorf("sent at %d: arrives at %d, want %d", s.sent, j.due, s.due)
		}
	}
	if n.SetRate(client, server, -1) == nil || n.SetRate(client, client, 1) == nil {
		t.Error("a bad rate or link was accepted")
	}
}
