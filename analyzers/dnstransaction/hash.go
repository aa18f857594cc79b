package dnstransaction

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// Hashes find entries; whatever is found is compared as well. Names compare
// without ASCII case (RFC 4343), because servers and resolvers change it.

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd6e8feb86659fd93
)

func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v^mixA, mixB)
	return hi ^ lo
}

// hashName is the same for names that differ in ASCII case. Setting 0x20 in
// every byte folds some other bytes too; that makes collisions, not errors.
func hashName(h uint64, name string) uint64 {
	i := 0
	for ; i+8 <= len(name); i += 8 {
		v := uint64(name[i]) | uint64(name[i+1])<<8 | uint64(name[i+2])<<16 | uint64(name[i+3])<<24 |
			uint64(name[i+4])<<32 | uint64(name[i+5])<<40 | uint64(name[i+6])<<48 | uint64(name[i+7])<<56
		h = mix(h, v|0x2020202020202020)
	}
	var v uint64
	for ; i < len(name); i++ {
		v = v<<8 | uint64(name[i]) | 0x20
	}
	return mix(h, v^uint64(len(name))<<56)
}

// hashQuestion is that of name, type and class.
func hashQuestion(seed uint64, name string, typ, class word) uint64 {
	return hashName(mix(seed, uint64(typ)<<32|uint64(class)), name)
}

// hashMulticast is that of a name: records answer questions of many types.
func hashMulticast(seed uint64, name string) uint64 { return hashName(seed+1, name) }

// flowKey is that of a question asked under id on one flow. For LLMNR stream
// is the asker's port: the answer comes from the responder's own address.
func flowKey(question uint64, proto uint8, stream uint32, id uint16) uint64 {
	return mix(question, uint64(stream)<<24|uint64(proto)<<16|uint64(id))
}

func hashAddr(h uint64, a *events.Addr) uint64 {
	return mix(mix(h, binary.LittleEndian.Uint64(a[:8])), binary.LittleEndian.Uint64(a[8:]))
}

// hashClient begins all hashes of one client. It is a secret of the process:
// nobody can send names that meet in one place.
func hashClient(k *key) uint64 { return hashAddr(hashSeed+uint64(k.kind), &k.client) }

// The seeds need not be the same in two processes: hashes and digests are only
// compared.
var (
	digestSeed = maphash.MakeSeed()
	hashSeed   = maphash.String(digestSeed, "questions")
)

// digest says what an answer says, without owner names and TTLs, whatever the
// order of its records.
func digest(m *events.DNSMessage) uint64 {
	d := maphash.String(digestSeed, m.Rcode)
	for i := range m.Answer {
		r := &m.Answer[i]
		d += mix(maphash.String(digestSeed, r.Data), uint64(len(r.Type))<<8|uint64(typeByte(r.Type)))
	}
	return d
}

func typeByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// sameName compares without ASCII case.
func sameName(a, b string) bool { return a == b || foldEqual(a, b) }

// isName is sameName for a name of the store.
func isName(a []byte, b string) bool { return string(a) == b || foldEqual(a, b) }

func foldEqual[T string | []byte](a T, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
