package multiplex

import (
	"encoding/binary"
	"net"
	"sync"
)

// layout notes where the frames that a server writes (RFC 9113 section 4.1) lie
// in its side of a connection.
type layout struct {
	net.Conn

	mu     sync.Mutex
	at     int64 // bytes written
	head   []byte
	left   int // bytes of the frame's content to come
	frames []Frame
}

// Frame is one that a server wrote: at which byte of its side of the connection
// it begins, how many it has with its header, of which stream and type it is.
type Frame struct {
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	Stream uint32 `json:"stream"`
	Type   uint8  `json:"type"`
}

// frameHeader is the length in bytes of a frame's header.
const frameHeader = 9

// Write notes first: the bytes may be read before it comes back.
func (l *layout) Write(b []byte) (int, error) {
	l.note(b)
	return l.Conn.Write(b)
}

func (l *layout) note(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(b) > 0 {
		n := min(l.left, len(b))
		if l.left == 0 {
			n = min(frameHeader-len(l.head), len(b))
			if l.head = append(l.head, b[:n]...); len(l.head) == frameHeader {
				l.left = int(l.head[0])<<16 | int(l.head[1])<<8 | int(l.head[2])
				l.frames = append(l.frames, Frame{
					Offset: l.at + int64(n) - frameHeader, Bytes: frameHeader + int64(l.left),
					Stream: binary.BigEndian.Uint32(l.head[5:]) & 0x7fffffff, Type: l.head[3],
				})
				l.head = l.head[:0]
			}
		} else {
			l.left -= n
		}
		l.at += int64(n)
		b = b[n:]
	}
}

// TellFrames notes, as a fact of the truth, the frames that the server wrote on
// its one connection in clear so far (frames_sent).
func (o *Origin) TellFrames() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.layouts) != 1 {
		return
	}
	l := o.layouts[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	o.w.Fact("frames_sent", append([]Frame(nil), l.frames...))
}
