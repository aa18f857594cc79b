package http2priority

import (
	"strconv"
	"strings"
)

// priority is what a client asked for a stream, in both schemes.
type priority struct {
	parent    uint64 // RFC 7540 section 5.3.1
	weight    int
	exclusive bool

	urgency     int // RFC 9218 section 4.1
	incremental bool
}

// standard is what holds where nothing is told.
var standard = priority{weight: 16, urgency: 3}

// read takes a Priority field value, a dictionary of RFC 8941; what it does
// not name stays.
func (p *priority) read(v string) {
	for _, m := range strings.Split(v, ",") {
		m, _, _ = strings.Cut(m, ";")
		name, value, valued := strings.Cut(strings.TrimSpace(m), "=")
		switch name {
		case "u":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n <= 7 {
				p.urgency = n
			}
		case "i":
			if !valued || value == "?1" {
				p.incremental = true
			} else if value == "?0" {
				p.incremental = false
			}
		}
	}
}

func (p *priority) text(s Scheme) string {
	if s == RFC7540 {
		return "weight " + strconv.Itoa(p.weight) + ", depends on " + strconv.FormatUint(p.parent, 10)
	}
	t := "u=" + strconv.Itoa(p.urgency)
	if p.incremental {
		t += ", i"
	}
	return t
}

// deepest is how many dependencies are followed.
const deepest = 256

// depends says whether stream b depends on a, directly or through others.
func (c *conn) depends(b, a uint64) bool {
	for range deepest {
		s := c.streams[b]
		if s == nil || s.asked.parent == 0 {
			return false
		}
		if b = s.asked.parent; b == a {
			return true
		}
	}
	return false
}

// place makes s depend on another (RFC 7540 sections 5.3.1 and 5.3.3).
func (c *conn) place(s *stream, p priority) {
	if p.parent == s.id {
		return
	}
	if p.parent != 0 {
		above := c.stream(p.parent)
		if above == nil {
			return
		}
		if c.depends(p.parent, s.id) {
			above.asked.parent = s.asked.parent
		}
	}
	if p.exclusive {
		for _, o := range c.order {
			if o != s && o.asked.parent == p.parent && (o.placed || p.parent != 0) {
				o.asked.parent = s.id
			}
		}
	}
	s.asked.parent, s.asked.weight, s.placed = p.parent, p.weight, true
}

// preferred says whether a is to be sent before b.
func (c *conn) preferred(a, b *stream) bool {
	if c.scheme == RFC7540 {
		return c.depends(b.id, a.id)
	}
	p, q := &a.asked, &b.asked
	if p.urgency != q.urgency {
		return p.urgency < q.urgency
	}
	return !p.incremental && !q.incremental && a.id < b.id
}
