package ftpsession

import (
	"net/netip"
	"path"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// join is a directory after CWD to another. "." is the one after the log-in,
// whose name is not known before PWD.
func join(dir, to string) string {
	if strings.HasPrefix(to, "/") {
		return clip(path.Clean(to))
	}
	return clip(path.Join(dir, to))
}

// pwd reads the answer to PWD: the name in quotes, with quotes in it doubled
// (RFC 959 appendix II).
func (t *talk) pwd(line string) {
	_, rest, ok := strings.Cut(line, `"`)
	if !ok {
		return
	}
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		if rest[i] == '"' {
			if i+1 >= len(rest) || rest[i+1] != '"' {
				t.row.Directory = clip(b.String())
				return
			}
			i++
		}
		b.WriteByte(rest[i])
	}
}

// sameHost reports whether a host as it was written is that address.
func sameHost(host string, own events.Addr) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap() == own.IP()
}
