package multiplex

import (
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// LostOne has the network lose one large packet of a path, and says what
// clients got while it was missing.
type LostOne struct {
	number int // of the packet among the large ones, from 1
	now    func() time.Time

	mu   sync.Mutex
	seen int
	lost time.Time
}

// large is the size in bytes of the IP packets that are counted: those full of
// content, not handshakes and acknowledgements.
const large = 1200

// LoseOne makes the n-th large packet of a path be lost.
func LoseOne(n int, now func() time.Time) *LostOne { return &LostOne{number: n, now: now} }

// Lost is when the packet was handed over; zero until then.
func (l *LostOne) Lost() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Drop is for simnet.Path.
func (l *LostOne) Drop(ip []byte, _ uint64) bool {
	if len(ip) < large {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen++
	if l.seen != l.number {
		return false
	}
	l.lost = l.now()
	return true
}

// Tell notes, as facts of the truth, when the packet would have arrived
// (lost_due), and for each object how many bytes the client read in the last
// seven eighths of the round trip from then on, in which the packet cannot be
// made good (read_while_missing; in the first eighth it may still read what
// came before), and the longest time, from its asking on, for which it read nothing of it
// (longest_pause, in seconds): what came behind the lost packet may be the first
// of an object.
func (l *LostOne) Tell(w *World, calls []*Call) {
	lost := l.Lost()
	if lost.IsZero() {
		return
	}
	rtt := w.Params.RTT
	due := lost.Add(rtt / 2)
	read, pause := map[string]int{}, map[string]truth.Duration{}
	for _, c := range calls {
		n, longest := 0, time.Duration(0)
		last := c.Asked()
		for _, r := range c.Reads() {
			if r.Time.After(due.Add(rtt/8)) && r.Time.Before(due.Add(rtt)) {
				n += r.Bytes
			}
			longest = max(longest, r.Time.Sub(last))
			last = r.Time
		}
		read[c.url], pause[c.url] = n, truth.Duration(longest)
	}
	w.Fact("lost_due", due)
	w.Fact("read_while_missing", read)
	w.Fact("longest_pause", pause)
}

// Finished notes, as a fact of the truth, in which order objects were whole
// (finished).
func Finished(w *World, calls []*Call) {
	type end struct {
		url string
		at  time.Time
	}
	var ends []end
	for _, c := range calls {
		c.with(func() { ends = append(ends, end{c.url, c.client.heard.End}) })
	}
	slices.SortStableFunc(ends, func(a, b end) int { return a.at.Compare(b.at) })
	urls := make([]string, len(ends))
	for i, e := range ends {
		urls[i] = e.url
	}
	w.Fact("finished", urls)
}
