package truthcheck

import (
	"slices"

	"github.com/wiretale/wiretale/events"
)

// sentAgain counts the bytes that one side of a TCP connection sent again and
// that had been captured before. What fills a hole is captured for the first
// time.
type sentAgain struct {
	bytes int64
	holes [][2]int64 // sequence numbers, from and up to, in order, apart
}

// segment takes a mark of a segment.
func (s *sentAgain) segment(b *events.TCPSegment) {
	from := int64(b.Seq) // of a hole, its first byte
	switch b.Mark {
	case events.KindTCPLost:
		s.holes = append(s.holes, [2]int64{from, from + b.Bytes})
	case events.KindTCPRetransmission, events.KindTCPOutOfOrder,
		events.KindTCPKeepAlive: // the last byte again: what asks for a sign of life, or a very small retransmission
		s.bytes += b.Bytes - s.fill(from, from+b.Bytes)
	}
}

// fill takes the bytes from a up to b out of the holes, and counts them.
func (s *sentAgain) fill(a, b int64) (n int64) {
	var left [][2]int64
	for _, h := range s.holes {
		from, to := max(a, h[0]), min(b, h[1])
		if from >= to {
			left = append(left, h)
			continue
		}
		n += to - from
		left = append(left, [2]int64{h[0], from}, [2]int64{to, h[1]})
	}
	s.holes = slices.DeleteFunc(left, func(h [2]int64) bool { return h[0] == h[1] })
	return n
}
