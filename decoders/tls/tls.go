// Package tls observes the part of TLS that is in clear: the record layer and
// the handshake of SSL 3.0 to TLS 1.3 (RFC 8446, RFC 5246), hellos in the form
// of SSL 2, and the handshake messages inside QUIC. It must not decrypt,
// verify certificates, or judge: what breaks the rules is a flow.violation and
// reading goes on. What is encrypted passes without a look.
package tls

import (
	"errors"
	"math"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "tls"

// Proto is TLS over a byte stream, or (with decoders.HintTLS) the messages of
// its handshake alone.
var Proto = decoders.Proto{
	Name:      name,
	TCPPorts:  []uint16{443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5223, 6697, 8443},
	Probe:     probe,
	Stream:    func(env decoders.Env) decoders.Stream { return newStream(env) },
	Encrypted: true,
	Doc:       "TLS 1.0 to 1.3 and SSL 3.0: hellos, certificates, alerts in clear; not decrypted",
}

// errNoRecord ends a decoder whose first bytes are no record.
var errNoRecord = errors.New("tls: no record")

// stream is one connection.
type stream struct {
	env      decoders.Env
	quic     bool // handshake messages without records
	sides    [2]side
	progress progress
	minor    byte // minor version of the records, plus one; 0: none was seen that tells
	spoken   bool // a record was found
	over     int  // sides that are over
	now      events.Time
}

// state says what the next byte of a side belongs to.
type state uint8

const (
	inHeader   state = iota // of a record
	inMessages              // handshake messages in clear: left bytes of the record to go
	inAlert                 // an alert in clear
	inSSL2                  // a hello in the form of SSL 2
	passing                 // what is not read: left bytes of the record to go
	lost                    // looking for the next record
	blind                   // nothing is looked at any more
)

// content is what the record is that passes.
type content uint8

const (
	nothing content = iota // not of interest
	cipherChange
	closedAlert
	closedHandshake
	application
)

// side is one direction.
type side struct {
	state   state
	content content
	from    events.Dir
	head    [5]byte // of a record, or an alert
	n       int     // bytes of head that are there
	headAt  decoders.Mark
	left    int64 // bytes of the record to go
	changed bool  // ChangeCipherSpec was seen
	begun   bool  // a record was seen

	// The handshake message that is being put together.
	msg   []byte // its bytes, the four of the header included
	msgAt decoders.Mark
	skip  int  // bytes of a message to pass over
	torn  bool // bytes were lost: where a message begins is not known

	search search
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env}
	s.sides[events.FromServer].from = events.FromServer
	if h, ok := env.Hint.(decoders.HintTLS); ok && h.QUIC {
		s.quic = true
		for i := range s.sides {
			s.sides[i].state, s.sides[i].left = inMessages, math.MaxInt64
		}
	}
	return s
}

// call is one call of the decoder.
type call struct {
	s   *stream
	d   *side
	w   decoders.Window
	out decoders.Sink
	off int // bytes taken so far
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	// The bulk path: a packet inside a record that nobody reads.
	if n := int64(len(w.Bytes)); d.state == passing && n < d.left || d.state == blind {
		d.left -= n
		return len(w.Bytes), 0, nil
	}
	s.now = w.Time
	c := call{s: s, d: d, w: w, out: out}
	for c.off < len(w.Bytes) && want == 0 && err == nil {
		want, err = c.step()
	}
	return c.off, want, err
}

// step works on the bytes from c.off on: it takes bytes, or changes the
// state, or says how many it wants.
func (c *call) step() (want int, err error) {
	d, b := c.d, c.w.Bytes[c.off:]
	switch d.state {
	case inHeader:
		if d.n == 0 {
			d.headAt = c.w.At(c.off)
		}
		c.gather(len(d.head))
		if d.n == len(d.head) {
			return 0, c.header()
		}
	case inMessages:
		n := int(min(d.left, int64(len(b))))
		d.left -= int64(n)
		c.messages(c.off + n)
		c.ended()
	case inAlert:
		n := d.n
		c.gather(2)
		d.left -= int64(d.n - n)
		c.ended()
	case inSSL2:
		n := int(min(d.left, int64(len(b))))
		d.msg = append(d.msg, b[:n]...)
		d.left -= int64(n)
		c.off += n
		c.ended()
	case passing:
		n := int(min(d.left, int64(len(b))))
		d.left -= int64(n)
		c.off += n
		c.ended()
	case lost:
		return c.look(), nil
	case blind:
		c.off = len(c.w.Bytes)
	}
	return 0, nil
}

// gather takes bytes into the head until it has n.
func (c *call) gather(n int) {
	d := c.d
	k := copy(d.head[d.n:n], c.w.Bytes[c.off:])
	d.n += k
	c.off += k
}

func (c *call) violation(reason string) {
	c.out.Emit(c.w.From, &events.FlowViolation{Protocol: name, Reason: reason})
}

// Gap implements decoders.Stream. Within a record the place of the next one
// is known all the same.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.sides[from]
	s.progress.torn = true
	switch d.state {
	case blind:
		return nil
	case lost:
		d.search.gap(n)
		return nil
	case inMessages, inAlert, inSSL2, passing:
		if n <= d.left {
			d.within(n)
			(&call{s: s, d: d, w: decoders.Window{From: from}, out: out}).ended()
			return nil
		}
	}
	d.state, d.msg, d.skip, d.torn, d.n = lost, nil, 0, true, 0
	d.search = search{}
	return nil
}

// within passes over n lost bytes inside a record.
func (d *side) within(n int64) {
	d.left -= n
	if d.state != inMessages {
		if d.state != passing {
			d.state, d.content, d.msg, d.n = passing, nothing, nil, 0
		}
		return
	}
	// Of a message whose length is known, the end is known.
	rest := int64(d.skip)
	if len(d.msg) >= 4 {
		rest = int64(4 + u24(d.msg[1:]) - len(d.msg))
	}
	d.msg = nil
	if n <= rest {
		d.skip = int(rest - n)
	} else {
		d.skip, d.torn = 0, true
	}
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	s.sides[from].msg = nil
	if s.over++; s.over == 2 {
		(&call{s: s, d: &s.sides[from], w: decoders.Window{From: from}, out: out}).broken(why)
	}
}
