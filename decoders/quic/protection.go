package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// The two senders of Initial packets, as the keys tell them apart.
const (
	byClient = iota
	byServer
)

// keys open the packets of one sender at one encryption level (RFC 9001
// section 5.1), always with AES-128-GCM as Initials do.
type keys struct {
	packet cipher.AEAD
	iv     [12]byte
	header cipher.Block
	mask   [aes.BlockSize]byte
}

// initialKeys are the keys of all Initial packets of a connection (RFC 9001
// section 5.2).
type initialKeys struct {
	version version
	sender  [2]keys
}

// deriveInitial makes the keys from the Destination Connection ID of the
// client's first Initial, or of the first after a Retry. It is nil for
// versions whose Initials cannot be read.
func deriveInitial(v version, dcid []byte) *initialKeys {
	c := v.suite()
	if c.salt == "" {
		return nil
	}
	secret, err := hkdf.Extract(sha256.New, dcid, []byte(c.salt))
	if err != nil {
		return nil
	}
	k := &initialKeys{version: v}
	for i, label := range [2]string{"client in", "server in"} {
		if k.sender[i].derive(expand(secret, label, sha256.Size), c.label) != nil {
			return nil
		}
	}
	return k
}

func (k *keys) derive(secret []byte, label string) (err error) {
	block, err := aes.NewCipher(expand(secret, label+" key", 16))
	if err != nil {
		return err
	}
	if k.packet, err = cipher.NewGCM(block); err != nil {
		return err
	}
	copy(k.iv[:], expand(secret, label+" iv", len(k.iv)))
	k.header, err = aes.NewCipher(expand(secret, label+" hp", 16))
	return err
}

// expand is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	out, err := hkdf.Expand(sha256.New, secret, "\x00"+string(rune(n))+string(rune(len(label)))+label+"\x00", n)
	if err != nil {
		return nil // only lengths beyond 255 hashes fail
	}
	return out
}

// open removes header protection and opens a packet with a long header whose
// packet number is at pn (RFC 9001 sections 5.3 and 5.4). largest is the
// largest packet number of the sender so far, -1 for none. The payload is in
// scratch, which open makes longer as needed; p is not written to. It is false
// where the tag does not fit.
func (k *keys) open(p []byte, pn int, largest int64, scratch *[]byte) (number uint64, payload []byte, ok bool) {
	const sampleAt = 4
	if len(p) < pn+sampleAt+aes.BlockSize {
		return 0, nil, false
	}
	k.header.Encrypt(k.mask[:], p[pn+sampleAt:pn+sampleAt+aes.BlockSize])
	b := append((*scratch)[:0], p...)
	*scratch = b
	b[0] ^= k.mask[0] & 0x0f
	size := int(b[0]&3) + 1
	truncated := uint64(0)
	for i := range size {
		b[pn+i] ^= k.mask[1+i]
		truncated = truncated<<8 | uint64(b[pn+i])
	}
	number = fullNumber(truncated, size, largest)
	nonce := k.iv
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(number >> (8 * i))
	}
	head := pn + size
	payload, err := k.packet.Open(b[head:head], nonce[:], b[head:], b[:head])
	return number, payload, err == nil
}

// fullNumber is the packet number of which the lowest size bytes were sent
// (RFC 9000 appendix A.3).
func fullNumber(truncated uint64, size int, largest int64) uint64 {
	window := int64(1) << (8 * size)
	expected := largest + 1
	n := expected&^(window-1) | int64(truncated)
	switch {
	case n <= expected-window/2 && n < 1<<62-window:
		n += window
	case n > expected+window/2 && n >= window:
		n -= window
	}
	return uint64(n)
}

// retryTagFits checks the integrity tag at the end of the Retry packet p
// (RFC 9001 section 5.8). origin is the Destination Connection ID that the
// client had chosen. known is false for versions without a known key.
func retryTagFits(v version, p, origin []byte) (fits, known bool) {
	c := v.suite()
	if c.retryKey == "" || len(p) < tagLen {
		return false, false
	}
	block, err := aes.NewCipher([]byte(c.retryKey))
	if err != nil {
		return false, false
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return false, false
	}
	pseudo := append([]byte{byte(len(origin))}, origin...)
	pseudo = append(pseudo, p[:len(p)-tagLen]...)
	_, err = gcm.Open(nil, []byte(c.retryNonce), p[len(p)-tagLen:], pseudo)
	return err == nil, true
}
