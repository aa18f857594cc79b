package filter

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokEnd  tokenKind = iota
	tokWord           // a keyword, or a sign like ( or >=: see token.text
	tokNum            // a number, also by name: token.num
	tokV4             // 2 to 4 numbers with dots between
	tokV6
	tokMAC
	tokName // anything else
)

// token is a word of an expression.
type token struct {
	kind tokenKind
	text string // as written; of a name without its \; of && || not: and or !
	off  int    // its first byte
	end  int    // behind its last
	num  uint32
}

// lex cuts an expression into words. As in libpcap the longest word counts:
// "len-4" is a name, "len - 4" is not.
func lex(expr string) ([]token, error) {
	if len(expr) > maxExpr {
		return nil, &Error{Expr: shorten(expr), Msg: fmt.Sprintf("it is longer than %d bytes", maxExpr)}
	}
	var out []token
	for i := 0; i < len(expr); {
		switch expr[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		}
		t, n, msg := lexOne(expr[i:])
		if msg != "" {
			return nil, &Error{Expr: shorten(expr), Offset: i, Word: expr[i : i+n], Msg: msg}
		}
		t.off, t.end = i, i+n
		out = append(out, t)
		i += n
	}
	return append(out, token{off: len(expr), end: len(expr)}), nil
}

// lexOne takes the first word of s, n bytes. A message says why it is none.
func lexOne(s string) (t token, n int, msg string) {
	if s[0] == '\\' {
		n = strings.IndexAny(s, " !()\n\t")
		if n < 0 {
			n = len(s)
		}
		if n == 1 {
			return t, 1, "there is no name behind the backslash"
		}
		return token{kind: tokName, text: s[1:n]}, n, ""
	}
	name := nameLen(s)
	digits := digitsLen(s)
	mac := macLen(s)
	v6 := v6Len(s)
	switch longest := max(name, digits, mac, v6); {
	case longest == 0:
		return lexSign(s)
	case mac == longest:
		return token{kind: tokMAC, text: s[:mac]}, mac, ""
	case digits == longest:
		v, msg := number(s[:digits])
		return token{kind: tokNum, text: s[:digits], num: v}, digits, msg
	case v6 == longest:
		return token{kind: tokV6, text: s[:v6]}, v6, ""
	}
	word := s[:name]
	if dotted(word) {
		return token{kind: tokV4, text: word}, name, ""
	}
	if v, ok := numberNames[word]; ok {
		return token{kind: tokNum, text: word, num: v}, name, ""
	}
	if k, ok := keywords[word]; ok {
		return token{kind: tokWord, text: k}, name, ""
	}
	return token{kind: tokName, text: word}, name, ""
}

// lexSign takes a sign of one or two characters.
func lexSign(s string) (token, int, string) {
	if len(s) >= 2 {
		switch s[:2] {
		case "&&":
			return token{kind: tokWord, text: "and"}, 2, ""
		case "||":
			return token{kind: tokWord, text: "or"}, 2, ""
		case "==":
			return token{kind: tokWord, text: "="}, 2, ""
		case ">=", "<=", "!=", "<<", ">>":
			return token{kind: tokWord, text: s[:2]}, 2, ""
		}
	}
	if strings.IndexByte("+-*/%:[]!<>()&|^=", s[0]) >= 0 {
		return token{kind: tokWord, text: s[:1]}, 1, ""
	}
	n := 1
	for n < len(s) && s[n]&0xc0 == 0x80 { // the rest of a UTF-8 character
		n++
	}
	if s[0] == ',' {
		return token{}, n, "lists are written with or: port 80 or 443"
	}
	return token{}, n, "no expression has this character"
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isAlnum(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' }

// nameLen is the length of the name that s begins with: letters, digits, dots,
// and within it - and _.
func nameLen(s string) int {
	if !isAlnum(s[0]) {
		return 0
	}
	n := 1
	for i := 1; i < len(s); i++ {
		c := s[i]
		if isAlnum(c) || c == '.' {
			n = i + 1
		} else if c != '-' && c != '_' {
			break
		}
	}
	return n
}

// digitsLen is the length of the number that s begins with.
func digitsLen(s string) int {
	n := 0
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && isHex(s[2]) {
		for n = 3; n < len(s) && isHex(s[n]); n++ {
		}
		return n
	}
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// number reads a number as C writes it: decimal, 0x hexadecimal, 0 octal.
func number(s string) (v uint32, msg string) {
	base, digits := 10, s
	switch {
	case len(s) > 1 && s[1]|0x20 == 'x':
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err == nil {
		return uint32(n), ""
	}
	if base == 8 && strings.ContainsAny(digits, "89") {
		return 0, "a number that begins with 0 is octal, and has no 8 or 9"
	}
	return 0, "the number does not fit into 32 bits"
}

// dotted reports whether s is 2 to 4 numbers with dots between.
func dotted(s string) bool {
	parts := 1
	digits := 0
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
			digits++
		case s[i] == '.' && digits > 0:
			parts++
			digits = 0
		default:
			return false
		}
	}
	return digits > 0 && parts >= 2 && parts <= 4
}

// macLen is the length of the longest hardware address that s begins with: six
// numbers with :, - or . between, three of four digits with dots, or 12 digits.
func macLen(s string) int {
	best := 0
	for _, sep := range []byte(":-.") {
		if n := groupsLen(s, 6, 1, 2, sep); n > best {
			best = n
		}
	}
	if n := groupsLen(s, 3, 4, 4, '.'); n > best {
		best = n
	}
	if len(s) >= 12 && best < 12 {
		n := 0
		for n < 12 && isHex(s[n]) {
			n++
		}
		if n == 12 {
			best = 12
		}
	}
	return best
}

// groupsLen is the length of count groups of least to most hexadecimal digits
// that s begins with, or 0.
func groupsLen(s string, count, least, most int, sep byte) int {
	i := 0
	for g := range count {
		if g > 0 {
			if i >= len(s) || s[i] != sep {
				return 0
			}
			i++
		}
		n := 0
		for n < most && i < len(s) && isHex(s[i]) {
			i++
			n++
		}
		if n < least {
			return 0
		}
	}
	return i
}

// macBytes are the bytes of a hardware address that macLen found.
func macBytes(s string) (b [6]byte) {
	groups := strings.FieldsFunc(s, func(c rune) bool { return c == ':' || c == '-' || c == '.' })
	if len(groups) != 6 {
		all := strings.Join(groups, "")
		groups = groups[:0]
		for i := 0; i < 12; i += 2 {
			groups = append(groups, all[i:i+2])
		}
	}
	for i, g := range groups {
		v, _ := strconv.ParseUint(g, 16, 8)
		b[i] = byte(v)
	}
	return b
}

// v6Len is the length of the longest IPv6 address that s begins with.
func v6Len(s string) int {
	n, colons := 0, 0
	for n < len(s) && n < 46 && (isHex(s[n]) || s[n] == ':' || s[n] == '.') {
		if s[n] == ':' {
			colons++
		}
		n++
	}
	if colons < 2 {
		return 0
	}
	for ; n >= 2; n-- {
		if a, err := netip.ParseAddr(s[:n]); err == nil && a.Is6() {
			return n
		}
	}
	return 0
}
