package bittorrent

import (
	"encoding/hex"
	"math/bits"
)

// countHex is how many bits of a bit field in hex are set.
func countHex(s string) (n int) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return 0
	}
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}
