package bittorrent

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// probe: the front of a handshake is certain. Who opens the connection sends
// the first one (BEP 3); flows asks who speaks of the first bytes alone, and
// where no SYN was captured. Messages alone, of a connection
// that was joined midway, are not: other protocols too begin with a length.
func probe(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
	n := min(len(head), len(front))
	if bytes.Equal(head[:n], front[:n]) {
		if n == len(front) {
			return decoders.Yes, events.FromClient
		}
		return decoders.Maybe, from
	}
	if evidence(head, 0, enough, 1<<14) == no {
		return decoders.No, from
	}
	return decoders.Maybe, from
}
