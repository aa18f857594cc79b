package holes

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/events"
)

func hol(offset, bytes int64, wait events.Duration, hole, holeBytes int64) *events.TCPHOL {
	return &events.TCPHOL{Offset: offset, Bytes: bytes, Wait: wait, HoleOffset: hole, HoleBytes: holeBytes, Filled: true}
}

// Streams 1 and 3 take turns of 1000 bytes. Bytes 1000 to 2000 (of 3) are
// lost; 2000 to 5000 wait for them: 1 for another's, 3 for its own.
func TestTurns(t *testing.T) {
	for _, piecesFirst := range []bool{false, true} {
		tr := Tracker{Limit: 100}
		tr.Piece(0, 1000, 1, false)
		tr.Settle(func(w Wait) { t.Error(w) })
		pieces := func() {
			tr.Piece(1000, 1000, 3, false)
			tr.Piece(2000, 1000, 1, false)
			tr.Piece(3000, 1000, 3, false)
		}
		if piecesFirst {
			pieces()
		}
		tr.Hole(hol(2000, 1500, 50, 1000, 1000), 200)
		tr.Hole(hol(3500, 1500, 40, 1000, 1000), 200)
		if !piecesFirst {
			pieces()
		}
		var got []Wait
		tell := func(w Wait) { got = append(got, w) }
		tr.Settle(tell)
		// The frame of 4000 to 6000 is whole only now.
		tr.Piece(4000, 2000, 1, false)
		tr.Settle(tell)
		want := []Wait{
			{Owner: 1, Arrived: 150, Released: 200},
			{Owner: 3, Arrived: 150, Released: 200, Own: true},
			{Owner: 3, Arrived: 160, Released: 200, Own: true},
			{Owner: 1, Arrived: 160, Released: 200},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if tr.Settle(tell); len(tr.waits) != 0 {
			t.Errorf("kept: %+v", tr)
		}
	}
}

// Bytes 1000 to 2000 (of 3) and 3000 to 4000 (of 1) are lost. Bytes 4000 to
// 5000, of 3, arrive behind both: the first hole, which took bytes of 3, is
// filled long before the second.
func TestTwoHoles(t *testing.T) {
	tr := Tracker{Limit: 1000}
	var got []Wait
	tell := func(w Wait) { got = append(got, w) }
	tr.Piece(0, 1000, 1, false)
	tr.Settle(tell)
	tr.Hole(hol(2000, 1000, 50, 1000, 1000), 200)
	tr.Piece(1000, 1000, 3, false)
	tr.Piece(2000, 1000, 1, false)
	tr.Settle(tell)
	tr.Settle(tell)
	tr.Hole(hol(4000, 1000, 140, 1000, 1000), 300)
	tr.Piece(3000, 1000, 1, false)
	tr.Piece(4000, 1000, 3, false)
	tr.Settle(tell)
	want := []Wait{{Owner: 1, Arrived: 150, Released: 200}, {Owner: 3, Arrived: 160, Released: 300, Own: true}}
	if d := cmp.Diff(want, got); d != "" || tr.Limited != 0 {
		t.Error(d, tr.Limited)
	}
}

// What was read long ago is let go, and a wait for it is told as such.
func TestPast(t *testing.T) {
	tr := Tracker{Limit: 10_000}
	for i := range int64(10 * past) {
		tr.Piece(i, 1, uint64(1+i%2), false)
		tr.Settle(func(w Wait) { t.Error(w) })
		if len(tr.pieces) > 2*past {
			t.Fatalf("%d pieces", len(tr.pieces))
		}
	}
	tr.Hole(hol(10*past, 1, 5, 0, 1), 200)
	tr.Piece(10*past, 1, 9, false)
	if tr.Settle(func(Wait) {}); tr.Limited != 1 {
		t.Errorf("%d limited", tr.Limited)
	}
}

// A header block that waits behind another's is HPACK's, too.
func TestHeads(t *testing.T) {
	for _, c := range []struct{ lost, waits, want bool }{{true, true, true}, {true, false, false}, {false, true, false}} {
		tr := Tracker{Limit: 100}
		tr.Hole(hol(100, 50, 10, 0, 100), 100)
		tr.Piece(0, 100, 1, c.lost)
		tr.Piece(100, 50, 3, c.waits)
		n := 0
		tr.Settle(func(w Wait) {
			n++
			if w.Heads != c.want || w.Own || w.Owner != 3 {
				t.Errorf("%+v: %+v", c, w)
			}
		})
		if n != 1 {
			t.Errorf("%+v: %d waits", c, n)
		}
	}
}

func TestLimit(t *testing.T) {
	tr := Tracker{Limit: 4}
	tr.Hole(hol(1, 1, 1, 0, 1), 10)
	for i := range int64(100) {
		tr.Piece(2+i, 1, uint64(i), false)
		tr.Hole(hol(1000, 1, 1, 999, 1), 10)
	}
	if len(tr.pieces) > 4 || len(tr.waits) > 4 || tr.Limited == 0 {
		t.Errorf("%+v", tr)
	}
	tr.Hole(&events.TCPHOL{Offset: 5, Bytes: 1, Wait: 5}, 10) // never filled
}
