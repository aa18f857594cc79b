package simnet

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
)

func frame(bytes int) []byte { return make([]byte, bytes) }

const ms = events.Time(time.Millisecond)

// 1000 bytes at 1 Mbit/s take 8 ms. The queue holds two frames besides the one
// that is being sent.
func TestRateAndQueue(t *testing.T) {
	r := newRoad(Path{Delay: 10 * time.Millisecond, Rate: 1e6, Queue: 2000}, 0, 0)
	for i, c := range []struct{ sent, due events.Time }{
		{0, 18 * ms},       // the link is free
		{1 * ms, 26 * ms},  // waits 7 ms
		{2 * ms, 34 * ms},  // waits 14 ms
		{3 * ms, 0},        // no room: two wait
		{7 * ms, 0},        // still
		{8 * ms, 42 * ms},  // the second is being sent, so one place is free
		{9 * ms, 0},        // and taken
		{32 * ms, 50 * ms}, // all are sent at this moment
		{100 * ms, 118 * ms},
	} {
		j := r.travel(c.sent, frame(1000))
		switch {
		case c.due == 0 && j.lost != ReasonQueue:
			t.Errorf("frame %d: %q, due at %s, want a full queue", i, j.lost, time.Duration(j.due))
		case c.due != 0 && (j.lost != "" || j.due != c.due || j.middle != c.due-5*ms):
			t.Errorf("frame %d: %q, due at %s, want %s", i, j.lost, time.Duration(j.due), time.Duration(c.due))
		}
	}
}

// A frame that finds the link free needs no place in the queue.
func TestQueueSmallerThanAFrame(t *testing.T) {
	r := newRoad(Path{Rate: 1e6, Queue: 1}, 0, 0)
	if j := r.travel(0, frame(1000)); j.lost != "" || j.due != 8*ms {
		t.Errorf("%+v", j)
	}
	if j := r.travel(1, frame(1000)); j.lost != ReasonQueue {
		t.Errorf("%+v", j)
	}
}

func TestLossIsOfTheSeed(t *testing.T) {
	lost := func(seed uint64, p Path) (out [1000]bool, n int) {
		r := newRoad(p, seed, 3)
		for i := range out {
			if r.travel(events.Time(i), frame(100)).lost == ReasonLoss {
				out[i] = true
				n++
			}
		}
		return out, n
	}
	a, n := lost(1, Path{Loss: 0.1})
	if n < 70 || n > 130 {
		t.Errorf("%d of 1000 lost, want about 100", n)
	}
	if b, _ := lost(1, Path{Loss: 0.1}); a != b {
		t.Error("one seed, two fates")
	}
	if b, _ := lost(2, Path{Loss: 0.1}); a == b {
		t.Error("two seeds, one fate")
	}
	// What else is asked for does not change who is lost.
	if b, _ := lost(1, Path{Loss: 0.1, Jitter: time.Second, Reorder: 0.5}); a != b {
		t.Error("jitter changes which packets are lost")
	}
	if _, n := lost(1, Path{Loss: 1}); n != 1000 {
		t.Errorf("%d of 1000 lost at a loss of 1", n)
	}
}

func TestJitterKeepsOrder(t *testing.T) {
	const delay, jitter = 10 * time.Millisecond, 5 * time.Millisecond
	r := newRoad(Path{Delay: delay, Jitter: jitter}, 9, 0)
	var last events.Time
	different := map[events.Time]bool{}
	for i := range 1000 {
		sent := events.Time(i) * ms
		j := r.travel(sent, frame(100))
		late := time.Duration(j.due - sent)
		if j.due < last || late < delay || late > delay+jitter {
			t.Fatalf("packet %d: %s under way, or before the one before it", i, late)
		}
		last = j.due
		different[j.due-sent] = true
	}
	if len(different) < 500 {
		t.Errorf("%d different delays", len(different))
	}
}

func TestDropChoosesByNumber(t *testing.T) {
	var heads []byte
	r := newRoad(Path{Drop: func(ip []byte, before uint64) bool {
		heads = append(heads, ip[0])
		return before == 1
	}}, 0, 0)
	for i := range 3 {
		f := frame(etherLen + 1)
		f[etherLen] = byte(i)
		if j := r.travel(0, f); (j.lost == ReasonChosen) != (i == 1) {
			t.Errorf("packet %d: %+v", i, j)
		}
	}
	if string(heads) != "\x00\x01\x02" {
		t.Errorf("Drop was given % x", heads)
	}
}

func TestBadPaths(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, p := range []Path{{Delay: -1}, {Jitter: -1}, {Rate: -1}, {Queue: -1}, {Loss: 1.1}, {Loss: -0.1}, {Loss: nan}, {Reorder: 2}} {
		if p.check() == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
}
