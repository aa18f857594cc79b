package peer

import "time"

// bucket is what limits a peer's upload: credit grows at the rate, up to one
// block, from nothing at the start. So no more than the rate times the time
// since the start was ever sent.
type bucket struct {
	rate   int64 // bit/s; 0: no limit
	room   int   // bytes
	credit float64
	last   time.Time
}

// wait is how long it takes until n bytes, at most room of them, may go: 0 is
// now.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.credit = min(b.credit+now.Sub(b.last).Seconds()*float64(b.rate)/8, float64(b.room))
	b.last = now
	missing := float64(min(n, b.room)) - b.credit
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing*8/float64(b.rate)*float64(time.Second)) + time.Microsecond
}

// spend takes n bytes from the credit.
func (b *bucket) spend(n int) { b.credit -= float64(n) }

// meter measures a rate over a window that ends now.
type meter struct {
	window time.Duration
	seen   []sample
	total  int64 // bytes, ever
}

type sample struct {
	at    time.Time
	bytes int
}

func (m *meter) add(at time.Time, n int) {
	m.seen = append(m.seen, sample{at, n})
	m.total += int64(n)
}

// rate is in bit/s.
func (m *meter) rate(now time.Time) int64 {
	for len(m.seen) > 0 && now.Sub(m.seen[0].at) > m.window {
		m.seen = m.seen[1:]
	}
	var n int64
	for _, s := range m.seen {
		n += int64(s.bytes)
	}
	return int64(float64(n*8) / m.window.Seconds())
}
