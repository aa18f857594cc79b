// Package all is the one list of protocols. It must not do anything else.
package all

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/dns"
)

// Protos are all protocols, in the order in which they are probed.
func Protos() []decoders.Proto {
	return []decoders.Proto{
		dns.Proto,
	}
}
