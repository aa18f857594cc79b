package quic

// crypto puts the CRYPTO frames of one side in order (RFC 9000 section 19.6).
// They come in any order, several times, and overlap; the first copy of a byte
// counts.
type crypto struct {
	next uint64 // offset of the first byte not delivered
	// held are the bytes from offset next on that wait for those before them;
	// have says which of them are there.
	held []byte
	have []bool
	told bool // that the limit was reached
}

// add takes the data of one frame and delivers what is in order. It is false
// where the data lies more than limit bytes ahead, and is dropped.
func (c *crypto) add(offset uint64, data []byte, limit int, deliver func([]byte)) bool {
	end := offset + uint64(len(data))
	if end <= c.next {
		return true
	}
	if offset < c.next {
		data, offset = data[c.next-offset:], c.next
	}
	if len(c.held) == 0 {
		if offset == c.next { // nothing waits
			c.next = end
			deliver(data)
			return true
		}
	}
	if end-c.next > uint64(limit) {
		return false
	}
	for n := int(end - c.next); len(c.held) < n; {
		c.held, c.have = append(c.held, 0), append(c.have, false)
	}
	for i, b := range data {
		if at := int(offset-c.next) + i; !c.have[at] {
			c.held[at], c.have[at] = b, true
		}
	}
	to := 0
	for to < len(c.have) && c.have[to] {
		to++
	}
	if to == 0 {
		return true
	}
	ready := c.held[:to]
	c.next += uint64(to)
	c.held, c.have = append([]byte(nil), c.held[to:]...), append([]bool(nil), c.have[to:]...)
	deliver(ready)
	return true
}
