package imap

import "errors"

// inflater undoes DEFLATE (RFC 1951) as bytes come in. It is pushed: it stops
// wherever the bytes end and goes on with the next ones, so that whatever the
// bytes so far say comes out at once, and nothing but its window is held.
//
// write gives it bytes; read returns what they mean, piece by piece.
type inflater struct {
	in    []byte
	bits  uint64 // not used yet, the next one lowest
	nbits uint
	state inflateState
	last  bool // the block is the last one

	left       int // stored block: bytes to go; a copy: likewise
	dist       int // of the copy
	lit, dists huffman
	nlit, nd   int // dynamic block: numbers of codes, and of lengths read
	nlen, have int
	lengths    [320]uint8

	window [windowSize]byte
	pos    int   // next place in window
	out    int   // first byte of window that was not returned
	given  int64 // bytes that came in
	count  int64 // bytes that came out
	err    error // told once all before it came out
}

const windowSize = 32 << 10

type inflateState uint8

const (
	blockHead inflateState = iota
	storedHead
	stored
	dynamicHead
	codeLengths
	symbolLengths
	symbols
	copying
	over // behind the last block
)

var errInflate = errors.New("not DEFLATE")

// write gives the inflater bytes; it must have been read to the end.
func (z *inflater) write(p []byte) {
	z.in = p
	z.given += int64(len(p))
}

// fill takes bytes in, so that at least 56 bits are there if there are so
// many.
func (z *inflater) fill() {
	for z.nbits <= 56 && len(z.in) > 0 {
		z.bits |= uint64(z.in[0]) << z.nbits
		z.nbits += 8
		z.in = z.in[1:]
	}
}

// take uses n bits that are there.
func (z *inflater) take(n uint) int {
	v := int(z.bits & (1<<n - 1))
	z.bits >>= n
	z.nbits -= n
	return v
}

// read is what came out next; nothing: more bytes are needed. It is borrowed
// until the next call.
func (z *inflater) read() ([]byte, error) {
	if z.pos == windowSize {
		z.pos, z.out = 0, 0
	}
	for ok := true; ok && z.err == nil && z.pos < windowSize; {
		ok, z.err = z.step()
	}
	b := z.window[z.out:z.pos]
	if len(b) == 0 {
		return nil, z.err
	}
	z.out = z.pos
	z.count += int64(len(b))
	return b, nil
}

// step does the next thing; ok is false where the bytes do not suffice.
func (z *inflater) step() (ok bool, err error) {
	z.fill()
	switch z.state {
	case blockHead:
		if z.nbits < 3 {
			return false, nil
		}
		z.last = z.take(1) == 1
		switch z.take(2) {
		case 0:
			z.take(z.nbits & 7) // the rest of the byte
			z.state = storedHead
		case 1:
			z.fixed()
			z.state = symbols
		case 2:
			z.state = dynamicHead
		default:
			return false, errInflate
		}
	case storedHead:
		if z.nbits < 32 {
			return false, nil
		}
		n := z.take(16)
		if z.take(16) != n^0xffff {
			return false, errInflate
		}
		z.left = n
		z.state = stored
	case stored:
		if z.left == 0 {
			z.endBlock()
			break
		}
		if z.nbits > 0 {
			z.put(byte(z.take(8)))
			z.left--
			break
		}
		return false, nil
	case dynamicHead:
		if z.nbits < 14 {
			return false, nil
		}
		z.nlit, z.nd, z.nlen = z.take(5)+257, z.take(5)+1, z.take(4)+4
		if z.nlit > 286 {
			return false, errInflate
		}
		z.have = 0
		clear(z.lengths[:])
		z.state = codeLengths
	case codeLengths:
		if z.have < z.nlen {
			if z.nbits < 3 {
				return false, nil
			}
			z.lengths[lengthOrder[z.have]] = uint8(z.take(3))
			z.have++
			break
		}
		if !z.lit.build(z.lengths[:19]) {
			return false, errInflate
		}
		clear(z.lengths[:])
		z.have = 0
		z.state = symbolLengths
	case symbolLengths:
		return z.symbolLength()
	case symbols:
		return z.symbol()
	case copying:
		z.copy()
	default:
		if len(z.in) > 0 || z.nbits >= 8 {
			return false, errInflate // bytes behind the last block
		}
		return false, nil
	}
	return true, nil
}

func (z *inflater) endBlock() {
	z.state = blockHead
	if z.last {
		z.take(z.nbits & 7)
		z.state = over
	}
}

func (z *inflater) put(b byte) {
	z.window[z.pos] = b
	z.pos++
}

// lengthOrder is the order of code lengths for the code length alphabet (RFC
// 1951 section 3.2.7).
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// symbolLength reads one code length, or a run of them.
func (z *inflater) symbolLength() (ok bool, err error) {
	if z.have == z.nlit+z.nd {
		if z.lengths[256] == 0 || !z.lit.build(z.lengths[:z.nlit]) || !z.dists.build(z.lengths[z.nlit:z.nlit+z.nd]) {
			return false, errInflate
		}
		z.state = symbols
		return true, nil
	}
	sym, n := z.lit.next(z.bits, z.nbits)
	if n == 0 {
		return false, z.stuck()
	}
	var extra uint
	var base int
	switch sym {
	case 16:
		extra, base = 2, 3
	case 17:
		extra, base = 3, 3
	case 18:
		extra, base = 7, 11
	default:
		z.take(n)
		z.lengths[z.have] = uint8(sym)
		z.have++
		return true, nil
	}
	if z.nbits < n+extra {
		return false, nil
	}
	z.take(n)
	times := base + z.take(extra)
	var v uint8
	if sym == 16 {
		if z.have == 0 {
			return false, errInflate
		}
		v = z.lengths[z.have-1]
	}
	if z.have+times > z.nlit+z.nd {
		return false, errInflate
	}
	for range times {
		z.lengths[z.have] = v
		z.have++
	}
	return true, nil
}

// stuck: no code fits the bits that are there.
func (z *inflater) stuck() error {
	if z.nbits >= maxCode {
		return errInflate
	}
	return nil
}

// Base values and extra bits of lengths (codes 257 to 285) and distances (RFC
// 1951 section 3.2.5).
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// symbol reads a literal, a length with its distance (48 bits at most), or
// the end of the block. It uses bits only when all are there.
func (z *inflater) symbol() (ok bool, err error) {
	sym, n := z.lit.next(z.bits, z.nbits)
	switch {
	case n == 0:
		return false, z.stuck()
	case sym < 256:
		z.take(n)
		z.put(byte(sym))
		return true, nil
	case sym == 256:
		z.take(n)
		z.endBlock()
		return true, nil
	}
	sym -= 257
	if sym >= len(lengthBase) {
		return false, errInflate
	}
	bits, have := z.bits>>n, z.nbits-n
	extra := uint(lengthExtra[sym])
	if have < extra {
		return false, nil
	}
	length := int(lengthBase[sym]) + int(bits&(1<<extra-1))
	bits, have = bits>>extra, have-extra
	code, m := z.dists.next(bits, have)
	if m == 0 {
		if have >= maxCode {
			return false, errInflate
		}
		return false, nil
	}
	if code >= len(distBase) {
		return false, errInflate
	}
	bits, have = bits>>m, have-m
	extra = uint(distExtra[code])
	if have < extra {
		return false, nil
	}
	dist := int(distBase[code]) + int(bits&(1<<extra-1))
	z.bits, z.nbits = bits>>extra, have-extra
	if int64(dist) > z.count+int64(z.pos-z.out) {
		return false, errInflate // before the beginning
	}
	z.left, z.dist = length, dist
	z.state = copying
	return true, nil
}

// copy repeats bytes, up to the end of the window.
func (z *inflater) copy() {
	for z.left > 0 && z.pos < windowSize {
		z.window[z.pos] = z.window[(z.pos-z.dist)&(windowSize-1)]
		z.pos++
		z.left--
	}
	if z.left == 0 {
		z.state = symbols
	}
}

// fixed makes the codes of RFC 1951 section 3.2.6.
func (z *inflater) fixed() {
	l := z.lengths[:288]
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	z.lit.build(l)
	for i := range 30 {
		l[i] = 5
	}
	z.dists.build(l[:30])
}

// maxCode is the longest code, in bits; fastCode what one look-up covers.
const (
	maxCode  = 15
	fastCode = 9
)

// huffman is one canonical code (RFC 1951 section 3.2.2).
type huffman struct {
	fast   [1 << fastCode]uint16 // symbol<<4 | length, by the next bits; 0: longer
	counts [maxCode + 1]uint16
	syms   [288]uint16 // by code
}

// build makes the code of these lengths; false: there is no such code.
func (h *huffman) build(lengths []uint8) bool {
	clear(h.fast[:])
	clear(h.counts[:])
	for _, l := range lengths {
		h.counts[l]++
	}
	h.counts[0] = 0
	left := 1
	var next, code [maxCode + 2]int
	for l := 1; l <= maxCode; l++ {
		left = left<<1 - int(h.counts[l])
		if left < 0 {
			return false // more codes than there are
		}
		next[l+1] = next[l] + int(h.counts[l])
		code[l+1] = (code[l] + int(h.counts[l])) << 1
	}
	for sym, l := range lengths {
		if l == 0 {
			continue
		}
		h.syms[next[l]] = uint16(sym)
		next[l]++
		c := code[l]
		code[l]++
		if l <= fastCode {
			// Codes come with their highest bit first.
			r := 0
			for i := range int(l) {
				r |= (c >> i & 1) << (int(l) - 1 - i)
			}
			for ; r < 1<<fastCode; r += 1 << l {
				h.fast[r] = uint16(sym)<<4 | uint16(l)
			}
		}
	}
	return true
}

// next is the symbol at the front of the bits, of which n are there, and the
// length of its code; 0: it is not whole, or there is none.
func (h *huffman) next(bits uint64, n uint) (sym int, length uint) {
	if f := h.fast[bits&(1<<fastCode-1)]; f != 0 {
		if l := uint(f & 15); l <= n {
			return int(f >> 4), l
		}
		return 0, 0
	}
	code, first, index := 0, 0, 0
	for l := uint(1); l <= maxCode && l <= n; l++ {
		code |= int(bits & 1)
		bits >>= 1
		count := int(h.counts[l])
		if code-first < count {
			return int(h.syms[index+code-first]), l
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, 0
}
