// Package bencode reads bencoded values (BEP 3) where they lie: a Value is the
// bytes themselves, borrowed, and looking into it allocates nothing. It is no
// protocol; those of BitTorrent share it. It must not write bencode, recurse,
// or panic on any input.
//
// Lenient, because real peers are: keys may be unsorted or repeated, numbers
// may have leading zeros.
package bencode

import (
	"errors"
	"iter"
)

// Kind is what a value is.
type Kind uint8

// The four kinds of BEP 3, and what is none of them.
const (
	Invalid Kind = iota
	Int
	String
	List
	Dict
)

func (k Kind) String() string {
	return [...]string{"invalid", "int", "string", "list", "dict"}[k]
}

// What Read may find wrong.
var (
	ErrShort  = errors.New("bencode: the value goes on behind these bytes")
	ErrSyntax = errors.New("bencode: not a value")
	ErrDepth  = errors.New("bencode: nested too deep")
	ErrItems  = errors.New("bencode: too many values")
)

// MaxDepth is the deepest nesting that Read can follow: one bit a level.
const MaxDepth = 64

// Value is one bencoded value, as it stands on the wire. Its methods are safe
// on any bytes: what cannot be read is absent, and bytes behind the value are
// ignored. So a value whose end was not captured can be looked into up to its
// end. Only Read says whether all of it is well formed.
type Value []byte

// Read checks the value at the front of b and returns it with its length in
// bytes. depth bounds the nesting (at most MaxDepth; a plain string or number
// has depth 0), items the number of values in it, keys counted. Errors are the
// four of this package; with ErrShort, n is what is well formed so far.
func Read(b []byte, depth, items int) (v Value, n int, err error) {
	depth = min(depth, MaxDepth)
	var dicts, values uint64 // bit of a level: it is a dict; it waits for a value, not a key
	level, at := 0, 0
	for {
		if at >= len(b) {
			return nil, at, ErrShort
		}
		c := b[at]
		inDict := level > 0 && dicts>>(level-1)&1 == 1
		wantKey := inDict && values>>(level-1)&1 == 0
		switch {
		case c == 'e':
			if level == 0 || inDict && !wantKey {
				return nil, at, ErrSyntax
			}
			at++
			level--
		default:
			if items--; items < 0 {
				return nil, at, ErrItems
			}
			if wantKey && !isDigit(c) {
				return nil, at, ErrSyntax
			}
			if c == 'l' || c == 'd' {
				if level >= depth {
					return nil, at, ErrDepth
				}
				bit := uint64(1) << level
				dicts, values = dicts&^bit, values&^bit
				if c == 'd' {
					dicts |= bit
				}
				level++
				at++
				continue // open: whose value it is, is settled at its end
			}
			_, end, err := scalar(b[at:])
			if err != nil {
				return nil, at, err
			}
			at += end
		}
		if level == 0 {
			return Value(b[:at]), at, nil
		}
		// A key, or the value to it, is over.
		if bit := uint64(1) << (level - 1); dicts&bit != 0 {
			values ^= bit
		}
	}
}

// scalar finds the string or number at the front of b: where its content
// begins and where it ends.
func scalar(b []byte) (start, end int, err error) {
	if b[0] == 'i' {
		i := 1
		if i < len(b) && b[i] == '-' {
			i++
		}
		first := i
		for i < len(b) && isDigit(b[i]) {
			i++
		}
		switch {
		case i == len(b):
			return 0, 0, ErrShort
		case b[i] != 'e' || i == first:
			return 0, 0, ErrSyntax
		}
		return 1, i + 1, nil
	}
	size, i := 0, 0
	for ; i < len(b) && isDigit(b[i]); i++ {
		if size > 1<<31 {
			return 0, 0, ErrSyntax // nothing is that long
		}
		size = size*10 + int(b[i]-'0')
	}
	switch {
	case i == 0:
		return 0, 0, ErrSyntax
	case i == len(b):
		return 0, 0, ErrShort
	case b[i] != ':':
		return 0, 0, ErrSyntax
	case size > len(b)-i-1:
		return i + 1, 0, ErrShort
	}
	return i + 1, i + 1 + size, nil
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// length is the number of bytes of the value at the front of v, 0 where it is
// broken or goes on behind v.
func (v Value) length() int {
	level, at := 0, 0
	for at < len(v) {
		switch c := v[at]; c {
		case 'l', 'd':
			level++
			at++
		case 'e':
			if level == 0 {
				return 0
			}
			level--
			at++
		default:
			_, end, err := scalar(v[at:])
			if err != nil {
				return 0
			}
			at += end
		}
		if level == 0 {
			return at
		}
	}
	return 0
}

// Kind is what v is, by its first byte.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Invalid
	}
	switch c := v[0]; {
	case c == 'i':
		return Int
	case c == 'l':
		return List
	case c == 'd':
		return Dict
	case isDigit(c):
		return String
	}
	return Invalid
}

// Int is the number that v is; not ok where it is none, or does not fit into
// 64 bits.
func (v Value) Int() (n int64, ok bool) {
	if v.Kind() != Int {
		return 0, false
	}
	start, end, err := scalar(v)
	if err != nil {
		return 0, false
	}
	digits := v[start : end-1]
	negative := digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	var u uint64
	for _, c := range digits {
		d := uint64(c - '0')
		if u > (1<<63-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	switch {
	case negative:
		return -int64(u), true // -(1<<63) wraps onto itself
	case u == 1<<63:
		return 0, false
	}
	return int64(u), true
}

// Bytes is the content of the string that v is, borrowed from v.
func (v Value) Bytes() (s []byte, ok bool) {
	if v.Kind() != String {
		return nil, false
	}
	start, end, err := scalar(v)
	if err != nil {
		return nil, false
	}
	return v[start:end], true
}

// Text is the content of the string that v is, "" where it is none.
func (v Value) Text() string {
	s, _ := v.Bytes()
	return string(s)
}

// List goes over the values of the list that v is, up to its end or to the
// first one that is not whole.
func (v Value) List() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != List {
			return
		}
		for rest := v[1:]; ; {
			n := rest.length()
			if n == 0 || !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Dict goes over the keys and values of the dictionary that v is, in the order
// of the wire, up to its end or to the first pair that is not whole.
func (v Value) Dict() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if v.Kind() != Dict {
			return
		}
		for rest := v[1:]; ; {
			key, n := rest.pair()
			if n == 0 {
				return
			}
			value := rest[n:]
			size := value.length()
			if size == 0 || !yield(key, value[:size]) {
				return
			}
			rest = value[size:]
		}
	}
}

// pair is the key at the front of v and where its value begins; 0: none.
func (v Value) pair() (key []byte, value int) {
	if v.Kind() != String {
		return nil, 0
	}
	start, end, err := scalar(v)
	if err != nil {
		return nil, 0
	}
	return v[start:end], end
}

// Get is the value of the first such key in the dictionary that v is; not ok
// where there is none that is whole.
func (v Value) Get(key string) (Value, bool) {
	if v.Kind() != Dict {
		return nil, false
	}
	for rest := v[1:]; ; {
		k, n := rest.pair()
		if n == 0 {
			return nil, false
		}
		value := rest[n:]
		size := value.length()
		if size == 0 {
			return nil, false
		}
		if string(k) == key {
			return value[:size], true
		}
		rest = value[size:]
	}
}

// GetInt is the number under key.
func (v Value) GetInt(key string) (int64, bool) {
	x, _ := v.Get(key)
	return x.Int()
}

// GetBytes is the content of the string under key, borrowed from v.
func (v Value) GetBytes(key string) ([]byte, bool) {
	x, _ := v.Get(key)
	return x.Bytes()
}
