package rerun

import (
	"encoding/binary"
	"hash/crc32"
)

// madeUpGzip is a gzip member (RFC 1952) of n bytes with made-up content, in
// stored blocks (RFC 1951 section 3.2.4). Where n is too small it is no gzip.
func madeUpGzip(n int) []byte {
	const frame, block, most = 10 + 8, 5, 65535
	if n < frame+block {
		return madeUp(n)
	}
	blocks := (n - frame + block + most - 1) / (block + most)
	content := madeUp(n - frame - blocks*block)
	out := append(make([]byte, 0, n), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
	for i, rest := 0, content; i < blocks; i++ {
		k := min(most, len(rest))
		last := byte(0)
		if i == blocks-1 {
			last = 1
		}
		out = append(out, last)
		out = binary.LittleEndian.AppendUint16(out, uint16(k))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(k))
		out = append(out, rest[:k]...)
		rest = rest[k:]
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(content))
	return binary.LittleEndian.AppendUint32(out, uint32(len(content)))
}
