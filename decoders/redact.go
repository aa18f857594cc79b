package decoders

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Redacted stands where a secret stood.
const Redacted = "<redacted>"

// RedactValue replaces a value that must not be shown but must stay
// comparable: equal values become equal texts (the first 8 hex digits of
// their SHA-256).
func RedactValue(v string) string {
	sum := sha256.Sum256([]byte(v))
	var b [len("<redacted:01234567>")]byte
	copy(b[:], "<redacted:")
	hex.Encode(b[len("<redacted:"):], sum[:4])
	b[len(b)-1] = '>'
	return string(b[:])
}

// RedactCookies replaces the value of every cookie in the value of a Cookie
// field (RFC 6265 section 4.2.1). Names and the text between stay.
func RedactCookies(field string) string {
	var b strings.Builder
	for {
		pair, rest, more := strings.Cut(field, ";")
		redactPair(&b, pair)
		if !more {
			return b.String()
		}
		b.WriteByte(';')
		field = rest
	}
}

// RedactSetCookie replaces the value of the cookie in the value of a
// Set-Cookie field (RFC 6265 section 4.1.1). Its name and attributes stay.
func RedactSetCookie(field string) string {
	var b strings.Builder
	pair, rest, more := strings.Cut(field, ";")
	redactPair(&b, pair)
	if more {
		b.WriteByte(';')
		b.WriteString(rest)
	}
	return b.String()
}

// redactPair writes name=<redacted:…>. A pair without "=" is all value
// (RFC 6265bis section 5.6); an empty value says nothing and stays.
func redactPair(b *strings.Builder, pair string) {
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		name, value = "", pair
	}
	trimmed := strings.Trim(value, " \t")
	lead := value[:len(value)-len(strings.TrimLeft(value, " \t"))]
	b.WriteString(name)
	if ok {
		b.WriteByte('=')
	}
	b.WriteString(lead)
	if trimmed != "" {
		b.WriteString(RedactValue(trimmed))
		b.WriteString(value[len(lead)+len(trimmed):])
	}
}
