package tls

import "strconv"

// cursor reads the vectors of RFC 8446 section 3.4. What reaches beyond the
// end gives what is there, and short says so.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		n, c.short = len(c.b), true
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

// num reads a number of size bytes; 0 where they are not all there.
func (c *cursor) num(size int) (n int) {
	v := c.take(size)
	if len(v) < size {
		return 0
	}
	for _, x := range v {
		n = n<<8 | int(x)
	}
	return n
}

func (c *cursor) u16() uint16 { return uint16(c.num(2)) }

// vector reads a vector whose length is a number of size bytes.
func (c *cursor) vector(size int) []byte { return c.take(c.num(size)) }

func (c *cursor) more() bool { return len(c.b) > 0 }

func u16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

func u24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
