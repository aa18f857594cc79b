package peer

import "encoding/hex"

// Bitfield says which pieces a peer has: the high bit of the first byte is
// piece 0 (BEP 3).
type Bitfield []byte

// NewBitfield is the field of a peer that has none of n pieces.
func NewBitfield(n int) Bitfield { return make(Bitfield, (n+7)/8) }

// Has reports whether piece i is there.
func (b Bitfield) Has(i int) bool { return i/8 < len(b) && b[i/8]&(0x80>>(i%8)) != 0 }

// Set adds piece i, which must lie in the field.
func (b Bitfield) Set(i int) { b[i/8] |= 0x80 >> (i % 8) }

// Count is how many pieces are there.
func (b Bitfield) Count() (n int) {
	for i := range len(b) * 8 {
		if b.Has(i) {
			n++
		}
	}
	return n
}

// String is b in hex.
func (b Bitfield) String() string { return hex.EncodeToString(b) }
