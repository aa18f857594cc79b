package mail

import "github.com/wiretale/wiretale/events"

// longestPart is how many bytes of content are handed out at once.
const longestPart = 64 << 10

// object is content that somebody wants: a part, or the message itself.
type object struct {
	number    uint32 // 0: nobody wants it
	buf       []byte
	bytes     int64
	lost      bool
	first     uint64 // frame of its first byte
	mediaType string
}

func (o *object) begin(m *walker) {
	m.objects++
	*o = object{number: m.objects, buf: o.buf[:0]}
}

func (o *object) write(m *walker, b []byte) {
	if o.lost {
		return
	}
	if o.first == 0 && len(b) > 0 {
		o.first = m.frame
	}
	for len(b) > 0 {
		n := min(len(b), longestPart-len(o.buf))
		o.buf = append(o.buf, b[:n]...)
		b = b[n:]
		if len(o.buf) == longestPart {
			o.flush(m)
		}
	}
}

func (o *object) flush(m *walker) {
	if len(o.buf) > 0 {
		o.bytes += int64(len(o.buf))
		m.out.Emit(m.from, &events.ContentPart{Object: o.number, Bytes: o.buf})
		o.buf = nil
	}
}

// lose: what follows does not follow what is there.
func (o *object) lose(m *walker) { o.lost = true }

// end says that the object is over.
func (o *object) end(m *walker, name string, complete bool) {
	if o.number == 0 {
		return
	}
	o.flush(m)
	m.out.Emit(m.from, &events.ContentEnd{
		Object: o.number, Protocol: "mail", Name: name, Type: o.mediaType,
		Bytes: o.bytes, Complete: complete && !o.lost, FirstFrame: o.first,
	})
	*o = object{}
}
