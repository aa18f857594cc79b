package extract

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// longestHint is how much of a name stays.
const longestHint = 60

// hint is the end of a file's name, from what the sender calls the object:
// "-report.pdf". It holds letters, digits, '.', '_' and '-' of ASCII only, no
// dot at its front, so that no name means another folder, a hidden file or a
// device.
func hint(e *events.ContentEnd) string {
	name, _, _ := strings.Cut(e.Name, "?")
	name = strings.TrimRight(name, "/\\")
	if i := strings.LastIndexAny(name, "/\\:"); i >= 0 {
		name = name[i+1:]
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.' || c == '_' || c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('_')
		}
	}
	name = strings.Trim(b.String(), "._-")
	if len(name) > longestHint {
		ext := ""
		if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 8 {
			ext = name[i:]
		}
		name = name[:longestHint-len(ext)] + ext
	}
	if name == "" {
		return ""
	}
	return "-" + name
}

// protocolOf is the protocol of an object whose decoder did not end it.
func protocolOf(layer string) string {
	last := layer[strings.LastIndexByte(layer, '/')+1:]
	switch last {
	case "http1", "http2":
		return "http"
	case "ftp-data":
		return "ftp"
	}
	return last
}
