package quic

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// The public flags of Google's versions up to Q043
// (draft-tsvwg-quic-protocol-02 section 6.1).
const (
	publicVersion = 0x01
	publicReset   = 0x02
	publicID      = 0x08
	publicUnused  = 0xc0
)

// publicFlow is what a flow of these versions has shown: packets of the server
// bear no version, and often no connection ID.
type publicFlow struct {
	known   bool
	client  events.Dir
	version version
	id      connectionID
}

// isPublic: the first packets of a client bear a connection ID and the version.
func isPublic(b []byte) bool {
	return len(b) >= 1+8+4+1 && b[0]&(publicUnused|publicID|publicVersion|publicReset) == publicID|publicVersion &&
		b[9] == 'Q' && version(binary.BigEndian.Uint32(b[9:])).isGoogle()
}

// public reads a packet with a public header.
func (d *decoder) public(w *decoders.Window, out decoders.Sink) error {
	b := w.Bytes
	g := &d.google
	if isPublic(b) && (!g.known || w.From == g.client) {
		if id := b[1:9]; !g.id.is(id) {
			g.id = newID(id)
		}
		g.known, g.client, g.version = true, w.From, version(binary.BigEndian.Uint32(b[9:]))
	}
	if !g.known || b[0]&publicUnused != 0 {
		return errNotQUIC
	}
	if !d.tells() {
		return nil
	}
	e := &packet{}
	k, at := public, 1
	if b[0]&publicReset != 0 {
		k = reset
	}
	if b[0]&publicID != 0 && len(b) >= 9 {
		if at = 9; g.id.is(b[1:9]) {
			e.DCID = g.id.text
		} else {
			e.DCID = hex.EncodeToString(b[1:9])
		}
	}
	if b[0]&publicVersion != 0 {
		switch {
		case w.From != g.client && k == public:
			k = negotiation
			e.Versions = versionList(b[at:])
		case len(b) >= at+4:
			e.Version = version(binary.BigEndian.Uint32(b[at:])).String()
		}
	}
	e.Type, e.Length = k.String(), len(b)+w.Missing
	d.tell(e, w.From, w.Missing > 0, out)
	return nil
}

// The types of frames of Google's versions with TLS, T048 to T051, whose
// Initials are protected as the IETF's. Theirs are older than those of RFC
// 9000.
const (
	googleClose  = 0x02
	googlePing   = 0x07
	googleCrypto = 0x08
	googleACK    = 0x40 // and how it is coded
)

// nextGoogleFrame takes a frame from the front of p, which is not empty. The
// rest of p is gone where a frame is not known, or broken: these versions were
// never written down as a standard.
func nextGoogleFrame(p []byte) (f frame, rest []byte) {
	t := p[0]
	r := reader{p: p[1:]}
	switch {
	case t == framePadding: // it goes to the end of the packet
		return frame{kind: framePadding}, nil
	case t == googlePing:
		f.kind = framePing
	case t == googleCrypto:
		f.kind = frameCrypto
		f.offset = r.varint()
		f.data = r.take(r.varint())
		if f.offset >= 1<<62-1<<16 {
			return f, nil
		}
	case t == googleClose:
		f.kind = frameClose
		f.code = r.big(4)
		f.data = r.take(r.big(2))
	case t&0xc0 == googleACK:
		f.kind = frameACK
		sizes := [4]uint64{1, 2, 4, 6}
		block := sizes[t&3]
		r.take(sizes[t>>2&3]) // largest acknowledged
		r.take(2)             // delay
		blocks := uint64(0)
		if t&0x20 != 0 {
			blocks = r.big(1)
		}
		r.take(block + blocks*(1+block))
		if times := r.big(1); times > 0 {
			r.take(1 + 4 + 3*(times-1))
		}
	default:
		return frame{kind: uint64(t) | googleUnknown}, nil
	}
	if r.short {
		f.data = nil
		return f, nil
	}
	return f, r.p
}

// googleUnknown marks a frame that is not read.
const googleUnknown = 0x100
