package smtpsession

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// maxAddresses of a header are compared.
const maxAddresses = 1000

// compare sets the header beside the envelope, where there is a header.
func (x *transaction) compare() {
	h := x.header
	if h == nil || len(h.Headers) == 0 {
		return
	}
	named := append(addresses(h.To), addresses(h.Cc)...)
	a := &Addresses{From: addresses(h.From)}
	a.FromDiffers = x.row.From != "" && len(a.From) > 0 && !has(a.From, x.row.From)
	for _, r := range x.row.Recipients {
		if !has(named, r) && !has(a.NotInHeader, r) {
			a.NotInHeader = append(a.NotInHeader, r)
		}
	}
	for _, n := range named {
		if !has(x.row.Recipients, n) && !has(a.OnlyInHeader, n) {
			a.OnlyInHeader = append(a.OnlyInHeader, n)
		}
	}
	x.row.Headers, x.header = a, nil
}

// has compares without case: domains have none, and hardly any local part is
// told apart by it.
func has(list []string, a string) bool {
	return slices.ContainsFunc(list, func(b string) bool { return strings.EqualFold(a, b) })
}

// addresses are those of a header field (RFC 5322 section 3.4), without names,
// comments and groups. What is no address is left out.
func addresses(field string) []string {
	var out []string
	var word []byte
	angle, quoted, comment := -1, false, 0
	flush := func() {
		a := strings.TrimSpace(string(word))
		if i := strings.LastIndexAny(a, " \t:"); i >= 0 {
			a = a[i+1:]
		}
		if strings.Contains(a, "@") && len(out) < maxAddresses {
			out = append(out, clip(a))
		}
		word = word[:0]
	}
	for i := 0; i < len(field); i++ {
		c := field[i]
		switch {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
			if angle >= 0 {
				word = append(word, c)
			}
		case c == '"':
			quoted = true
			if angle >= 0 {
				word = append(word, c)
			}
		case comment > 0 && c == ')':
			comment--
		case c == '(':
			comment++
		case comment > 0:
		case c == '<':
			word, angle = word[:0], i
		case c == '>', c == ',', c == ';':
			flush()
			angle = -1
			if c == '>' { // what follows up to the comma is no address
				for i+1 < len(field) && field[i+1] != ',' && field[i+1] != ';' {
					i++
				}
			}
		default:
			word = append(word, c)
		}
	}
	flush()
	return out
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// sevenBit holds what was sent against what was agreed (RFC 5321 section
// 2.4, RFC 6152, RFC 6531).
func (x *transaction) sevenBit(offered offer) {
	header, body := x.eightBit&events.EightBitHeader != 0, x.eightBit&events.EightBitBody != 0
	m := &x.row
	if x.eight || header || body {
		m.EightBit = &EightBit{Envelope: x.eight, Header: header, Body: body, Declared: x.body, SMTPUTF8: x.utf8}
	}
	say := func(s string) { m.Violations = append(m.Violations, s) }
	declared := x.body == "8BITMIME" || x.body == "BINARYMIME"
	if x.eight && !x.utf8 {
		say("an address has bytes above 127 without SMTPUTF8")
	}
	if header && !x.utf8 {
		say("a header has bytes above 127 without SMTPUTF8")
	}
	if body && !declared {
		say("a body has bytes above 127 without BODY=8BITMIME")
	}
	if body && declared && offered&offersEightBit == 0 {
		say("BODY=" + x.body + " was asked for and 8BITMIME not offered")
	}
	if x.utf8 && offered&offersUTF8 == 0 {
		say("SMTPUTF8 was asked for and not offered")
	}
}
