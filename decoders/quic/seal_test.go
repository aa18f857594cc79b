package quic

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// What a sender does (RFC 9001 section 5), written apart from what the decoder
// does and checked against the RFCs' vectors: HKDF from its definition (RFC
// 5869), everything else from the constants of the RFCs.

func x(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func hash(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func expandLabel(secret []byte, label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "+label...)
	info = append(info, 0)
	var out, last []byte
	for i := byte(1); len(out) < n; i++ {
		last = hash(secret, last, info, []byte{i})
		out = append(out, last...)
	}
	return out[:n]
}

type sealer struct{ key, iv, hp []byte }

func salts(v version) (salt []byte, label string) {
	switch v {
	case version1:
		return x("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"), "quic"
	case version2:
		return x("0dede3def700a6db819381be6e269dcbf9bd2ed9"), "quicv2"
	case draft + 29:
		return x("afbfec289993d24c9e9786f19c6111e04390a899"), "quic"
	case draft + 23:
		return x("c3eef712c72ebb5a11a7d2432bb46365bef9f502"), "quic"
	}
	panic(v)
}

func newSealer(v version, dcid []byte, who string) sealer {
	salt, label := salts(v)
	secret := expandLabel(hash(salt, dcid), who+" in", 32)
	return sealer{expandLabel(secret, label+" key", 16), expandLabel(secret, label+" iv", 12), expandLabel(secret, label+" hp", 16)}
}

func gcm(key []byte) (cipher.Block, cipher.AEAD) {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	g, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return block, g
}

// seal protects a payload behind head, whose last size bytes are the packet
// number.
func (s sealer) seal(head []byte, number uint64, size int, payload []byte) []byte {
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[11-i] ^= byte(number >> (8 * i))
	}
	_, g := gcm(s.key)
	out := g.Seal(bytes.Clone(head), nonce, payload, head)
	block, _ := gcm(s.hp)
	pn := len(head) - size
	var mask [16]byte
	block.Encrypt(mask[:], out[pn+4:pn+20])
	out[0] ^= mask[0] & 0x0f
	for i := range size {
		out[pn+i] ^= mask[1+i]
	}
	return out
}

// initialPacket is an Initial with a packet number of two bytes.
func (s sealer) initialPacket(v version, dcid, scid, token string, number uint64, payload []byte) string {
	first := byte(0xc1)
	if v == version2 {
		first = 0xd1
	}
	head := longHead(first, v, dcid, scid)
	head = append(head, 0x40|byte(len(token)>>8), byte(len(token)))
	head = append(head, token...)
	n := 2 + len(payload) + 16
	head = append(head, 0x40|byte(n>>8), byte(n), byte(number>>8), byte(number))
	return string(s.seal(head, number, 2, payload))
}

func longHead(first byte, v version, dcid, scid string) []byte {
	head := binary.BigEndian.AppendUint32([]byte{first}, uint32(v))
	head = append(append(head, byte(len(dcid))), dcid...)
	return append(append(head, byte(len(scid))), scid...)
}

// cryptoFrame is a CRYPTO frame.
func cryptoFrame(offset int, data string) []byte {
	b := []byte{6, 0x80 | byte(offset>>24), byte(offset >> 16), byte(offset >> 8), byte(offset), 0x40 | byte(len(data)>>8), byte(len(data))}
	return append(b, data...)
}

func padded(b []byte, n int) []byte { return append(b, make([]byte, max(0, n-len(b)))...) }

// ClientHello and ServerHello of RFC 9001 appendix A, in their frames.
var (
	helloFrame = x(`060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868
		04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
		616d706c652e636f6dff01000100000a00080006001d00170018001000070005
		04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
		baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400
		0d0010000e0403050306030203080408050806002d00020101001c0002400100
		3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000
		75300901100f088394c8f03e51570806048000ffff`)
	serverFrames = x(`02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739
		88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94
		0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00
		020304`)
	clientHello = string(helloFrame[4:])
	serverHello = string(serverFrames[9:])
)

const vectorID = "\x83\x94\xc8\xf0\x3e\x51\x57\x08"

// vector is appendix A of an RFC.
type vector struct {
	version                 version
	client, server          sealer
	clientHead, serverHead  []byte
	clientFront, clientTail []byte // of the packet of 1,200 bytes
	serverPacket            []byte
	retry                   []byte
}

var vectors = map[string]vector{
	"RFC 9001": {
		version:     version1,
		client:      sealer{x("1f369613dd76d5467730efcbe3b1a22d"), x("fa044b2f42a3fd3b46fb255c"), x("9f50449e04a0e810283a1e9933adedd2")},
		server:      sealer{x("cf3a5331653c364c88f0f379b6067e37"), x("0ac1493ca1905853b0bba03e"), x("c206b8d9b9f0f37644430b490eeaa314")},
		clientHead:  x("c300000001088394c8f03e5157080000449e00000002"),
		serverHead:  x("c1000000010008f067a5502a4262b50040750001"),
		clientFront: x("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b"),
		clientTail:  x("e221af44860018ab0856972e194cd934"),
		serverPacket: x(`cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a
			5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
			dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84
			022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
			2158407dd074ee`),
		retry: x("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba"),
	},
	"RFC 9369": {
		version:     version2,
		client:      sealer{x("8b1a0bc121284290a29e0971b5cd045d"), x("91f73e2351d8fa91660e909f"), x("45b95e15235d6f45a6b19cbcb0294ba9")},
		server:      sealer{x("82db637861d55e1d011f19ea71d5d2a7"), x("dd13c276499c0249d3310652"), x("edf6d05c83121201b436e16877593c3a")},
		clientHead:  x("d36b3343cf088394c8f03e5157080000449e00000002"),
		serverHead:  x("d16b3343cf0008f067a5502a4262b50040750001"),
		clientFront: x("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071"),
		clientTail:  x("6f4c4938ae79324dc402894b44faf8afbab35282ab659d13c93f70412e85cb199a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc"),
		serverPacket: x(`dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698
			baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17
			f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2
			c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8
			4bed8521e2e140`),
		retry: x("cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6"),
	},
}

func (v vector) clientPacket() []byte {
	return v.client.seal(v.clientHead, 2, 4, padded(bytes.Clone(helloFrame), 1162))
}

// The test's own sender makes the packets of the RFCs.
func TestSealer(t *testing.T) {
	for name, v := range vectors {
		for who, want := range map[string]sealer{"client": v.client, "server": v.server} {
			got := newSealer(v.version, []byte(vectorID), who)
			if !bytes.Equal(got.key, want.key) || !bytes.Equal(got.iv, want.iv) || !bytes.Equal(got.hp, want.hp) {
				t.Errorf("%s: %s: keys %x", name, who, got)
			}
		}
		p := v.clientPacket()
		if len(p) != 1200 || !bytes.HasPrefix(p, v.clientFront) || !bytes.HasSuffix(p, v.clientTail) {
			t.Errorf("%s: client packet of %d bytes\n%x", name, len(p), p)
		}
		if p := v.server.seal(v.serverHead, 1, 2, serverFrames); !bytes.Equal(p, v.serverPacket) {
			t.Errorf("%s: server packet\n%x", name, p)
		}
	}
}
