package report

import (
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestWidthAndTruncate(t *testing.T) {
	tests := []struct {
		in    string
		width int
		max   int
		want  string
	}{
		{"plain", 5, 5, "plain"},
		{"plain", 5, 4, "pla…"},
		{"Grüße", 5, 4, "Grü…"},
		{"e\u0301te\u0301", 3, 2, "e\u0301…"},
		{"世界", 4, 3, "世…"},
		{"世界", 4, 2, "…"},
		{"", 0, 0, ""},
		{"x", 1, 0, ""},
	}
	for _, tt := range tests {
		if got := width(tt.in); got != tt.width {
			t.Errorf("width(%q) = %d, want %d", tt.in, got, tt.width)
		}
		if got := truncate(tt.in, tt.max); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.in, tt.max, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, n := clean(rapid.String().Draw(t, "s")), rapid.IntRange(0, 20).Draw(t, "max")
		if got := truncate(s, n); width(got) > n || !utf8.ValidString(got) {
			t.Fatalf("truncate(%q, %d) = %q", s, n, got)
		}
	})
}

func TestWrap(t *testing.T) {
	tests := []struct {
		in         string
		first, max int
		want       []string
	}{
		{"", 5, 10, []string{""}},
		{"one two three", 0, 0, []string{"one two three"}},
		{"one two three", 13, 13, []string{"one two three"}},
		{"one two three", 8, 9, []string{"one two", "three"}},
		{"one two three", 2, 7, []string{"", "one two", "three"}},
		{"extraordinary", 4, 6, []string{"", "extra…"}},
		{"it took 12.3 ms", 12, 12, []string{"it took", "12.3 ms"}},
		{"a extraordinary b", 4, 6, []string{"a", "extra…", "b"}},
	}
	for _, tt := range tests {
		if got := wrap(tt.in, tt.first, tt.max); !slices.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d, %d) = %q, want %q", tt.in, tt.first, tt.max, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := clean(rapid.String().Draw(t, "s"))
		first, n := rapid.IntRange(0, 20).Draw(t, "first"), rapid.IntRange(1, 20).Draw(t, "max")
		for i, l := range wrap(s, first, n) {
			if w := width(l); i == 0 && w > first || w > n && i > 0 {
				t.Fatalf("wrap(%q, %d, %d): line %d is %q", s, first, n, i, l)
			}
		}
	})
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		"\x1b[31mred\x07":  `\x1b[31mred\x07`,
		"a\r\nb\x7f":       `a\x0d\x0ab\x7f`,
		"Grüße 世界":         "Grüße 世界",
		"\xff\xfe":         `\xff\xfe`,
		"abc\u202etxt.exe": `abc\u{202e}txt.exe`,
		"\u0085\u2028":     `\u{85}\u{2028}`,
		"\U000e0041":       `\u{e0041}`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "s"))
		for _, r := range clean(s) {
			if !unicode.IsPrint(r) {
				t.Fatalf("clean(%q) holds %q", s, r)
			}
		}
	})
}
