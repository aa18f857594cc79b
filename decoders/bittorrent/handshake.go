package bittorrent

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders/peerid"
	"github.com/wiretale/wiretale/events"

	"github.com/wiretale/wiretale/decoders"
)

// front is what every handshake begins with (BEP 3): a length of 19 and a name.
var front = []byte("\x13BitTorrent protocol")

// The parts of a handshake: front, 8 reserved bytes, info hash, peer id.
const (
	reservedAt         = 20
	infoHashAt         = 28
	peerIDAt           = 48
	handshakeLen int64 = 68
)

// start looks whether a side begins with a handshake. Nothing is taken before
// that is clear.
func (c *call) start() (want int) {
	d := c.d
	b := c.rest()
	n := min(len(b), len(front))
	switch {
	case !bytes.Equal(b[:n], front[:n]):
		d.state, d.fresh = lost, true
	case n < len(front):
		return len(front)
	default:
		d.state = inHandshake
		c.s.sure = true
	}
	return 0
}

// handshake reads one. The peer id may come later than the rest.
func (c *call) handshake() {
	b := c.unit(int(handshakeLen))
	if b == nil {
		return
	}
	d := c.d
	d.infoHash = hexOf(b[infoHashAt:peerIDAt])
	id := b[peerIDAt:handshakeLen]
	c.s.said = true
	c.out.Emit(d.from, &events.BitTorrentHandshake{
		InfoHash: d.infoHash, PeerID: hexOf(id), Client: peerid.Client(id),
		Reserved: hexOf(b[reservedAt:infoHashAt]), FirstFrame: d.first.Frame,
	})
	if o := c.s.sides[d.from.Other()].infoHash; o != "" && o != d.infoHash {
		c.s.violation(d.from, c.out, "handshakes of different torrents (BEP 3)")
	}
	c.done(int(handshakeLen))
	d.next()
}

// torn tells what was captured of a handshake whose peer id was not.
func (s *stream) torn(d *side, out decoders.Sink) {
	if len(d.held) < peerIDAt {
		return
	}
	d.infoHash = hexOf(d.held[infoHashAt:peerIDAt])
	s.said = true
	out.Truncated(d.from, &events.BitTorrentHandshake{
		InfoHash: d.infoHash, Reserved: hexOf(d.held[reservedAt:infoHashAt]), FirstFrame: d.first.Frame,
	})
}
