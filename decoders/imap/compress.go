package imap

import (
	"math"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// inflate reads bytes of a compressed side (RFC 4978), from offset off of the
// window to its end.
func (s *stream) inflate(d *side, w *decoders.Window, off int, out decoders.Sink) {
	for off < len(w.Bytes) && d.state != deaf {
		end := len(w.Bytes)
		for _, sp := range w.Spans { // the bytes of one packet
			if sp.Off > off {
				end = sp.Off
				break
			}
		}
		s.inflatePacket(d, w, w.Bytes[off:end], w.At(off), out)
		off = end
	}
}

func (s *stream) inflatePacket(d *side, w *decoders.Window, b []byte, at decoders.Mark, out decoders.Sink) {
	d.z.write(b)
	for {
		p, err := d.z.read()
		if err != nil {
			s.stopInflating(d, "not compressed as agreed: what follows cannot be read", out)
			return
		}
		if len(p) == 0 {
			return
		}
		switch limits := s.env.Limits; {
		case d.z.count > int64(limits.DecodedBytes):
			room := int64(limits.DecodedBytes) - (d.z.count - int64(len(p)))
			s.inflated(d, w, p[:max(0, room)], at, out)
			out.Limit("decoded-bytes", limits.DecodedBytes, "a side grows larger when decompressed; it is read no more", d.z.given)
			s.stopInflating(d, "", out)
			return
		case d.z.count/int64(limits.DecodedRatio) > d.z.given:
			out.Limit("decoded-ratio", limits.DecodedRatio, "a side grows more when decompressed; it is read no more", d.z.given)
			s.stopInflating(d, "", out)
			return
		}
		s.inflated(d, w, p, at, out)
	}
}

// inflated reads bytes that came out, behind those that were held.
func (s *stream) inflated(d *side, w *decoders.Window, p []byte, at decoders.Mark, out decoders.Sink) {
	c := call{s: s, d: d, w: decoders.Window{From: d.from, Bytes: p, Offset: w.Offset, Frame: w.Frame, Time: w.Time}, out: out}
	var spans [2]decoders.Span
	spans[0].Mark, spans[1].Mark = at, at
	c.w.Spans = spans[:1]
	if len(d.held) > 0 {
		spans[0].Mark = d.heldAt
		spans[1].Off = len(d.held)
		c.w.Spans = spans[:2]
		d.held = append(d.held, p...)
		c.w.Bytes = d.held
	}
	_, _ = c.run() // what is compressed was agreed on: it is IMAP
	rest := c.rest()
	if len(rest) > 0 {
		d.heldAt = c.w.At(c.off)
	}
	if cap(d.held) > math.MaxUint16+windowSize && len(rest) == 0 {
		d.held = nil
	}
	d.held = append(d.held[:0], rest...)
}

// stopInflating gives up a compressed side.
func (s *stream) stopInflating(d *side, reason string, out decoders.Sink) {
	if reason != "" {
		out.Emit(d.from, &events.FlowViolation{Protocol: name, Reason: reason})
	}
	s.breakOff(d, out)
	d.state = deaf
	d.z, d.held = nil, nil
}
