package opaque

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probeSSH: the identification string that both sides send first (RFC 4253
// section 4.2); 1.x and the 1.99 of section 5.1 too.
func probeSSH(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	for _, mark := range []string{"SSH-2.0-", "SSH-1."} {
		switch {
		case bytes.HasPrefix(b, []byte(mark)):
			return decoders.Yes, from
		case bytes.HasPrefix([]byte(mark), b):
			return decoders.Maybe, from
		}
	}
	return decoders.No, from
}
