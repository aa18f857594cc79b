package filter

import (
	"slices"
	"strings"
)

// hint says what a word that is none may have been meant to be.
func hint(word string) string {
	lower := strings.ToLower(word)
	if keywords[lower] != "" && lower != word {
		return "; words are in small letters: " + lower
	}
	if layer, _, ok := strings.Cut(word, "."); ok && (layers[layer] || layer == "eth" || layer == "ipv6" || layer == "http" || layer == "dns" || layer == "frame") {
		return "; it looks like one of Wireshark's display filters, which are another language"
	}
	if _, ok := lookUp(tcpServices, word); ok {
		return "; write: port " + word
	}
	if _, ok := lookUp(udpServices, word); ok {
		return "; write: port " + word
	}
	if strings.Contains(word, "-") {
		return "; between numbers, a minus needs blanks around it"
	}
	if like := similar(word); like != "" {
		return "; did you mean " + like + "?"
	}
	return ""
}

// similar are the keywords of which word is one slip away: a letter that is
// wrong, missing, too many, or in its neighbour's place.
func similar(word string) string {
	if len(word) < 3 {
		return ""
	}
	var found []string
	for k := range keywords {
		if len(k) >= 3 && slip(word, k) {
			found = append(found, k)
		}
	}
	slices.Sort(found)
	return strings.Join(found[:min(len(found), 3)], " or ")
}

// slip reports whether a and b are one slip apart.
func slip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		if i == len(a) {
			return false
		}
		return a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
