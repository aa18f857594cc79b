package tls

import (
	"github.com/wiretale/wiretale/decoders"
)

// Handshake types (RFC 8446 section 4; RFC 5246 section 7.4).
const (
	typeHelloRequest       = 0
	typeClientHello        = 1
	typeServerHello        = 2
	typeNewSessionTicket   = 4
	typeRetryDraft         = 6 // hello_retry_request, drafts of TLS 1.3 before 22
	typeCertificate        = 11
	typeCertificateRequest = 13
	typeServerHelloDone    = 14
)

// knownType says that a message can be of type t: those of the IANA registry
// "TLS HandshakeType", and next_protocol and encrypted_extensions of Chrome's.
func knownType(t byte) bool {
	switch {
	case t <= 6, t >= 8 && t <= 17, t >= 20 && t <= 25, t == 67, t == 203, t == 254:
		return true
	}
	return false
}

// messages takes the bytes up to end, which are handshake messages in clear.
// One message may fill several records, and several may share one (RFC 8446
// section 5.1).
func (c *call) messages(end int) {
	d := c.d
	for c.off < end {
		p := c.w.Bytes[c.off:end]
		switch {
		case d.torn:
			c.off = end
		case d.skip > 0:
			n := min(d.skip, len(p))
			d.skip -= n
			c.off += n
		case len(d.msg) == 0 && len(p) >= 4 && len(p) >= 4+u24(p[1:]):
			size := 4 + u24(p[1:])
			if at := c.w.At(c.off); c.accept(p) {
				c.message(p[0], p[4:size], at)
			}
			c.off += size
		default:
			c.piece(p)
		}
	}
}

// piece adds to the message that is being put together.
func (c *call) piece(p []byte) {
	d := c.d
	if len(d.msg) == 0 {
		d.msgAt = c.w.At(c.off)
	}
	need := 4
	if len(d.msg) >= 4 {
		need += u24(d.msg[1:])
	}
	n := min(need-len(d.msg), len(p))
	d.msg = append(d.msg, p[:n]...)
	c.off += n
	if len(d.msg) < need {
		return
	}
	if need == 4 {
		size := u24(d.msg[1:])
		if !c.accept(d.msg) {
			if !d.torn {
				d.skip = size
			}
			d.msg = nil
			return
		}
		if size > 0 {
			return
		}
	}
	msg := d.msg
	d.msg = nil
	c.message(msg[0], msg[4:], d.msgAt)
}

// accept looks at the header of a message, and says whether the message is
// read.
func (c *call) accept(head []byte) bool {
	d, p := c.d, &c.s.progress
	typ, size := head[0], u24(head[1:])
	if midway := p.nothingKnown(); !knownType(typ) || midway && typ > typeServerHello && typ != typeCertificate && typ != typeRetryDraft {
		// Joined midway these may be the bytes of a cipher.
		if !midway {
			c.violation("handshake message of unknown type " + decimal(uint64(typ)))
		}
		d.torn = true
		return false
	}
	if size > c.s.env.Limits.TLSHandshake {
		c.tooLarge(size)
		return false
	}
	return true
}

func (c *call) tooLarge(size int) {
	c.out.Limit("tls-handshake", c.s.env.Limits.TLSHandshake, "a handshake message is passed over", int64(size))
}

// helloVersion says that body begins with a version that a hello can bear.
func helloVersion(body []byte) bool {
	return len(body) >= 34 && (body[0] == 3 && body[1] <= 4 || is13(u16(body)))
}

// message reads one whole handshake message. first is the mark of its first
// byte.
func (c *call) message(typ byte, body []byte, first decoders.Mark) {
	p := &c.s.progress
	if p.nothingKnown() && (typ == typeClientHello || typ == typeServerHello) && !helloVersion(body) {
		c.d.torn = true // joined midway, these were the bytes of a cipher
		return
	}
	switch typ {
	case typeClientHello:
		c.tellClientHello(parseClientHello(body), first)
	case typeServerHello:
		c.tellServerHello(parseServerHello(body), first)
	case typeRetryDraft:
		c.tellServerHello(parseRetryDraft(body), first)
	case typeCertificate:
		if !is13(p.version) && !c.s.quic {
			c.certificates(body, first)
		}
	case typeNewSessionTicket:
		p.ticket = true
	case typeCertificateRequest:
		p.clientAuth = true
	case typeServerHelloDone:
		p.full = true
	}
}
