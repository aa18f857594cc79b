package mail

import "strings"

// decodeText undoes the encoded words of RFC 2047. It is lenient as mail
// readers are: words in quotes, words without blanks around them, blanks
// inside a word. The bytes of neighbouring words of one charset are joined
// before they become text, since mailers cut characters in two.
func decodeText(s string) string {
	if !strings.Contains(s, "=?") {
		if ascii(s) {
			return s
		}
		return guessUTF8([]byte(s))
	}
	var b strings.Builder
	var charset string
	var raw []byte // of words that are not written yet
	flush := func() {
		if len(raw) > 0 {
			text, _ := toUTF8(charset, raw)
			b.WriteString(text)
			raw = raw[:0]
		}
	}
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, n, ok := parseWord(s[i:])
		if !ok {
			flush()
			b.WriteString(clean(s[:i+2]))
			s = s[i+2:]
			continue
		}
		between := s[:i]
		s = s[i+n:]
		joined := len(raw) > 0 && strings.Trim(between, " \t") == ""
		if !joined || !strings.EqualFold(w.charset, charset) {
			flush()
		}
		if !joined {
			b.WriteString(clean(between))
		}
		charset = w.charset
		raw = append(raw, w.text...)
	}
	flush()
	b.WriteString(clean(s))
	return b.String()
}

// clean is text of the wire that no word encodes, as UTF-8.
func clean(s string) string {
	if ascii(s) {
		return s
	}
	return guessUTF8([]byte(s))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// word is an encoded word: its charset, and its bytes.
type word struct {
	charset string
	text    []byte
}

// parseWord reads the encoded word at the head of s, n bytes of it. A word of
// a charset that is not known is none.
func parseWord(s string) (w word, n int, ok bool) {
	charset, rest, ok := strings.Cut(s[2:], "?")
	if !ok || charset == "" || len(charset) > 60 || strings.ContainsAny(charset, " \t\"<>") {
		return w, 0, false
	}
	w.charset, _, _ = strings.Cut(charset, "*") // RFC 2231 section 5: a language
	if len(rest) < 2 || rest[1] != '?' {
		return w, 0, false
	}
	how, rest := rest[0], rest[2:]
	text, tail, ok := strings.Cut(rest, "?=")
	if !ok || strings.Contains(text, "=?") {
		return w, 0, false
	}
	switch how {
	case 'q', 'Q':
		w.text = decodeQ(text)
	case 'b', 'B':
		w.text = decodeB(text)
	default:
		return w, 0, false
	}
	if _, ok := toUTF8(w.charset, w.text); !ok {
		return w, 0, false
	}
	return w, len(s) - len(tail), true
}

// decodeQ is the encoding "Q" (RFC 2047 section 4.2).
func decodeQ(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, fromHex(s[i+1])<<4|fromHex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return b
}

// decodeB is the encoding "B" (RFC 2047 section 4.1).
func decodeB(s string) []byte {
	b := make([]byte, 0, len(s)*3/4)
	group, n := uint32(0), 0
	for _, c := range []byte(s) {
		switch v := base64Value[c]; {
		case v < space:
			group = group<<6 | uint32(v)
			if n++; n == 4 {
				b = append(b, byte(group>>16), byte(group>>8), byte(group))
				group, n = 0, 0
			}
		case v == equals:
			b, group, n = appendGroup(b, group, n), 0, 0
		}
	}
	return appendGroup(b, group, n)
}

// appendGroup appends what n symbols, less than four, stand for.
func appendGroup(b []byte, group uint32, n int) []byte {
	group <<= 6 * (4 - n)
	if n > 1 {
		b = append(b, byte(group>>16))
	}
	if n > 2 {
		b = append(b, byte(group>>8))
	}
	return b
}
