package decoders

import "testing"

// SHA-256("b") = 3e23e816…, SHA-256("d") = 18ac3e73… (FIPS 180-4, checked with sha256sum).
func TestRedact(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"value", RedactValue("b"), "<redacted:3e23e816>"},
		{"two cookies", RedactCookies("a=b; c=d"), "a=<redacted:3e23e816>; c=<redacted:18ac3e73>"},
		{"spaces stay", RedactCookies("a= b ;c="), "a= <redacted:3e23e816> ;c="},
		{"no name", RedactCookies("b"), "<redacted:3e23e816>"},
		{"empty", RedactCookies(""), ""},
		{"attributes stay", RedactSetCookie("a=b; Path=/; Secure"), "a=<redacted:3e23e816>; Path=/; Secure"},
		{"no attributes", RedactSetCookie("a=b"), "a=<redacted:3e23e816>"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
