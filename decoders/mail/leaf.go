package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// coding is a Content-Transfer-Encoding (RFC 2045 section 6).
type coding uint8

const (
	identity coding = iota // 7bit, 8bit, binary, and what is not known
	inBase64
	inQuoted
)

func codingOf(s string) coding {
	switch s {
	case "base64":
		return inBase64
	case "quoted-printable":
		return inQuoted
	}
	return identity
}

func knownCoding(s string) bool {
	switch s {
	case "", "7bit", "8bit", "binary", "base64", "quoted-printable",
		"7-bit", "8-bit": // as some mailers spell it
		return true
	}
	return false
}

// leaf is the part whose content is being read. Without a hash and without
// anybody who wants its content its bytes are only counted.
type leaf struct {
	open   bool
	part   int // in msg.Parts
	coding coding
	bytes  int64 // decoded
	gaps   int64 // msg.Missing at its first byte
	// Base64: the symbols of a group that is not whole.
	symbols int
	group   uint32
	// Quoted-printable: what came behind an "=".
	escape escape
	digit  byte

	sum    hash.Hash
	object object
	buf    *[3072]byte // decoded bytes on their way; nil: only counted
	one    [1]byte
}

// begin starts the content of part.
func (l *leaf) begin(m *walker, part int) {
	p := &m.msg.Parts[part]
	*l = leaf{open: true, part: part, coding: codingOf(p.Encoding), gaps: m.msg.Missing, buf: l.buf}
	if !knownCoding(p.Encoding) {
		m.tell(badTransfer)
	}
	content := m.wantsContent() && attached(p)
	if m.env.Hash || m.wantsContent() {
		l.sum = sha256.New()
	}
	if content {
		l.object.begin(m)
	}
	if l.sum != nil && l.buf == nil {
		l.buf = new([3072]byte)
	}
}

// read: somebody wants the bytes.
func (l *leaf) read() bool { return l.sum != nil || l.object.number != 0 }

// write takes bytes as on the wire.
func (l *leaf) write(m *walker, b []byte) {
	switch l.coding {
	case inBase64:
		if l.read() {
			l.decodeBase64(m, b)
		} else {
			l.countBase64(m, b)
		}
	case inQuoted:
		l.decodeQuoted(m, b)
	default:
		l.put(m, b)
	}
}

// put takes decoded bytes.
func (l *leaf) put(m *walker, b []byte) {
	l.bytes += int64(len(b))
	if l.sum != nil {
		l.sum.Write(b)
	}
	if l.object.number != 0 {
		l.object.write(m, b)
	}
}

// lose: bytes are missing. What follows is still counted.
func (l *leaf) lose(m *walker) {
	l.sum = nil
	l.object.lose(m)
	l.symbols, l.escape = 0, noEscape
}

// closeLeaf ends the content of the part that is being read.
func (m *walker) closeLeaf(whole bool) {
	l := &m.leaf
	if !l.open {
		return
	}
	l.open = false
	l.finish(m)
	p := &m.msg.Parts[l.part]
	p.Bytes = l.bytes
	p.Complete = whole && l.gaps == m.msg.Missing
	if l.sum != nil && p.Complete {
		var sum [sha256.Size]byte
		p.SHA256 = hex.EncodeToString(l.sum.Sum(sum[:0]))
	}
	l.object.mediaType = p.ContentType
	l.object.end(m, p.Filename, p.Complete)
}

// finish decodes what is left of a group that is not whole.
func (l *leaf) finish(m *walker) {
	switch l.coding {
	case inBase64:
		l.padding(m)
	case inQuoted:
		l.endQuoted(m)
	}
}

// symbols of base64 (RFC 2045 table 1): their value, or what they are.
const (
	space   = 0x40 // not counted: line ends and blanks
	equals  = 0x41
	strange = 0x42
)

var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = strange
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = byte(i)
	}
	for _, c := range " \t\r\n" {
		t[c] = space
	}
	t['='] = equals
	return t
}()

// base64Count has 1 for a symbol and 1<<32 for what does not belong there, so
// that one sum counts both.
var base64Count = func() (t [256]uint64) {
	for i, v := range base64Value {
		switch {
		case v < space:
			t[i] = 1
		case v == strange:
			t[i] = 1 << 32
		}
	}
	return t
}()

// countBase64 counts what b decodes to, without decoding it.
func (l *leaf) countBase64(m *walker, b []byte) {
	for {
		i := bytes.IndexByte(b, '=')
		run := b
		if i >= 0 {
			run = b[:i]
		}
		var n uint64
		for len(run) >= 4 {
			n += base64Count[run[0]] + base64Count[run[1]] + base64Count[run[2]] + base64Count[run[3]]
			run = run[4:]
		}
		for _, c := range run {
			n += base64Count[c]
		}
		if n>>32 != 0 {
			m.tell(notBase64)
		}
		l.symbols += int(uint32(n))
		l.bytes += int64(l.symbols / 4 * 3)
		l.symbols %= 4
		if i < 0 {
			return
		}
		l.padding(m)
		b = b[i+1:]
	}
}

func (l *leaf) decodeBase64(m *walker, b []byte) {
	n := 0
	for _, c := range b {
		v := base64Value[c]
		switch {
		case v < space:
			l.group = l.group<<6 | uint32(v)
			if l.symbols++; l.symbols < 4 {
				continue
			}
			l.symbols = 0
			l.buf[n], l.buf[n+1], l.buf[n+2] = byte(l.group>>16), byte(l.group>>8), byte(l.group)
			if n += 3; n == len(l.buf) {
				l.put(m, l.buf[:n])
				n = 0
			}
		case v == equals:
			l.put(m, l.buf[:n])
			n = 0
			l.padding(m)
		case v == strange:
			m.tell(notBase64)
		}
	}
	l.put(m, l.buf[:n])
}

// padding ends a group. Bytes may follow: some mailers join encoded pieces.
func (l *leaf) padding(m *walker) {
	n := max(0, l.symbols-1)
	if l.read() {
		g := l.group << (6 * (4 - l.symbols))
		l.buf[0], l.buf[1] = byte(g>>16), byte(g>>8)
		l.put(m, l.buf[:n])
	} else {
		l.bytes += int64(n)
	}
	l.symbols, l.group = 0, 0
}

// escape is the place behind an "=" of quoted-printable.
type escape uint8

const (
	noEscape escape = iota
	afterEquals
	afterDigit // "=", and one hexadecimal digit
	afterBlank // "=", and blanks, which must end the line
	afterCR
)

// decodeQuoted decodes quoted-printable (RFC 2045 section 6.7). An "=" that
// begins no escape stands for itself, as mail readers show it.
func (l *leaf) decodeQuoted(m *walker, b []byte) {
	for len(b) > 0 {
		c := b[0]
		switch l.escape {
		case noEscape:
			i := bytes.IndexByte(b, '=')
			if i < 0 {
				l.put(m, b)
				return
			}
			l.put(m, b[:i])
			l.escape = afterEquals
			b = b[i+1:]
			continue
		case afterEquals:
			switch {
			case isHex(c):
				l.escape, l.digit = afterDigit, c
			case c == ' ' || c == '\t':
				l.escape = afterBlank
			case c == '\r':
				l.escape = afterCR
			case c == '\n':
				l.escape = noEscape
			default:
				l.escape = noEscape
				l.put(m, []byte("="))
				continue
			}
		case afterDigit:
			l.escape = noEscape
			if !isHex(c) {
				l.put(m, []byte("="))
				l.byte(m, l.digit)
				continue
			}
			l.byte(m, fromHex(l.digit)<<4|fromHex(c))
		case afterBlank:
			switch c {
			case ' ', '\t':
			case '\r':
				l.escape = afterCR
			default:
				l.escape = noEscape
				if c != '\n' {
					continue
				}
			}
		case afterCR:
			l.escape = noEscape
			if c != '\n' {
				continue
			}
		}
		b = b[1:]
	}
}

// endQuoted: nothing follows what was begun with "=".
func (l *leaf) endQuoted(m *walker) {
	if l.escape == afterDigit {
		l.put(m, []byte("="))
		l.byte(m, l.digit)
	}
	l.escape = noEscape
}

func (l *leaf) byte(m *walker, c byte) {
	l.one[0] = c
	l.put(m, l.one[:])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
