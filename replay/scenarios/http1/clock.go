package http1

import (
	"bufio"
	"io"
	"sort"
	"time"
)

// clock notes when each byte was read from a connection, below the buffer from
// which messages are read.
type clock struct {
	r   io.Reader
	now func() time.Time

	read  int64 // bytes so far
	marks []mark
	start int64 // place of the first byte of the message being read
}

// mark says when the bytes up to a place were read.
type mark struct {
	upTo int64
	at   time.Time
}

func (c *clock) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if n > 0 {
		c.read += int64(n)
		c.marks = append(c.marks, mark{c.read, c.now()})
	}
	return n, err
}

// mark says that a message begins at the first byte that waits in the buffer.
func (c *clock) mark(in *bufio.Reader) { c.start = c.read - int64(in.Buffered()) }

// first is when the first byte of the message was read.
func (c *clock) first() time.Time { return c.when(c.start) }

// last is when the last byte before those that wait in the buffer was read.
func (c *clock) last(in *bufio.Reader) time.Time { return c.when(c.read - int64(in.Buffered()) - 1) }

func (c *clock) when(place int64) time.Time {
	return c.marks[sort.Search(len(c.marks)-1, func(i int) bool { return c.marks[i].upTo > place })].at
}
