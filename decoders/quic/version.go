package quic

import "strconv"

// version is the version field of a long header (RFC 8999 section 5.1).
type version uint32

const (
	versionNegotiation version = 0          // RFC 9000 section 17.2.1
	version1           version = 1          // RFC 9000
	version2           version = 0x6b3343cf // RFC 9369
	version2Draft      version = 0x709a50c4 // draft-ietf-quic-v2-01 to -09
	draft              version = 0xff000000 // and the number of draft-ietf-quic-transport
	q044               version = 0x51303434 // Google's versions are named in ASCII
	q046               version = 0x51303436
	q048               version = 0x51303438
	q050               version = 0x51303530
	t048               version = 0x54303438
	t049               version = 0x54303439
	t050               version = 0x54303530
	t051               version = 0x54303531
)

// layout says how to read the long header of a version.
type layout uint8

const (
	foreign layout = iota // only what RFC 8999 promises of all versions
	first                 // RFC 9000 section 17.2
	second                // RFC 9369 section 3.2: other numbers of types
	packed                // Google's Q044 and Q046: both lengths in one byte, no length of the packet
)

func (v version) layout() layout {
	switch {
	case v == version1, v.draft() >= 22, v.isFacebook():
		return first
	case v == version2, v == version2Draft:
		return second
	case v == q044, v == q046:
		return packed
	}
	switch v {
	case q048, q050, t048, t049, t050, t051:
		return first
	}
	return foreign
}

// draft is the number of the draft of the IETF that v is, 0 where it is none.
func (v version) draft() int {
	if n := int(v & 0xff); v&0xffffff00 == draft && n >= 1 && n <= 34 {
		return n
	}
	return 0
}

// isFacebook: mvfst numbers its versions so.
func (v version) isFacebook() bool { return v == 0xfaceb001 || v == 0xfaceb002 || v == 0xfaceb00e }

// oldRetry: a Retry without a tag, which bears the client's connection ID
// (draft-ietf-quic-transport-24 section 17.2.5).
func (v version) oldRetry() bool { return v.draft() >= 22 && v.draft() < 25 || v == 0xfaceb001 }

// isGreased: reserved, to be refused (RFC 9000 section 15).
func (v version) isGreased() bool { return v&0x0f0f0f0f == 0x0a0a0a0a }

// isGoogle: Q0dd or T0dd. Its client keeps the connection ID that it chose for
// the server; the server chooses none for the client.
func (v version) isGoogle() bool {
	b := [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	return (b[0] == 'Q' || b[0] == 'T') && b[1] == '0' && isDigit(b[2]) && isDigit(b[3])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// known: a version that somebody has deployed.
func (v version) known() bool { return v.layout() != foreign || v.isGoogle() || v.draft() > 0 }

// String is the name in events: "1", "2", "draft-29", "Q046", "0x1a2a3a4a".
func (v version) String() string {
	switch {
	case v == version1:
		return "1"
	case v == version2:
		return "2"
	case v.draft() > 0:
		return "draft-" + strconv.Itoa(v.draft())
	case v.isGoogle():
		return string([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	const digits = "0123456789abcdef"
	b := []byte("0x00000000")
	for i := range 8 {
		b[9-i] = digits[v>>(4*i)&15]
	}
	return string(b)
}

// suite is what the protection of a version's Initial and Retry packets
// hangs on (RFC 9001 sections 5.2 and 5.8, RFC 9369 section 3.3).
type suite struct {
	salt                 string // "": the version's Initials cannot be read
	label                string // before " key", " iv", " hp"
	retryKey, retryNonce string // "": the version's Retry bears no tag that is known
}

func (v version) suite() suite {
	c := suite{label: "quic"}
	switch {
	case v == version1, v.draft() >= 33:
		c.salt = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
		c.retryKey = "\xbe\x0c\x69\x0b\x9f\x66\x57\x5a\x1d\x76\x6b\x54\xe3\x68\xc8\x4e"
		c.retryNonce = "\x46\x15\x99\xd3\x5d\x63\x2b\xf2\x23\x98\x25\xbb"
	case v == version2:
		c.salt = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
		c.label = "quicv2"
		c.retryKey = "\x8f\xb4\xb0\x1b\x56\xac\x48\xe2\x60\xfb\xcb\xce\xad\x7c\xcc\x92"
		c.retryNonce = "\xd8\x69\x69\xbc\x2d\x7c\x6d\x99\x90\xef\xb0\x4a"
	case v == version2Draft:
		c.salt = "\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3"
		c.label = "quicv2"
	case v.draft() >= 29:
		c.salt = "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
		c.retryKey = "\xcc\xce\x18\x7e\xd0\x9a\x09\xd0\x57\x28\x15\x5a\x6c\xb9\x6b\xe1"
		c.retryNonce = "\xe5\x49\x30\xf9\x7f\x21\x36\xf0\x53\x0a\x8c\x1c"
	case v.draft() >= 23, v == 0xfaceb002, v == 0xfaceb00e:
		c.salt = "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
		if v.draft() >= 25 {
			c.retryKey = "\x4d\x32\xec\xdb\x2a\x21\x33\xc8\x41\xe4\x04\x3d\xf2\x7d\x44\x30"
			c.retryNonce = "\x4d\x16\x11\xd0\x55\x13\xa5\x52\xc5\x87\xd5\x75"
		}
	case v.draft() == 22, v == 0xfaceb001:
		c.salt = "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
	case v == t050:
		c.salt = "\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
	case v == t051:
		c.salt = "\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
	}
	return c
}
