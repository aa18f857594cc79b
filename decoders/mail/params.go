package mail

import (
	"slices"
	"strings"
)

// params are the parameters of a structured field (RFC 2045 section 5.1), in
// their order, at most maxParams.
type params []param

const maxParams = 64

// param is one parameter, or one piece of it (RFC 2231).
type param struct {
	name    string // lower case, without "*" and number
	value   string // without quotes and their escapes
	piece   int    // RFC 2231 section 3; -1: not in pieces
	encoded bool   // RFC 2231 section 4: percent-encoded
}

// parseParams splits a field value into its first word and its parameters.
func parseParams(s string) (value string, ps params) {
	value, s = upTo(s)
	for s != "" && len(ps) < maxParams {
		var one string
		one, s = upTo(s[1:])
		name, v, ok := strings.Cut(one, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" {
			continue
		}
		p := param{name: name, value: unquote(strings.TrimSpace(v)), piece: -1}
		p.name, p.encoded = strings.CutSuffix(p.name, "*")
		if base, number, ok := strings.Cut(p.name, "*"); ok {
			if p.piece = smallNumber(number); p.piece < 0 {
				continue
			}
			p.name = base
		}
		ps = append(ps, p)
	}
	return strings.TrimSpace(value), ps
}

// upTo is s without comments (RFC 5322 section 3.2.2) up to a semicolon
// outside of quotes, and what is from that on.
func upTo(s string) (before, rest string) {
	quote, depth, from := false, 0, 0
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && (quote || depth > 0):
			i++
		case quote:
			quote = c != '"'
		case depth > 0:
			switch c {
			case '(':
				depth++
			case ')':
				if depth--; depth == 0 {
					from = i + 1
				}
			}
		case c == '"':
			quote = true
		case c == '(':
			b.WriteString(s[from:i])
			depth = 1
		case c == ';':
			return join(&b, s[from:i]), s[i:]
		}
	}
	if depth > 0 { // a parenthesis that is never closed is no comment
		return b.String(), ""
	}
	return join(&b, s[min(from, len(s)):]), ""
}

func join(b *strings.Builder, s string) string {
	if b.Len() == 0 {
		return s
	}
	b.WriteString(s)
	return b.String()
}

// unquote takes the quotes and escapes off a quoted string. A backslash before
// a letter stays: it is part of a Windows path that nobody escaped.
func unquote(s string) string {
	if len(s) == 0 || s[0] != '"' {
		return s
	}
	var b strings.Builder
	for i := 1; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// smallNumber is s as a number below maxParams, or -1.
func smallNumber(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n >= maxParams {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if s == "" || n >= maxParams {
		return -1
	}
	return n
}

// get is the value of the parameter as it stands there, "" where it is not.
func (ps params) get(name string) string {
	for _, p := range ps {
		if p.name == name && p.piece < 0 && !p.encoded {
			return p.value
		}
	}
	return ps.text(name)
}

// text is the value of the parameter as text: by RFC 2231 where it is so
// encoded, else with the encoded words of RFC 2047 that mailers put there.
func (ps params) text(name string) string {
	var pieces []param
	plain, found := "", false
	for _, p := range ps {
		switch {
		case p.name != name:
		case p.piece < 0 && !p.encoded:
			if !found {
				plain, found = p.value, true
			}
		default:
			pieces = append(pieces, p)
		}
	}
	if len(pieces) == 0 {
		return decodeText(plain)
	}
	slices.SortStableFunc(pieces, func(a, b param) int { return a.piece - b.piece })
	charset := ""
	var raw []byte
	for i, p := range pieces {
		if i > 0 && p.piece != pieces[i-1].piece+1 {
			break // a piece is not there, or there twice
		}
		v := p.value
		if p.encoded {
			if i == 0 {
				if c, rest, ok := strings.Cut(v, "'"); ok {
					if _, text, ok := strings.Cut(rest, "'"); ok { // the language is left aside
						charset, v = c, text
					}
				}
			}
			raw = appendUnescaped(raw, v)
		} else {
			raw = append(raw, v...)
		}
	}
	if s, ok := toUTF8(charset, raw); ok {
		return s
	}
	return guessUTF8(raw)
}

// appendUnescaped undoes percent-encoding.
func appendUnescaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, fromHex(s[i+1])<<4|fromHex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return b
}
