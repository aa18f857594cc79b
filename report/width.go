package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wide are the ranges of characters that take two columns of a terminal
// (Unicode Standard Annex #11: East Asian Wide and Fullwidth), joined where
// what lies between is not assigned.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x231a, Hi: 0x231b, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xa960, Hi: 0xa97f, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff01, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// width is the number of terminal columns that s takes. s has no control
// characters.
func width(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			for _, r := range s[i:] {
				n += runeWidth(r)
			}
			return n
		}
		n++
	}
	return n
}

// truncate cuts s to at most max columns; what is cut off becomes "…".
func truncate(s string, max int) string {
	if len(s) <= max || width(s) <= max {
		return s
	}
	if max <= 0 {
		return ""
	}
	n := 0
	for i, r := range s {
		w := runeWidth(r)
		if n+w > max-1 {
			return s[:i] + "…"
		}
		n += w
	}
	return s
}

// wrap breaks s into lines of at most first columns, then max each, at spaces
// where it can, but not between a figure and its unit. max 0: one line.
func wrap(s string, first, max int) []string {
	if max <= 0 || width(s) <= first {
		return []string{s}
	}
	var lines []string
	room := first
	line, used := "", 0
	for _, word := range unbroken(s) {
		w := width(word)
		if used > 0 && used+1+w <= room {
			line, used = line+" "+word, used+1+w
			continue
		}
		if line != "" || len(lines) == 0 && w > room {
			lines, room = append(lines, line), max // the first may be left empty
		}
		line, used = truncate(word, max), min(w, max)
	}
	return append(lines, line)
}

// unbroken are the words of s; what follows a digit stays with it.
func unbroken(s string) []string {
	var out []string
	for word := range strings.SplitSeq(s, " ") {
		if n := len(out); n > 0 {
			if last := out[n-1]; last != "" && last[len(last)-1] >= '0' && last[len(last)-1] <= '9' {
				out[n-1] = last + " " + word
				continue
			}
		}
		out = append(out, word)
	}
	return out
}

const spaces = "                                                                "

// pad appends n spaces.
func pad(dst []byte, n int) []byte {
	for n > len(spaces) {
		dst = append(dst, spaces...)
		n -= len(spaces)
	}
	if n <= 0 {
		return dst
	}
	return append(dst, spaces[:n]...)
}

// clean makes text from the wire safe to show: control characters, bytes that
// are not UTF-8, and characters that change the direction of text become
// \xNN or \u{N}, so that a capture cannot steer the terminal.
func clean(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return cleaned(s, i)
		}
	}
	return s
}

// Clean is text from the wire, safe to show on a terminal.
func Clean(s string) string { return clean(s) }

func cleaned(s string, from int) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.WriteString(s[:from])
	for i := from; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			b.WriteString(`\x`)
			b.WriteByte(hex[s[i]>>4])
			b.WriteByte(hex[s[i]&0xf])
		case !unicode.IsPrint(r):
			b.WriteString(`\u{`)
			started := false
			for shift := 20; shift >= 0; shift -= 4 {
				d := r >> shift & 0xf
				if started = started || d != 0 || shift == 0; started {
					b.WriteByte(hex[d])
				}
			}
			b.WriteByte('}')
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
