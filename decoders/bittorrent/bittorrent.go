// Package bittorrent observes the peer wire of BitTorrent (BEP 3, 5, 6, 9, 10,
// 11, 52) as a third party: over TCP, or inside uTP. Blocks of pieces pass
// through unread. It must not hold a block, reject what real peers accept, or
// guess at what is encrypted.
package bittorrent

import (
	"encoding/hex"
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "bittorrent"

// ports are those that clients use when nothing else is asked for. Most
// clients ask for another: content must decide.
var ports = []uint16{6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 8999, 51413}

// Proto is the peer wire over a byte stream.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: ports,
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:      "BitTorrent between peers: handshakes, messages, extensions, pieces",
}

// errNotBitTorrent ends a decoder that was chosen without a handshake and
// finds no message.
var errNotBitTorrent = errors.New("bittorrent: neither a handshake nor a message")

// stream is one connection. Its two sides share the torrent, and the names
// that each gives to the extensions that it wants to be sent.
type stream struct {
	env   decoders.Env
	sides [2]side
	// sure: a handshake, or a message after a search, was seen.
	sure   bool
	gapped bool   // bytes were lost
	said   bool   // an event was made
	pieces uint32 // there are not more than these; 0: not known
	runs   *runs  // blocks that are written out; nil: not wanted
}

// state says what the next byte of a side belongs to.
type state uint8

const (
	atStart     state = iota // the front of a handshake, if it is one
	inHandshake              // a handshake (BEP 3)
	inMessage                // length prefix, type, and what is held of a message
	inBlock                  // the block of a piece message: left bytes to go
	inRest                   // a message that is not looked at: left bytes to go
	lost                     // looking for the next plausible message
	deaf                     // none was found
)

// side is one direction.
type side struct {
	state state
	from  events.Dir
	// held is the front of a message whose next bytes are in another packet.
	held  []byte
	small [68]byte // memory of held, mostly
	first decoders.Mark
	left  int64 // of a block or a rest
	// current is the message that a block or a rest belongs to.
	current header
	// counting: nothing is to be done with the next bytes but to count them.
	counting bool
	// fresh: the search stands behind a loss, or at the start: a message may
	// begin right here.
	fresh    bool
	searched int64
	infoHash string // hex, from the handshake
	// wants are the numbers under which this side wants to be sent
	// extensions (BEP 10).
	wants []extension
}

// header is what is known of a message before its end.
type header struct {
	length  uint32 // as its prefix says
	kind    byte
	azureus string // its type in the messages of Azureus
	index   uint32
	begin   uint32
	whole   bool // index and begin are known
	missing int64
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env}
	for i := range s.sides {
		d := &s.sides[i]
		d.from = events.Dir(i)
		d.held = d.small[:0]
	}
	if env.Want.Has(events.KindContentPart) {
		s.runs = &runs{max: env.Limits.TorrentRuns, current: [2]int{none, none}}
	}
	return s
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	// The bulk path: a packet inside a block that nobody reads.
	if n := int64(len(w.Bytes)); d.counting && n < d.left {
		d.left -= n
		return len(w.Bytes), 0, nil
	}
	c := call{s: s, d: d, w: w, out: out}
	for c.off < len(w.Bytes) && !c.switched {
		st, off := d.state, c.off
		if want, err = c.step(); err != nil {
			return c.off, 0, err
		}
		if c.off == off && d.state == st {
			return c.off, want, nil
		}
	}
	return c.off, 0, nil
}

// call is one call of Data.
type call struct {
	s        *stream
	d        *side
	w        decoders.Window
	out      decoders.Sink
	off      int // bytes taken so far
	switched bool
}

// step works on the bytes from c.off on: it takes bytes, or changes the state,
// or says how many bytes it wants.
func (c *call) step() (want int, err error) {
	switch c.d.state {
	case atStart:
		return c.start(), nil
	case inHandshake:
		c.handshake()
	case inMessage:
		c.message()
	case inBlock, inRest:
		c.pass()
	case lost:
		return c.search()
	default:
		c.off = len(c.w.Bytes)
	}
	return 0, nil
}

// rest are the bytes not taken yet.
func (c *call) rest() []byte { return c.w.Bytes[c.off:] }

// unit is the first need bytes of what the side is in; nil where they are not
// all there: then those that are were taken. They count as taken with done.
func (c *call) unit(need int) []byte {
	d, b := c.d, c.rest()
	if len(d.held) == 0 {
		d.first = c.w.At(c.off)
		if len(b) >= need {
			return b[:need]
		}
	}
	if k := need - len(d.held); k > 0 {
		k = min(k, len(b))
		d.held = append(d.held, b[:k]...)
		c.off += k
	}
	if len(d.held) < need {
		return nil
	}
	return d.held[:need]
}

// done takes the n bytes that unit gave last.
func (c *call) done(n int) {
	if len(c.d.held) == 0 {
		c.off += n
		return
	}
	c.d.empty()
}

// empty forgets what is held.
func (d *side) empty() { d.held = d.small[:0] }

// pass lets the bytes of a block, or of a rest, through.
func (c *call) pass() {
	d := c.d
	b := c.rest()
	n := int(min(int64(len(b)), d.left))
	if c.s.runs != nil && d.state == inBlock {
		c.s.runs.write(d.from, b[:n], c.out)
	}
	d.left -= int64(n)
	c.off += n
	if d.left == 0 {
		c.s.over(d, c.out)
	}
}

// expect begins the block or the rest of the current message.
func (s *stream) expect(d *side, st state, left int64, out decoders.Sink) {
	d.state, d.left = st, left
	if st == inBlock && s.runs != nil {
		s.runs.block(s, d, out)
	}
	d.counting = st == inRest || s.runs == nil
	if left == 0 {
		s.over(d, out)
	}
}

// over: the last byte of the current message was read, or lost.
func (s *stream) over(d *side, out decoders.Sink) {
	if d.state == inBlock && s.runs != nil {
		s.runs.blockOver(d, out)
	}
	s.tellCurrent(d, out)
	d.next()
}

// next: the next byte of d begins a message.
func (d *side) next() {
	d.state, d.counting, d.left, d.current = inMessage, false, 0, header{}
	d.empty()
}

func (s *stream) violation(from events.Dir, out decoders.Sink, reason string) {
	s.said = true
	out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &s.sides[from]
	s.gapped = true
	switch d.state {
	case inHandshake:
		s.torn(d, out)
		if n < handshakeLen-int64(len(d.held)) {
			d.left = handshakeLen - int64(len(d.held)) - n
			d.state, d.counting, d.current = inRest, true, header{kind: handshakeRest}
			d.empty()
			return nil
		}
		n -= handshakeLen - int64(len(d.held))
		d.next()
		if n == 0 {
			return nil
		}
	case inMessage:
		if len(d.held) < 4 {
			break
		}
		// The length is known: what was lost is subtracted from it.
		left := s.tear(d)
		if left < 0 {
			break
		}
		fallthrough
	case inBlock, inRest:
		k := min(n, d.left)
		d.left -= k
		d.current.missing += k
		if d.state == inBlock && s.runs != nil {
			s.runs.tear(d, out)
		}
		if d.left == 0 {
			s.over(d, out)
		} else {
			d.counting = true
		}
		if n == k {
			return nil
		}
	case deaf:
		return nil
	}
	s.lose(d)
	return nil
}

// lose: where the next message of d begins is not known.
func (s *stream) lose(d *side) {
	d.next()
	d.state, d.fresh = lost, true
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &s.sides[from]
	switch d.state {
	case inHandshake:
		s.torn(d, out)
	case inMessage:
		if s.tear(d) > 0 {
			s.cutOff(d, out)
		}
	case inBlock, inRest:
		s.cutOff(d, out)
	}
	if s.runs != nil {
		s.runs.end(from, out)
	}
	if s.sure && s.env.Want.Has(events.KindBitTorrentEnd) {
		out.Emit(from, &events.BitTorrentEnd{InfoHash: s.hash(d), Why: why})
	}
	d.next()
	d.state = deaf
}

// cutOff tells the message whose end never came.
func (s *stream) cutOff(d *side, out decoders.Sink) {
	d.current.missing += d.left
	if d.state == inBlock && s.runs != nil {
		s.runs.tear(d, out)
	}
	s.tellCurrent(d, out)
}

// hash is the torrent of this connection in hex, "" where no handshake was
// captured.
func (s *stream) hash(d *side) string {
	if d.infoHash != "" {
		return d.infoHash
	}
	return s.sides[d.from.Other()].infoHash
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
