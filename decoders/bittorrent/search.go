package bittorrent

import (
	"bytes"
	"encoding/binary"

	"github.com/wiretale/wiretale/decoders"
)

// answer is what can be said of bytes that may begin a message.
type answer uint8

const (
	no answer = iota
	more
	yes
)

// What messages weigh as evidence that they are one. enough is a message or a
// run of messages that data will hardly ever hold by chance.
const (
	weak   = 1 // five bytes: 0000000102
	fair   = 2 // a small number of a piece behind five bytes
	good   = 3
	enough = 4
)

// block is the length that nearly all blocks have (BEP 3).
const block = 1 << 14

// mostPieces bounds the numbers of pieces that are believed while the bitfield
// is not known.
const mostPieces = 1 << 20

// evidence looks whether b begins with messages that weigh at least want. No
// answer but more changes when bytes are added to b. pieces is as in stream.
// longest is the longest message that may be looked into.
func evidence(b []byte, pieces uint32, want, longest int) answer {
	if pieces == 0 {
		pieces = mostPieces
	}
	weight, quiet := 0, 0
	for {
		if len(b) < 5 {
			if len(b) > 0 && b[0] != 0 || len(b) > 1 && b[1] != 0 {
				return no
			}
			return more
		}
		n := binary.BigEndian.Uint32(b)
		if n == 0 {
			// A keep-alive, but nobody sends two in a row: zeros are common.
			if quiet++; quiet > 1 {
				return no
			}
			b = b[4:]
			continue
		}
		quiet = 0
		kind := b[4]
		if n > 0xffff || kind > hashReject || names[kind] == "" || !fits(kind, n) {
			return no
		}
		switch kind {
		case bitfield:
			return no // only behind a handshake
		case choke, unchoke, interested, notInterested, haveAll, haveNone:
			weight += weak
		case port:
			weight += weak
		case extended:
			switch {
			case int(n) > longest:
				return no
			case len(b) < 8:
				return more
			case b[6] != 'd' || b[7] != 'e' && (b[7] < '0' || b[7] > '9'):
				return no
			}
			weight += good
		case hashRequest, hashes, hashReject:
			if int(n) > longest {
				return no
			}
			if len(b) < 53 {
				return more
			}
			if binary.BigEndian.Uint32(b[37:]) > 64 || binary.BigEndian.Uint32(b[49:]) > 64 {
				return no
			}
			weight += good
		default: // a number of a piece comes first
			if len(b) < 9 {
				return more
			}
			if binary.BigEndian.Uint32(b[5:]) >= pieces {
				return no
			}
			if kind == have || kind == suggest || kind == allowedFast {
				weight += fair
				break
			}
			if kind == piece {
				if len(b) < 13 {
					return more
				}
			} else if len(b) < 17 {
				return more
			}
			begin, size := binary.BigEndian.Uint32(b[9:]), n-9
			if kind != piece {
				size = binary.BigEndian.Uint32(b[13:])
			}
			if begin >= 1<<28 || size == 0 || size > 1<<18 {
				return no
			}
			switch {
			case size == block && begin%block == 0:
				weight += enough
			case begin%block == 0:
				weight += good
			case kind != piece:
				weight += fair
			default:
				return no
			}
		}
		if weight >= want {
			return yes
		}
		if kind == piece {
			return no // what follows its block is too far away
		}
		if int64(len(b)) < 4+int64(n) {
			return more
		}
		b = b[4+n:]
	}
}

// search passes over bytes until a plausible message.
func (c *call) search() (want int, err error) {
	d, s := c.d, c.s
	b := c.rest()
	longest := min(s.env.Limits.TorrentMessage, s.env.Limits.Waiting/2) - 4
	if d.fresh {
		if n := min(len(b), len(front)); d.infoHash == "" && bytes.Equal(b[:n], front[:n]) {
			// What was lost was before the connection: uTP was joined late.
			if n < len(front) {
				return len(front), nil
			}
			d.state, d.fresh, s.sure = inHandshake, false, true
			return 0, nil
		}
		weight := fair
		if !s.sure {
			weight = enough
		}
		switch evidence(b, s.pieces, weight, longest) {
		case yes:
			d.found()
			return 0, nil
		case more:
			return len(b) + 1, nil
		}
		if !s.sure && !s.gapped {
			return c.strange()
		}
		d.fresh = false
		c.skip(1)
		return 0, nil
	}
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte{0, 0})
		if j < 0 {
			// The last byte may be the first of a prefix.
			i = len(b)
			if b[i-1] == 0 {
				i--
			}
			c.skip(i)
			return len(b) - i + 1, s.giveUp(d, c.out)
		}
		i += j
		switch evidence(b[i:], s.pieces, enough, longest) {
		case yes:
			c.skip(i)
			d.found()
			return 0, nil
		case more:
			c.skip(i)
			return len(b) - i + 1, s.giveUp(d, c.out)
		}
		i++
	}
}

// skip passes over n bytes.
func (c *call) skip(n int) {
	c.off += n
	c.d.searched += int64(n)
}

// found: a message begins here.
func (d *side) found() {
	d.searched = 0
	d.next()
}

// giveUp ends a search that was too long: for this side, or, where nothing at
// all was found yet, for the connection.
func (s *stream) giveUp(d *side, out decoders.Sink) error {
	limit := s.env.Limits.TorrentSearch
	switch {
	case !s.sure && d.searched > int64(min(limit, s.env.Limits.Unknown-1024)):
		return errNotBitTorrent
	case d.searched > int64(limit):
		d.state = deaf
		out.Limit("torrent-search", limit, "no message was found after a loss; this side is not read any more", d.searched)
		s.violation(d.from, out, "no message was found after a loss")
	}
	return nil
}

// strange: a connection begins with neither a handshake nor messages. What
// was named BitTorrent by uTP may be encrypted.
func (c *call) strange() (want int, err error) {
	switch b := c.rest(); looksRandom(b) {
	case no:
		return 0, errNotBitTorrent
	case more:
		return wantRandom(b), nil
	}
	c.switched = true
	c.out.Switch(decoders.Next{Protocol: mseName})
	return 0, nil
}
