package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// ja3 is the text under a JA3: version, cipher suites, extensions, groups and
// point formats in decimal, GREASE left out.
func (h *clientHello) ja3() string {
	b := make([]byte, 0, 256)
	b = strconv.AppendUint(b, uint64(h.version), 10)
	b = appendDecimals(append(b, ','), h.suites)
	b = append(b, ',')
	b = appendTypes(b, h.exts)
	b = appendDecimals(append(b, ','), h.groups)
	b = append(b, ',')
	for i, f := range h.formats {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(f), 10)
	}
	return string(b)
}

// ja3s is the text under a JA3S: version, cipher suite and extensions.
func (h *serverHello) ja3s() string {
	b := make([]byte, 0, 64)
	b = strconv.AppendUint(b, uint64(h.version), 10)
	b = strconv.AppendUint(append(b, ','), uint64(h.suite), 10)
	return string(appendTypes(append(b, ','), h.exts))
}

func appendDecimals(b, list []byte) []byte {
	first := true
	for ; len(list) > 0; list = list[2:] {
		if v := u16(list); !isGREASE(v) {
			if !first {
				b = append(b, '-')
			}
			b, first = strconv.AppendUint(b, uint64(v), 10), false
		}
	}
	return b
}

func appendTypes(b, exts []byte) []byte {
	first := true
	eachExtension(exts, func(v uint16, _ []byte) {
		if !isGREASE(v) {
			if !first {
				b = append(b, '-')
			}
			b, first = strconv.AppendUint(b, uint64(v), 10), false
		}
	})
	return b
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// ja4 is the JA4 of FoxIO's technical details: transport, version, whether
// there is a name, numbers of suites and extensions, and the ends of the first
// ALPN; then the hashes of the sorted suites, and of the sorted extensions
// with the signature algorithms as they came.
func (h *clientHello) ja4(quic bool) string {
	suites := numbers(h.suites)
	var exts, hashed []uint16
	eachExtension(h.exts, func(v uint16, _ []byte) {
		if isGREASE(v) {
			return
		}
		exts = append(exts, v)
		if v != extServerName && v != extALPN {
			hashed = append(hashed, v)
		}
	})
	b := make([]byte, 0, 36)
	if quic {
		b = append(b, 'q')
	} else {
		b = append(b, 't')
	}
	b = append(b, ja4Version(h.ja4Highest())...)
	if slices.Contains(exts, extServerName) {
		b = append(b, 'd')
	} else {
		b = append(b, 'i')
	}
	b = append2(append2(b, len(suites)), len(exts))
	list := cursor{b: h.alpn}
	b = append(b, ja4ALPN(list.vector(1))...)
	slices.Sort(suites)
	slices.Sort(hashed)
	b = append(b, '_')
	b = appendHash12(b, appendHexes(nil, suites))
	text := appendHexes(nil, hashed)
	if sigs := numbers(h.signatures); len(text) > 0 && len(sigs) > 0 {
		text = appendHexes(append(text, '_'), sigs)
	}
	b = append(b, '_')
	return string(appendHash12(b, text))
}

// ja4Highest is the highest number offered, known or not, as JA4 has it.
func (h *clientHello) ja4Highest() uint16 {
	vs := numbers(h.versions)
	if len(vs) == 0 {
		return h.version
	}
	return slices.Max(vs)
}

func ja4Version(v uint16) string {
	switch v {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

// ja4ALPN is the first and the last character of v; of its hexadecimal form
// where one of them is no letter and no digit.
func ja4ALPN(v []byte) string {
	if len(v) == 0 {
		return "00"
	}
	first, last := v[0], v[len(v)-1]
	if isAlnum(first) && isAlnum(last) {
		return string([]byte{first, last})
	}
	const lower = "0123456789abcdef"
	return string([]byte{lower[first>>4], lower[last&15]})
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// numbers are the values of a list, GREASE left out.
func numbers(list []byte) []uint16 {
	out := make([]uint16, 0, len(list)/2)
	for ; len(list) > 0; list = list[2:] {
		if v := u16(list); !isGREASE(v) {
			out = append(out, v)
		}
	}
	return out
}

func append2(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

func appendHexes(b []byte, vs []uint16) []byte {
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, []byte{byte(v >> 8), byte(v)})
	}
	return b
}

// appendHash12 appends the first 12 hex digits of the SHA-256 of text; zeros
// where there is none.
func appendHash12(b, text []byte) []byte {
	if len(text) == 0 {
		return append(b, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(b, sum[:6])
}
