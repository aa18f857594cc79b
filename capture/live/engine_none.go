//go:build !linux && !libpcap

package live

import (
	"fmt"
	"runtime"

	"github.com/wiretale/wiretale/capture"
)

// open says how to build the program so that it can capture here.
func (s *Source) open(c *Config) error {
	if c.Interface != Any {
		if _, err := lookup(c.Interface); err != nil {
			return err
		}
	}
	return unsupported(c.Interface)
}

func unsupported(name string) error {
	need := "libpcap's headers (libpcap-dev, libpcap-devel; part of macOS and the BSDs) and a C compiler"
	if runtime.GOOS == "windows" {
		need = "Npcap (https://npcap.com), its SDK and a C compiler (gcc of MinGW-w64)"
	}
	return &Error{Interface: name, Err: fmt.Errorf("%w on %s", ErrUnsupported, runtime.GOOS), Advice: `build it with libpcap:
  CGO_ENABLED=1 go build -tags libpcap ./cmd/wiretale
which needs ` + need + `; or capture with another program, and read its output:
  tcpdump -i ` + quote(name) + ` -U -w - | wiretale analyze -`}
}

// LinkOf is the link type of an interface's packets, to write a filter for. It
// needs no privilege. Here it is never known.
func LinkOf(name string) (capture.LinkType, error) {
	return capture.LinkUnknown, unsupported(name)
}
