package tls

import "bytes"

// search looks for a record behind lost bytes. It is sure of one only when
// another follows exactly at its end, or when it begins with a hello.
type search struct {
	passed  int  // bytes looked at
	left    int  // bytes until the end of the candidate
	minor   byte // of the candidate
	pending bool // the candidate's end is here: what follows decides
}

// searched is how far it is looked: in three of the largest records in a row
// there must have been the beginning of one.
const searched = 3 * (5 + maxRecord)

// gap goes on behind more lost bytes.
func (x *search) gap(n int64) {
	if n <= int64(x.left) {
		x.left -= int(n)
		x.pending = x.left == 0
		return
	}
	x.left, x.pending = 0, false
}

// look works on a side that is lost.
func (c *call) look() (want int) {
	d, x := c.d, &c.d.search
	b := c.w.Bytes[c.off:]
	switch {
	case x.left > 0:
		n := min(x.left, len(b))
		x.left -= n
		c.skip(n)
		x.pending = x.left == 0
		return 0
	case len(b) < 5:
		return 5
	case x.pending:
		x.pending = false
		if c.candidate(b) && b[2] == x.minor {
			d.state = inHeader
		}
		return 0
	}
	for at := 0; ; at++ {
		if n := bytes.IndexByte(b[min(at+1, len(b)):], 3); n < 0 {
			at = len(b)
		} else {
			at += n
		}
		if at+5 > len(b) || x.passed+at > searched {
			c.skip(max(0, min(at, len(b)-4)))
			if x.passed > searched {
				d.state = blind
				return 0
			}
			return 5
		}
		if !c.candidate(b[at:]) {
			continue
		}
		if b[at] == typeHandshake {
			if len(b)-at < 11 {
				c.skip(at)
				return 11
			}
			if wholeHello(b[at:]) {
				c.skip(at)
				d.state, d.torn, d.changed = inHeader, false, false
				return 0
			}
		}
		x.minor, x.left = b[at+2], 5+int(u16(b[at+3:]))
		c.skip(at)
		return 0
	}
}

func (c *call) skip(n int) {
	c.off += n
	c.d.search.passed += n
}

// candidate says that a record may begin here: five bytes are there.
func (c *call) candidate(b []byte) bool {
	size, ok := recordHeader(b)
	switch {
	case !ok, size == 0, c.s.minor != 0 && b[2] != c.s.minor-1 && b[0] != typeHandshake:
		return false
	case b[0] == typeAlert:
		return size == 2 || size >= 16 && size < 256
	}
	return true
}

// wholeHello says that a record begins with a hello that fills it: 11 bytes
// are there.
func wholeHello(b []byte) bool {
	size := u24(b[6:])
	return (b[5] == typeClientHello || b[5] == typeServerHello) && 4+size == int(u16(b[3:])) && size >= 38 && b[9] == 3 && b[10] <= 4
}
