package quic

import "encoding/binary"

// maxID is the longest connection ID of versions 1 and 2 (RFC 9000 section
// 17.2).
const maxID = 20

// tagLen is the length of an AEAD tag, and of a Retry's integrity tag.
const tagLen = 16

// minShort is the shortest packet with a short header that can be told from
// noise: a stateless reset is not shorter (RFC 9000 section 10.3).
const minShort = 21

// The bits of the first byte (RFC 9000 sections 17.2 and 17.3.1).
const (
	longForm = 0x80
	fixedBit = 0x40
	spinBit  = 0x20
)

// kind is the type of a packet.
type kind uint8

const (
	initial kind = iota
	zeroRTT
	handshake
	retry
	negotiation
	oneRTT
	unnamed // a long header of a version that is not known, or that has no types
	public  // the public header of Google's versions before Q044
	reset   // a public reset of these
)

var kindNames = [...]string{"initial", "0rtt", "handshake", "retry", "version_negotiation", "1rtt", "unknown", "gquic", "gquic_reset"}

func (k kind) String() string { return kindNames[k] }

// header is a long header and where its packet ends. Its slices are those of
// the datagram.
type header struct {
	kind       kind
	version    version
	dcid, scid []byte
	token      []byte // of an Initial or a Retry; as much as was captured
	replaces   []byte // of an old Retry: the client's Destination Connection ID
	tokenLen   int
	versions   []byte // of a version negotiation
	pn         int    // where the packet number is, for kinds that have one
	size       int    // bytes of the whole packet as it was sent
	cut        bool   // the snaplen cut a part of it off
}

// parseLong reads the long header at the front of b. missing bytes behind b
// were sent and not captured. It is false where its lengths do not fit. The
// fixed bit is not looked at: who has read the peer's transport parameters may
// leave it out (RFC 9287).
func parseLong(b []byte, missing int) (h header, ok bool) {
	if len(b) < 7 || b[0]&longForm == 0 {
		return h, false
	}
	h.version = version(binary.BigEndian.Uint32(b[1:]))
	h.size, h.cut = len(b)+missing, missing > 0
	how := h.version.layout()
	if how == packed {
		return h.packed(b)
	}
	rest, ok := h.ids(b[5:])
	if !ok {
		return h, false
	}
	switch {
	case h.version == versionNegotiation:
		h.kind, h.versions = negotiation, rest[:len(rest)&^3]
		return h, len(rest)+missing > 0 && (len(rest)+missing)%4 == 0
	case how == foreign && !h.version.isGreased():
		h.kind = unnamed
		return h, true
	}
	h.kind = kind(b[0] >> 4 & 3)
	if how == second {
		h.kind = (h.kind + 3) & 3 // it counts from Retry
	}
	at := len(b) - len(rest)
	switch h.kind {
	case retry:
		if h.version.oldRetry() {
			if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
				return h, false
			}
			h.replaces, h.token = rest[1:1+rest[0]], rest[1+rest[0]:]
			h.tokenLen = len(h.token) + missing
			return h, true
		}
		if h.tokenLen = len(rest) + missing - tagLen; h.tokenLen < 0 {
			return h, false
		}
		h.token = rest[:min(h.tokenLen, len(rest))]
		return h, true
	case initial:
		n, size := varint(rest)
		if size == 0 || n > uint64(len(rest)-size+missing) {
			return h, missing > 0 && size == 0
		}
		h.tokenLen = int(n)
		h.token = rest[size:min(size+int(n), len(rest))]
		at += size + int(n)
		if at > len(b) {
			return h, true // cut within the token
		}
	}
	n, size := varint(b[at:])
	if size == 0 || n > uint64(len(b)-at-size+missing) {
		return h, missing > 0 && size == 0
	}
	h.pn = at + size
	h.size = h.pn + int(n)
	h.cut = h.size > len(b)
	return h, true
}

// ids reads the two connection IDs with their lengths.
func (h *header) ids(b []byte) (rest []byte, ok bool) {
	for _, id := range []*[]byte{&h.dcid, &h.scid} {
		if len(b) == 0 || int(b[0]) > maxID || len(b) < 1+int(b[0]) {
			return nil, false
		}
		*id, b = b[1:1+b[0]], b[1+b[0]:]
	}
	return b, true
}

// packed reads the header of Q044 and Q046: one byte with both lengths, 4 bits
// each, 0 or 3 less than the length.
func (h *header) packed(b []byte) (header, bool) {
	rest := b[6:]
	for i, id := range []*[]byte{&h.dcid, &h.scid} {
		n := int(b[5] >> (4 - 4*i) & 15)
		if n > 0 {
			n += 3
		}
		if len(rest) < n {
			return *h, false
		}
		*id, rest = rest[:n], rest[n:]
	}
	h.kind = unnamed
	if h.version == q046 {
		h.kind = kind(b[0] >> 4 & 3)
	}
	return *h, true
}

// varint reads a variable-length integer (RFC 9000 section 16); size 0: not
// all there.
func varint(b []byte) (n uint64, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	size = 1 << (b[0] >> 6)
	if len(b) < size {
		return 0, 0
	}
	n = uint64(b[0] & 0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | uint64(c)
	}
	return n, size
}
