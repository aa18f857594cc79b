package holhttp2

import (
	"sort"

	"github.com/wiretale/wiretale/events"
)

// curve is how many bytes the line had carried at each moment of a busy
// period: what was measured of its rate. Between points it is straight. When
// it is full, every second point goes.
type curve struct {
	points []point
	total  int64
}

type point struct {
	at    events.Time
	bytes int64
}

const keptPoints = 1024

// add takes a frame from its first byte to its last.
func (c *curve) add(first, last events.Time, bytes int64) {
	if n := len(c.points); n == 0 {
		c.points = append(c.points, point{first, c.total})
	} else if first > c.points[n-1].at {
		c.put(point{first, c.total})
	}
	c.total += bytes
	c.put(point{max(last, c.points[len(c.points)-1].at), c.total})
}

func (c *curve) put(p point) {
	n := len(c.points)
	// Of many frames at one moment, only the first point and the last matter.
	if n > 1 && c.points[n-1].at == p.at && c.points[n-2].at == p.at {
		c.points[n-1] = p
		return
	}
	if n >= keptPoints {
		k := 1 // the first stays
		for i := 2; i < n; i += 2 {
			c.points[k] = c.points[i]
			k++
		}
		c.points = c.points[:k]
	}
	c.points = append(c.points, p)
}

// at is how many bytes were carried before t.
func (c *curve) at(t events.Time) int64 {
	i := sort.Search(len(c.points), func(i int) bool { return c.points[i].at >= t })
	switch {
	case i == len(c.points):
		return c.total
	case i == 0 || c.points[i].at == t:
		return c.points[i].bytes
	}
	a, b := c.points[i-1], c.points[i]
	return a.bytes + int64(float64(b.bytes-a.bytes)*(float64(t-a.at)/float64(b.at-a.at)))
}

// when is the moment at which so many bytes were carried; beyond the end, at
// the mean rate.
func (c *curve) when(bytes int64) events.Time {
	first, last := c.points[0], c.points[len(c.points)-1]
	if bytes >= last.bytes {
		over := float64(bytes - last.bytes)
		if last.bytes == first.bytes {
			return last.at
		}
		return last.at.Add(events.Duration(float64(last.at-first.at) * (over / float64(last.bytes-first.bytes))))
	}
	i := sort.Search(len(c.points), func(i int) bool { return c.points[i].bytes >= bytes })
	if i == 0 || c.points[i].bytes == bytes {
		return c.points[i].at
	}
	a, b := c.points[i-1], c.points[i]
	return a.at.Add(events.Duration(float64(b.at-a.at) * (float64(bytes-a.bytes) / float64(b.bytes-a.bytes))))
}
