package http1

import (
	"bytes"

	"github.com/wiretale/wiretale/events"
)

// longestSearched bounds the request lines that a search can find.
const longestSearched = 4096

// search passes over bytes until a plausible start line. What it finds must
// then parse without any fault, or the search goes on behind it: after a loss
// it is better to say nothing than to say what was never sent.
func (c *call) search() (want int, err error) {
	d := c.d
	b := c.rest()
	var at, keep int
	if d.from == events.FromClient {
		at, keep = findRequest(b)
	} else {
		at, keep = findStatus(b)
	}
	pass := at
	if at < 0 {
		pass = len(b) - keep
	}
	c.off += pass
	if !c.s.spoken {
		d.skipped += int64(pass)
		if d.skipped > int64(c.s.env.Limits.Unknown) {
			return 0, errNotHTTP
		}
	}
	if at < 0 {
		return keep + 1, nil
	}
	d.state = inHead
	d.strict = true
	d.scanned = 0
	return 0, nil
}

// reject passes over the first byte of a head that was found by searching and
// has a fault.
func (c *call) reject() int {
	c.d.state = lost
	c.d.strict = false
	c.d.scanned = 0
	c.off++
	if !c.s.spoken {
		c.d.skipped++
	}
	return 0
}

// findStatus finds a status line in b: where, or -1 and how many bytes at the
// end of b may be the beginning of one. It need not follow a line end: a
// response follows the body before it without any mark.
func findStatus(b []byte) (at, keep int) {
	for p := 0; ; p++ {
		i := bytes.Index(b[p:], []byte("HTTP/1."))
		if i < 0 {
			break
		}
		p += i
		switch startsStatus(b[p:]) {
		case yes:
			return p, 0
		case partly:
			return -1, len(b) - p
		}
	}
	for keep = min(len(b), len("HTTP/1.")-1); keep > 0; keep-- {
		if bytes.HasPrefix([]byte("HTTP/1."), b[len(b)-keep:]) {
			break
		}
	}
	return -1, keep
}

// findRequest finds a request line with a known method in b, as findStatus.
func findRequest(b []byte) (at, keep int) {
	for p := 0; ; p++ {
		i := bytes.Index(b[p:], []byte(" HTTP/1."))
		if i < 0 {
			break
		}
		p += i
		start := requestStart(b, p)
		if start < 0 {
			continue
		}
		// What follows must be a digit and the end of the line.
		switch rest := b[p+len(" HTTP/1."):]; {
		case len(rest) == 0,
			len(rest) == 1 && isDigit(rest[0]),
			len(rest) == 2 && isDigit(rest[0]) && rest[1] == '\r':
			return -1, len(b) - start
		case isDigit(rest[0]) && (rest[1] == '\n' || rest[1] == '\r' && rest[2] == '\n'):
			return start, 0
		}
	}
	// Keep what may be "METHOD target HTTP/1.": at most three words.
	words, i := 0, len(b)
	for i > 0 && len(b)-i < longestSearched {
		ch := b[i-1]
		if ch == ' ' {
			if words++; words == 3 {
				break
			}
		} else if ch < ' ' || ch == 0x7f {
			break
		}
		i--
	}
	return -1, len(b) - i
}

// requestStart goes back from the space before "HTTP/1." at p: one target,
// one space, a known method. It is where the method begins, or -1.
func requestStart(b []byte, p int) int {
	low := max(0, p-longestSearched+16)
	i := p
	for i > low && b[i-1] > ' ' && b[i-1] != 0x7f {
		i--
	}
	if i == p || i <= low || b[i-1] != ' ' {
		return -1
	}
	i--
	// The line before may be a body without a line end: the longest known
	// method that ends here.
	best := -1
	for _, m := range knownMethods {
		if j := i - len(m); j >= low && string(b[j:i]) == m && (best < 0 || j < best) {
			best = j
		}
	}
	return best
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
