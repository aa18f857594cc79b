package dns

// Names, RFC 1035 sections 3.1 and 4.1.4.

const (
	// maxName is the length of a name on the wire, with its last zero (RFC
	// 1035 section 2.3.4).
	maxName = 255
	// maxPointers is how often a name may jump: a name of 255 bytes has no
	// more than 126 labels, so that an honest one jumps no more often.
	maxPointers = 126
)

// span is a piece of the text of a message.
type span struct{ off, end uint32 }

// from is the text from begin on.
func (u *unpacker) from(begin int) span { return span{uint32(begin), uint32(len(u.text))} }

// seenName is a name that stands at wire offset at: a pointer to it has its
// text.
type seenName struct {
	text span
	at   uint16
	wire uint16 // length without the last zero
}

// name reads the name at off, whose own bytes must end by end, and returns
// its text and where it ends; next is -1 where it is broken. The text may be
// shared with an earlier name.
func (u *unpacker) name(off, end int) (text span, next int) {
	msg, out := u.msg, u.text
	start, begin := off, len(out)
	wire, jumps := 0, 0
	next = -1
	for {
		if off >= end {
			return span{}, u.over(end)
		}
		c := int(msg[off])
		switch c & 0xc0 {
		case 0x00: // a label
			off++
			if c == 0 {
				if jumps == 0 {
					next = off
				}
				if wire == 0 {
					out = append(out, '.')
				}
				u.text = out
				text = u.from(begin)
				if msg[start] < 0xc0 {
					u.remember(start, text, wire)
				}
				return text, next
			}
			if off+c > end {
				return span{}, u.over(end)
			}
			if wire += c + 1; wire >= maxName {
				return span{}, u.fail("name longer than 255 bytes")
			}
			out = append(appendLabel(out, msg[off:off+c]), '.')
			off += c
		case 0xc0: // a pointer
			if off+2 > end {
				return span{}, u.over(end)
			}
			to := c&0x3f<<8 | int(msg[off+1])
			if jumps == 0 {
				next = off + 2
			}
			if jumps++; jumps > maxPointers {
				return span{}, u.fail("compression pointers without end")
			}
			if to >= len(msg) {
				if to < len(msg)+u.missing {
					return span{}, u.over(len(msg))
				}
				return span{}, u.fail("compression pointer beyond the message")
			}
			if s := u.find(to); s != nil {
				if wire == 0 {
					return s.text, next
				}
				if wire += int(s.wire); wire >= maxName {
					return span{}, u.fail("name longer than 255 bytes")
				}
				u.text = append(out, out[s.text.off:s.text.end]...)
				text = u.from(begin)
				u.remember(start, text, wire)
				return text, next
			}
			off, end = to, len(msg)
		default: // 0x40 and 0x80 are reserved (RFC 6891 section 5)
			return span{}, u.fail("reserved label type")
		}
	}
}

// appendName writes the name at off as the next piece of the text, never
// shared, and returns where it ends, or -1.
func (u *unpacker) appendName(off, end int) int {
	begin := len(u.text)
	text, next := u.name(off, end)
	if next >= 0 && int(text.off) != begin {
		u.text = append(u.text, u.text[text.off:text.end]...)
	}
	return next
}

// remember keeps where a name stands, as far as a pointer reaches; the root
// is not worth it.
func (u *unpacker) remember(at int, text span, wire int) {
	if u.nseen < len(u.seen) && wire > 0 && at < 1<<14 {
		u.seen[u.nseen] = seenName{text, uint16(at), uint16(wire)}
		u.nseen++
	}
}

// find is the name that was seen at to, or nil.
func (u *unpacker) find(to int) *seenName {
	for i := range u.seen[:u.nseen] {
		if int(u.seen[i].at) == to {
			return &u.seen[i]
		}
	}
	return nil
}

// What a byte of a name or a character-string is in presentation form.
const (
	bytePlain   = 0
	byteSlash   = 1 // in names with a backslash before it
	byteDecimal = 2 // \DDD
	byteQuoted  = 4 // in character-strings with a backslash before it
)

// byteForm is the form of each byte.
var byteForm = func() (t [256]uint8) {
	for b := range t {
		if b < ' ' || b > '~' {
			t[b] = byteDecimal
		}
	}
	for _, b := range []byte(". '@;()\"\\") {
		t[b] = byteSlash
	}
	t['"'] |= byteQuoted
	t['\\'] |= byteQuoted
	return t
}()

// appendLabel appends one label in presentation form (RFC 1035 section 5.1).
func appendLabel(text, label []byte) []byte {
	var all uint8
	for _, b := range label {
		all |= byteForm[b]
	}
	if all == bytePlain {
		return append(text, label...)
	}
	for _, b := range label {
		switch {
		case byteForm[b]&byteDecimal != 0:
			text = appendDecimal(text, b)
		case byteForm[b]&byteSlash != 0:
			text = append(text, '\\', b)
		default:
			text = append(text, b)
		}
	}
	return text
}

// appendQuoted appends the bytes of a character-string without its quotes.
func appendQuoted(text, s []byte) []byte {
	var all uint8
	for _, b := range s {
		all |= byteForm[b]
	}
	if all&(byteDecimal|byteQuoted) == 0 {
		return append(text, s...)
	}
	for _, b := range s {
		switch {
		case byteForm[b]&byteDecimal != 0:
			text = appendDecimal(text, b)
		case byteForm[b]&byteQuoted != 0:
			text = append(text, '\\', b)
		default:
			text = append(text, b)
		}
	}
	return text
}

// appendDecimal appends \DDD.
func appendDecimal(text []byte, b byte) []byte {
	return append(text, '\\', '0'+b/100, '0'+b/10%10, '0'+b%10)
}
