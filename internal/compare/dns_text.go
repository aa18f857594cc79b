package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	decoder "github.com/wiretale/wiretale/decoders/dns"
)

// Numbers of names (IANA "Domain Name System (DNS) Parameters").
var (
	opcodes = []string{"QUERY", "IQUERY", "STATUS", "", "NOTIFY", "UPDATE", "DSO"}
	rcodes  = []string{
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
		"NOTZONE", "DSOTYPENI", "", "", "", "", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE",
	}
	classes = map[string]string{"IN": "0x0001", "CS": "0x0002", "CH": "0x0003", "HS": "0x0004", "NONE": "0x00fe", "ANY": "0x00ff"}
)

// index is the number of a name that may also be written prefix and number.
func index(names []string, name, prefix string) string {
	if i := slices.Index(names, name); i >= 0 {
		return strconv.Itoa(i)
	}
	return strings.TrimPrefix(name, prefix)
}

// rcode is a part of a response code: the header bears four bits of it, and
// an OPT record the others.
func rcode(name string, mask, shift int) string {
	n, err := strconv.Atoi(index(rcodes, name, "RCODE"))
	if err != nil {
		return name
	}
	n = n & mask >> shift
	if shift > 0 {
		return fmt.Sprintf("%02x", n)
	}
	return strconv.Itoa(n)
}

func typeNumber(name string) string {
	if n, ok := decoder.TypeNumber(name); ok {
		return strconv.Itoa(int(n))
	}
	return name
}

func classNumber(name string) string {
	if s, ok := classes[name]; ok {
		return s
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(name, "CLASS"), 10, 16)
	if err != nil {
		return name
	}
	return fmt.Sprintf("0x%04x", n)
}

// shownName is a name as Wireshark shows it: labels with dots between, the
// bytes of a label as they are, what cannot be printed escaped.
func shownName(s string) string {
	if s == "." {
		return "<Root>"
	}
	return shownText(unescape(strings.TrimSuffix(s, ".")))
}

// unescape undoes RFC 1035 section 5.1.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if i+3 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+4], 10, 8); err == nil {
					b.WriteByte(byte(n))
					i += 3
					continue
				}
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// shownText is how tshark prints text: UTF-8 as it is, control characters and
// bytes that are no UTF-8 escaped.
func shownText(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\%03o`, s[0])
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		default:
			for i := range n {
				b.WriteString(control(s[i]))
			}
		}
		s = s[n:]
	}
	return b.String()
}

// control is a control character as tshark prints it.
func control(c byte) string {
	if i := strings.IndexByte("\a\b\f\n\r\t\v", c); i >= 0 {
		return `\` + "abfnrtv"[i:i+1]
	}
	return fmt.Sprintf(`\%03o`, c)
}

// words are the parts of data in zone-file form: blanks part, where no quote
// or backslash makes them text.
func words(data string) []string {
	var all []string
	start, quoted := -1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			if start < 0 {
				start = i
			}
			i++
		case c == '"':
			quoted = !quoted
			if start < 0 {
				start = i
			}
		case c == ' ' && !quoted:
			if start >= 0 {
				all = append(all, data[start:i])
				start = -1
			}
		case start < 0:
			start = i
		}
	}
	if start >= 0 {
		all = append(all, data[start:])
	}
	return all
}

// characterStrings are the parts of the data of a TXT record.
func characterStrings(data string) []string {
	var all []string
	for _, w := range words(data) {
		if n := len(w); n >= 2 && w[0] == '"' && w[n-1] == '"' {
			w = w[1 : n-1]
		}
		all = append(all, shownText(unescape(w)))
	}
	return all
}
