package btpeers

import (
	"math/bits"
	"strconv"
)

// MostPieces bounds the numbers of pieces that are believed.
const MostPieces = 1 << 20

// Pieces is a set of pieces.
type Pieces []uint64

// Has reports whether piece i is in p.
func (p Pieces) Has(i int) bool {
	w := i >> 6
	return w < len(p) && p[w]&(1<<(i&63)) != 0
}

// Set adds piece i.
func (p *Pieces) Set(i int) {
	for len(*p) <= i>>6 {
		*p = append(*p, 0)
	}
	(*p)[i>>6] |= 1 << (i & 63)
}

// Count is how many there are.
func (p Pieces) Count() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

// Top is the highest piece, -1 for none.
func (p Pieces) Top() int {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] != 0 {
			return i<<6 + bits.Len64(p[i]) - 1
		}
	}
	return -1
}

// Each calls do for each piece, in order.
func (p Pieces) Each(do func(int)) {
	for w, x := range p {
		for ; x != 0; x &= x - 1 {
			do(w<<6 + bits.TrailingZeros64(x))
		}
	}
}

// Hex is p as a bitfield of n pieces (BEP 3): the first is the highest bit of
// the first byte.
func (p Pieces) Hex(n int) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, (n+7)/8*2)
	for i := 0; i < n; i += 4 {
		v := 0
		for k := range 4 {
			v <<= 1
			if i+k < n && p.Has(i+k) {
				v |= 1
			}
		}
		out = append(out, digits[v])
	}
	if len(out)%2 != 0 {
		out = append(out, '0')
	}
	return string(out)
}

// OfHex reads a bitfield.
func OfHex(s string) Pieces {
	p := make(Pieces, (len(s)*4+63)/64)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			continue
		}
		for k := range 4 {
			if c&(8>>k) != 0 {
				at := i*4 + k
				p[at>>6] |= 1 << (at & 63)
			}
		}
	}
	return p
}

// AppendName appends Name.
func (p *Peer) AppendName(b []byte) []byte {
	ip := p.Addr.IP()
	if p.Port == 0 {
		return ip.AppendTo(b)
	}
	if ip.Is6() {
		b = append(ip.AppendTo(append(b, '[')), "]:"...)
	} else {
		b = append(ip.AppendTo(b), ':')
	}
	return strconv.AppendUint(b, uint64(p.Port), 10)
}
