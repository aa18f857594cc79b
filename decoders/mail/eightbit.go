package mail

import "encoding/binary"

// highBits are those that no byte of ASCII has.
const highBits = 0x8080808080808080

// sevenBit reports whether all bytes of b are below 128.
func sevenBit(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&highBits != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
