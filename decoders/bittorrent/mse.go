package bittorrent

import (
	"errors"
	"math/bits"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const mseName = "bittorrent-mse"

// MSE is Message Stream Encryption, also called Protocol Encryption: made to
// look like nothing. Both sides begin with a Diffie-Hellman key of 96 bytes
// and up to 512 random bytes. Nothing in it is certain, so that it is looked
// for on the ports of BitTorrent only, or where uTP carries it.
var MSE = decoders.Proto{
	Name:      mseName,
	TCPPorts:  ports,
	Probe:     probeMSE,
	Stream:    func(env decoders.Env) decoders.Stream { return &mse{env: env} },
	Encrypted: true,
	Doc:       "BitTorrent encrypted (MSE/PE): recognised by its shape, not decrypted",
}

const (
	keyLen = 96           // of a public key of 768 bits
	padLen = 512          // longest padding behind it
	synLen = 20 + 20 + 16 // least that the opener sends next: two hashes, then ENCRYPT(VC, crypto_provide, len(PadC), len(IA))
)

var errNotMSE = errors.New("bittorrent-mse: not the shape of its handshake")

// mse watches the first three flights: key, key, what proves them.
type mse struct {
	env    decoders.Env
	flight int // 0, 1, 2; then 3: recognised
	opener events.Dir
	length [3]int
	key    [2][keyLen]byte
	first  decoders.Mark
}

// Data implements decoders.Stream.
func (m *mse) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	if m.flight == 3 || len(w.Bytes) == 0 {
		return len(w.Bytes), 0, nil
	}
	switch {
	case m.length[0] == 0:
		m.opener = w.From
		m.first = w.At(0)
	case w.From != speaker(m.opener, m.flight):
		if m.length[m.flight] < keyLen {
			return 0, 0, errNotMSE
		}
		m.flight++
	}
	n := m.length[m.flight]
	if m.flight < 2 && n < keyLen {
		copy(m.key[m.flight][n:], w.Bytes)
	}
	n += len(w.Bytes)
	m.length[m.flight] = n
	switch {
	case m.flight < 2 && (n > keyLen+padLen || looksRandom(m.key[m.flight][:min(n, keyLen)]) == no):
		return 0, 0, errNotMSE
	case m.flight == 2 && n >= synLen:
		m.flight = 3
		out.Emit(m.opener, &events.BitTorrentHandshake{Encryption: "mse", FirstFrame: m.first.Frame})
	}
	return len(w.Bytes), 0, nil
}

// Gap implements decoders.Stream.
func (m *mse) Gap(events.Dir, int64, decoders.Sink) error {
	if m.flight < 3 {
		return errNotMSE
	}
	return nil
}

// End implements decoders.Stream.
func (m *mse) End(events.Dir, events.Ending, decoders.Sink) {}

// probeMSE: bytes that look random may be it. Its first flight is written at
// once, so that less than a key is something else.
func probeMSE(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	if len(head) > 3*(keyLen+padLen) || looksRandom(head) != yes {
		return decoders.No, from
	}
	return decoders.Maybe, from
}

// someLen is how many bytes are looked at first.
const someLen = 32

// looksRandom says whether b may begin with a key: random bytes. No answer but
// more changes when bytes are added to b.
func looksRandom(b []byte) answer {
	switch {
	case len(b) < someLen:
		return more
	case !random(b[:someLen]):
		return no
	case len(b) < keyLen:
		return more
	case !random(b[:keyLen]):
		return no
	}
	return yes
}

// wantRandom is how many bytes looksRandom wants where it says more.
func wantRandom(b []byte) int {
	if len(b) < someLen {
		return someLen
	}
	return keyLen
}

// random says whether b could be random bytes: ones and zeros, values below
// 128 and printable text are as many as chance gives, within four standard
// deviations, and hardly any neighbours are equal.
func random(b []byte) bool {
	n := len(b)
	var ones, low, text, same int
	for i, c := range b {
		ones += bits.OnesCount8(c)
		if c < 0x80 {
			low++
		}
		if c >= 0x20 && c < 0x7f {
			text++
		}
		if i > 0 && c == b[i-1] {
			same++
		}
	}
	return near(ones, 8*n, 128) && near(low, n, 128) && near(text, n, 95) && same <= 4
}

// near reports whether hits of n tries, each with a chance of p/256, lie
// within four standard deviations.
func near(hits, n, p int) bool {
	d := hits*256 - n*p
	return d*d <= 16*n*p*(256-p)
}

// speaker is who sends a flight.
func speaker(opener events.Dir, flight int) events.Dir {
	if flight == 1 {
		return opener.Other()
	}
	return opener
}
