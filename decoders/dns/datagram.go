package dns

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// What makes a packet or a stream not DNS at all.
var (
	errShort  = errors.New("dns: shorter than a header")
	errHeader = errors.New("dns: not a DNS header")
)

// datagram decodes one message a packet. It keeps scratch memory only, so
// that one serves all flows of a worker.
type datagram struct{ u unpacker }

func newDatagram(env decoders.Env) decoders.Datagram {
	return &datagram{unpacker{limits: env.Limits, memory: memory{batch: env.Batch}}}
}

// Packet implements decoders.Datagram.
func (d *datagram) Packet(w decoders.Window, out decoders.Sink) error {
	size := len(w.Bytes) + w.Missing
	if size < headerLen {
		return errShort
	}
	if len(w.Bytes) < headerLen && w.Missing > 0 {
		if len(w.Bytes) < 4 {
			return nil // cut before the flags: nothing can be said
		}
		out.Truncated(w.From, headerOnly(w.Bytes, size))
		return nil
	}
	d.u.unpack(w.Bytes, w.Missing)
	if d.u.nonsense() {
		return errHeader
	}
	d.u.tell(w.From, 0, out)
	return nil
}

// headerOnly is the message of which only id and flags were captured.
func headerOnly(b []byte, size int) *events.DNSMessage {
	m := &events.DNSMessage{ID: be16(b), Size: size}
	setFlags(m, be16(b[2:]), 0, false)
	return m
}
