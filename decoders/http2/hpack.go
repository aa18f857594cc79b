package http2

import (
	"errors"

	"golang.org/x/net/http2/hpack"

	"github.com/wiretale/wiretale/events"
)

// What makes a header block break RFC 7541: the connection's HPACK state
// cannot be known after it.
var (
	errBlockEnds  = errors.New("header block ends inside a field (RFC 7541 section 6)")
	errInteger    = errors.New("integer of HPACK is too large (RFC 7541 section 5.1)")
	errIndex      = errors.New("index beyond the tables (RFC 7541 section 2.3.3)")
	errHuffman    = errors.New("string is no Huffman code (RFC 7541 section 5.2)")
	errUpdateLate = errors.New("table size update behind a field (RFC 7541 section 4.2)")
)

// maxInteger bounds the integers of HPACK; no length or index of a block that
// is read is near to it.
const maxInteger = 1 << 30

// integer reads an integer with a prefix of n bits (RFC 7541 section 5.1) and
// says how many bytes it takes.
func integer(b []byte, n uint) (v, used int, err error) {
	if len(b) == 0 {
		return 0, 0, errBlockEnds
	}
	mask := 1<<n - 1
	if v = int(b[0]) & mask; v < mask {
		return v, 1, nil
	}
	for i, shift := 1, uint(0); i < len(b); i, shift = i+1, shift+7 {
		// Zeros may follow, as far as implementations take them.
		if shift > 28 && b[i]&0x7f != 0 || shift > 56 {
			return 0, 0, errInteger
		}
		v += int(b[i]&0x7f) << shift
		if v > maxInteger {
			return 0, 0, errInteger
		}
		if b[i]&0x80 == 0 {
			return v, i + 1, nil
		}
	}
	return 0, 0, errBlockEnds
}

// literal is a string as it stands in a block (RFC 7541 section 5.2).
type literal struct {
	bytes   []byte
	huffman bool
}

func readLiteral(b []byte) (l literal, used int, err error) {
	n, used, err := integer(b, 7)
	if err != nil {
		return l, 0, err
	}
	if n > len(b)-used {
		return l, 0, errBlockEnds
	}
	return literal{b[used : used+n], b[0]&0x80 != 0}, used + n, nil
}

// text is bytes that strings are decoded into.
type text []byte

// Write implements io.Writer.
func (t *text) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	return len(p), nil
}

func (t *text) add(l literal) error {
	if !l.huffman {
		*t = append(*t, l.bytes...)
		return nil
	}
	if _, err := hpack.HuffmanDecode(t, l.bytes); err != nil {
		return errHuffman
	}
	return nil
}

// representation is what stands at the front of the rest of a block (RFC 7541
// section 6).
type representation struct {
	kind    repKind
	index   int // of the field or of its name; 0: the name is a literal. For an update: the size
	name    literal
	value   literal
	indexed bool // the field goes into the dynamic table
	never   bool // nor into any other (section 6.2.3)
}

type repKind uint8

const (
	repIndexed repKind = iota // section 6.1
	repLiteral                // section 6.2
	repUpdate                 // section 6.3
)

// next reads one representation, and says how many bytes it takes. It needs
// no table.
func next(b []byte) (r representation, used int, err error) {
	prefix := uint(4) // 6.2.2 without indexing, 6.2.3 never indexed
	r.kind = repLiteral
	switch c := b[0]; {
	case c&0x80 != 0:
		r.kind, prefix = repIndexed, 7
	case c&0x40 != 0:
		prefix, r.indexed = 6, true
	case c&0x20 != 0:
		r.kind, prefix = repUpdate, 5
	default:
		r.never = c&0x10 != 0
	}
	r.index, used, err = integer(b, prefix)
	if err != nil || r.kind != repLiteral {
		return r, used, err
	}
	n := 0
	if r.index == 0 {
		if r.name, n, err = readLiteral(b[used:]); err != nil {
			return r, 0, err
		}
		used += n
	}
	r.value, n, err = readLiteral(b[used:])
	return r, used + n, err
}

// wellFormed says whether b is a whole header block, as far as that can be
// told without tables.
func wellFormed(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	fields := false
	for len(b) > 0 {
		r, used, err := next(b)
		if err != nil || r.kind == repIndexed && r.index == 0 || r.kind == repUpdate && fields {
			return false
		}
		fields = fields || r.kind != repUpdate
		b = b[used:]
	}
	return fields
}

// reading is one header block being decoded.
type reading struct {
	t  *table
	to *fields
	// allowed is the largest table that the peer's settings permit.
	allowed int

	// missing: a field refers to what was lost; the block is undecodable, but
	// the table is in step.
	missing bool
	// over: the table is larger than the limit.
	over bool
	// late and large are violations that can be lived with.
	late, large bool

	// count is complete where nothing is missing and nothing was left out.
	count events.HPACKBlock
}

// run decodes block. After an error the table is out of step.
func (r *reading) run(block []byte) error {
	fields := false
	r.count.Encoded = len(block)
	evicted := r.t.evicted
	defer func() {
		r.count.Evicted = r.t.evicted - evicted
		r.count.Table, r.count.TableMax = r.t.size, r.t.max
	}()
	for len(block) > 0 {
		p, used, err := next(block)
		if err != nil {
			return err
		}
		block = block[used:]
		if p.kind == repUpdate {
			r.late = r.late || fields
			r.large = r.large || p.index > r.allowed
			r.over = r.t.resize(p.index) || r.over
			continue
		}
		fields = true
		if err := r.one(&p); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) one(p *representation) error {
	var of *entry
	if p.index > 0 || p.kind == repIndexed {
		of = r.t.at(p.index)
		if of == nil && (p.index == 0 || !r.t.short) {
			return errIndex
		}
		if of == nil || of.unknown {
			r.missing = true
			of = nil
		}
	}
	r.tally(p)
	if p.kind == repIndexed {
		if of != nil {
			r.to.add(of.name, of.value)
			r.count.Decoded += of.size - entryOverhead
		}
		return nil
	}
	unknown := p.index > 0 && of == nil
	if !p.indexed && (unknown || !r.to.fits()) {
		return nil
	}
	scratch := &r.to.scratch
	*scratch = (*scratch)[:0]
	if p.index == 0 {
		if err := scratch.add(p.name); err != nil {
			return err
		}
	}
	n := len(*scratch)
	if err := scratch.add(p.value); err != nil {
		return err
	}
	e := entry{size: len(*scratch) + entryOverhead, unknown: unknown}
	if !unknown {
		both := string(*scratch)
		e.name = both[:n]
		if of != nil {
			e.name = of.name
			e.size += len(e.name)
		}
		e.value = r.to.show(e.name, both[n:])
		r.count.Decoded += e.size - entryOverhead
		r.to.add(e.name, e.value)
	}
	if p.indexed {
		r.t.add(e)
	}
	return nil
}

// tally counts which kind of field p is.
func (r *reading) tally(p *representation) {
	c := &r.count
	c.Fields++
	static := p.index < len(staticTable)
	switch {
	case p.kind == repIndexed && static:
		c.Static++
	case p.kind == repIndexed:
		c.Dynamic++
	case p.index == 0:
		c.Literal++
	case static:
		c.StaticName++
	default:
		c.DynamicName++
	}
	if p.indexed {
		c.Inserted++
	}
	if p.never {
		c.Never++
	}
}
