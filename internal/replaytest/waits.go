package replaytest

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Wait is bytes [From, To) of one side of a TCP connection, by stream offset,
// that the network delivered before bytes in front of them. [Hole, HoleEnd) is
// the first that lacked then.
type Wait struct {
	From, To, Hole, HoleEnd int64
	Arrived, Released       time.Time
}

// Arrivals is when the network delivered each byte of one side of a TCP
// connection to the capture point, by stream offset, and which of them waited.
// It is reckoned byte by byte from single packets, not by wiretale's reassembly.
type Arrivals struct {
	At    []time.Time // of the first copy of each byte; zero: never
	Whole []time.Time // when it and all before it were there
	Waits []Wait      // in the order of release; those whose hole was filled
}

// Arrivals reads the capture; the SYN of that side must be in it.
func (r *Recording) Arrivals(t testing.TB, from, to netip.AddrPort) *Arrivals {
	t.Helper()
	var a Arrivals
	var first uint32 // sequence number of offset 0
	known := false
	var waiting []Wait
	next := 0 // all before is there
	for _, s := range r.segments(t) {
		if s.Src != from || s.Dst != to {
			continue
		}
		if s.SYN {
			first, known = s.Seq+1, true
		}
		if !known || s.Payload == 0 {
			continue
		}
		begin := int(int32(s.Seq - first))
		end := begin + int(s.Payload)
		if begin < 0 {
			t.Fatalf("a segment at %d, before the begin of the stream", begin)
		}
		for len(a.At) < end {
			a.At = append(a.At, time.Time{})
			a.Whole = append(a.Whole, time.Time{})
		}
		hole := next
		for hole < len(a.At) && a.At[hole].IsZero() {
			hole++
		}
		for i := begin; i < end; i++ {
			if !a.At[i].IsZero() {
				continue
			}
			a.At[i] = s.Time
			if begin <= next {
				continue
			}
			if n := len(waiting) - 1; n >= 0 && waiting[n].To == int64(i) && waiting[n].Arrived.Equal(s.Time) && i > begin {
				waiting[n].To++
				continue
			}
			waiting = append(waiting, Wait{int64(i), int64(i) + 1, int64(next), int64(min(hole, i)), s.Time, time.Time{}})
		}
		for next < len(a.At) && !a.At[next].IsZero() {
			a.Whole[next] = s.Time
			next++
		}
		keep := waiting[:0]
		for _, w := range waiting {
			if w.From < int64(next) {
				w.Released = s.Time
				a.Waits = append(a.Waits, w)
			} else {
				keep = append(keep, w)
			}
		}
		waiting = keep
	}
	if len(a.At) == 0 {
		t.Fatalf("nothing from %s to %s in the capture", from, to)
	}
	return &a
}

// Handshake is from a client's SYN to the server's SYN-ACK as the network
// carried them; ok is false where one of them was sent more than once.
func (r *Recording) Handshake(t testing.TB, client, server netip.AddrPort) (rtt time.Duration, ok bool) {
	t.Helper()
	var syn, answer []time.Time
	for _, s := range r.segments(t) {
		switch {
		case !s.SYN:
		case s.Src == client && s.Dst == server:
			syn = append(syn, s.Time)
		case s.Src == server && s.Dst == client:
			answer = append(answer, s.Time)
		}
	}
	if len(syn) != 1 || len(answer) != 1 {
		return 0, false
	}
	return answer[0].Sub(syn[0]), true
}

// Union is the time in which at least one of the waits lasted.
func Union(waits []Wait) (sum time.Duration) {
	// Small lists: each moment between two ends counts where any wait covers it.
	var ends []time.Time
	for _, w := range waits {
		ends = append(ends, w.Arrived, w.Released)
	}
	slices.SortFunc(ends, time.Time.Compare)
	for i := 1; i < len(ends); i++ {
		for _, w := range waits {
			if !w.Arrived.After(ends[i-1]) && !w.Released.Before(ends[i]) {
				sum += ends[i].Sub(ends[i-1])
				break
			}
		}
	}
	return sum
}
