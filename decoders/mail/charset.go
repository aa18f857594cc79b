package mail

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// toUTF8 is b, text in charset, as UTF-8. What b has wrong is U+FFFD. ok is
// false where the charset is not known: then b is guessed at.
func toUTF8(charset string, b []byte) (s string, ok bool) {
	switch strings.ToLower(charset) {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "unknown-8bit", "x-unknown":
		return guessUTF8(b), true
	case "utf-7", "x-user-defined":
		return guessUTF8(b), false
	}
	e, err := htmlindex.Get(charset)
	if err != nil || e == encoding.Replacement {
		return guessUTF8(b), false
	}
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return guessUTF8(b), false
	}
	return string(out), true
}

// guessUTF8 is text of no known charset: UTF-8 where it is that, else
// windows-1252, which most mail that does not say what it is was written in.
func guessUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}
