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
