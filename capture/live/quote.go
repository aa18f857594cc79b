package live

import "strings"

// quote makes a word of a shell of s.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"\\$`&|;<>()*?[]#~!{}") || strings.HasPrefix(s, "$(") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
