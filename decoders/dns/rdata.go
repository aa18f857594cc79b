package dns

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
)

// RDATA in zone-file form, as miekg/dns prints it. The common types are read
// here; the others go through the fence.

var base32Hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// rdata appends the RDATA msg[off:end] of a record to the text. It says false where
// the RDATA is broken (what was appended is to be dropped). shared, if not
// zero, is an earlier piece of text that is the RDATA.
func (u *unpacker) rdata(typ, class uint16, off, end int) (shared span, ok bool) {
	if off == end {
		// No RDATA, as in dynamic updates (RFC 2136 section 2.5): no text.
		return span{}, true
	}
	d := u.msg[off:end]
	switch typ {
	case typeA:
		if len(d) != 4 {
			return span{}, false
		}
		u.text = appendIP4(u.text, d)
	case typeAAAA:
		if len(d) != 16 {
			return span{}, false
		}
		u.text = netip.AddrFrom16([16]byte(d)).AppendTo(u.text)
	case typeNS, typeCNAME, typePTR, typeDNAME, typeMB, typeMD, typeMF, typeMG, typeMR:
		name, next := u.name(off, end)
		return name, next == end
	case typeMX:
		if len(d) < 3 {
			return span{}, false
		}
		u.uint(uint64(be16(d)))
		return span{}, u.appendName(off+2, end) == end
	case typeSRV:
		if len(d) < 7 {
			return span{}, false
		}
		u.uint(uint64(be16(d)))
		u.uint(uint64(be16(d[2:])))
		u.uint(uint64(be16(d[4:])))
		return span{}, u.appendName(off+6, end) == end
	case typeSOA:
		return span{}, u.soa(off, end)
	case typeTXT, typeSPF, typeHINFO:
		return span{}, u.strings(d, typ == typeHINFO)
	case typeDS, typeCDS, typeDLV, typeTA:
		if len(d) < 4 {
			return span{}, false
		}
		u.uint(uint64(be16(d)))
		u.uint(uint64(d[2]))
		u.uint(uint64(d[3]))
		u.text = appendHexUpper(u.text, d[4:])
	case typeSSHFP:
		if len(d) < 2 {
			return span{}, false
		}
		u.uint(uint64(d[0]))
		u.uint(uint64(d[1]))
		u.text = appendHexUpper(u.text, d[2:])
	case typeTLSA:
		if len(d) < 3 {
			return span{}, false
		}
		u.uint(uint64(d[0]))
		u.uint(uint64(d[1]))
		u.uint(uint64(d[2]))
		u.text = hex.AppendEncode(u.text, d[3:])
	case typeDNSKEY, typeCDNSKEY, typeKEY:
		if len(d) < 4 {
			return span{}, false
		}
		u.uint(uint64(be16(d)))
		u.uint(uint64(d[2]))
		u.uint(uint64(d[3]))
		u.text = base64.StdEncoding.AppendEncode(u.text, d[4:])
	case typeRRSIG, typeSIG:
		return span{}, u.rrsig(off, end)
	case typeNSEC, typeNXT:
		next := u.appendName(off, end)
		return span{}, next >= 0 && u.typeBitmap(u.msg[next:end])
	case typeNSEC3:
		return span{}, u.nsec3(d)
	case typeNSEC3PARAM:
		rest, ok := u.nsec3Head(d)
		return span{}, ok && len(rest) == 0
	case typeCSYNC:
		if len(d) < 6 {
			return span{}, false
		}
		u.uint(uint64(binary.BigEndian.Uint32(d)))
		u.text = appendUint(u.text, uint64(be16(d[4:])))
		return span{}, u.typeBitmap(d[6:])
	case typeCAA:
		return span{}, u.caa(class, d, off, end)
	case typeHTTPS, typeSVCB:
		return span{}, u.svcb(off, end)
	case typeHIP:
		return span{}, u.hip(off, end)
	case typeNULL, typeOPT:
		// NULL has no form of its own (RFC 1035 section 3.3.10), nor has an
		// OPT record in the wrong place.
		u.text = appendGeneric(u.text, d)
	default:
		if !known(typ) {
			u.text = appendGeneric(u.text, d)
			return span{}, true
		}
		u.text, ok = fence(u.text, typ, class, u.msg, off, end)
		return span{}, ok
	}
	return span{}, true
}

// uint appends a number and a space.
func (u *unpacker) uint(n uint64) { u.text = append(appendUint(u.text, n), ' ') }

func (u *unpacker) space() { u.text = append(u.text, ' ') }

// soa is RFC 1035 section 3.3.13.
func (u *unpacker) soa(off, end int) bool {
	if off = u.appendName(off, end); off < 0 {
		return false
	}
	u.space()
	if off = u.appendName(off, end); off < 0 || off+20 != end {
		return false
	}
	for ; off < end; off += 4 {
		u.space()
		u.text = appendUint(u.text, uint64(binary.BigEndian.Uint32(u.msg[off:])))
	}
	return true
}

// strings is a list of character-strings (RFC 1035 section 3.3); two: exactly
// two of them (HINFO).
func (u *unpacker) strings(d []byte, two bool) bool {
	n := 0
	for ; len(d) > 0; n++ {
		size := int(d[0])
		if 1+size > len(d) {
			return false
		}
		if n > 0 {
			u.space()
		}
		u.text = append(appendQuoted(append(u.text, '"'), d[1:1+size]), '"')
		d = d[1+size:]
	}
	return !two || n == 2
}

// rrsig is RFC 4034 section 3.1.
func (u *unpacker) rrsig(off, end int) bool {
	if off+18 > end {
		return false
	}
	d := u.msg[off : off+18]
	u.typ(be16(d))
	u.space()
	u.uint(uint64(d[2]))
	u.uint(uint64(d[3]))
	u.uint(uint64(binary.BigEndian.Uint32(d[4:])))
	u.moment(binary.BigEndian.Uint32(d[8:]))
	u.moment(binary.BigEndian.Uint32(d[12:]))
	u.uint(uint64(be16(d[16:])))
	if off = u.appendName(off+18, end); off < 0 {
		return false
	}
	u.space()
	u.text = base64.StdEncoding.AppendEncode(u.text, u.msg[off:end])
	return true
}

// moment appends YYYYMMDDHHmmSS and a space. The number is read as seconds
// since 1970 without serial arithmetic, which needs a clock: until 2106 both
// are the same.
func (u *unpacker) moment(t uint32) {
	u.text = append(time.Unix(int64(t), 0).UTC().AppendFormat(u.text, "20060102150405"), ' ')
}

// typ appends the name of a type.
func (u *unpacker) typ(t uint16) {
	if s := typeName(t); s != "" {
		u.text = append(u.text, s...)
		return
	}
	u.text = appendUint(append(u.text, "TYPE"...), uint64(t))
}

// typeBitmap is RFC 4034 section 4.1.2.
func (u *unpacker) typeBitmap(d []byte) bool {
	last := -1
	for len(d) > 0 {
		if len(d) < 2 {
			return false
		}
		window, n := int(d[0]), int(d[1])
		if window <= last || n == 0 || n > 32 || 2+n > len(d) {
			return false
		}
		last = window
		for i, b := range d[2 : 2+n] {
			for bit := 0; b != 0; bit, b = bit+1, b<<1 {
				if b&0x80 != 0 {
					u.space()
					u.typ(uint16(window<<8 | i<<3 | bit))
				}
			}
		}
		d = d[2+n:]
	}
	return true
}

// nsec3Head is what NSEC3 and NSEC3PARAM share (RFC 5155 sections 3.2, 4.2).
func (u *unpacker) nsec3Head(d []byte) (rest []byte, ok bool) {
	if len(d) < 5 || 5+int(d[4]) > len(d) {
		return nil, false
	}
	u.uint(uint64(d[0]))
	u.uint(uint64(d[1]))
	u.uint(uint64(be16(d[2:])))
	salt := d[5 : 5+int(d[4])]
	if len(salt) == 0 {
		u.text = append(u.text, '-')
	} else {
		u.text = appendHexUpper(u.text, salt)
	}
	return d[5+len(salt):], true
}

func (u *unpacker) nsec3(d []byte) bool {
	d, ok := u.nsec3Head(d)
	if !ok || len(d) < 1 || 1+int(d[0]) > len(d) {
		return false
	}
	hash := d[1 : 1+int(d[0])]
	u.space()
	u.text = base32Hex.AppendEncode(u.text, hash)
	return u.typeBitmap(d[1+len(hash):])
}

// caa is RFC 8659 section 4.1.
func (u *unpacker) caa(class uint16, d []byte, off, end int) (ok bool) {
	if len(d) < 2 || 2+int(d[1]) > len(d) {
		return false
	}
	value := d[2+int(d[1]):]
	for _, b := range value {
		if b == '\\' {
			// miekg/dns takes a backslash on the wire for an escape: only it
			// knows what it prints.
			u.text, ok = fence(u.text, typeCAA, class, u.msg, off, end)
			return ok
		}
	}
	u.uint(uint64(d[0]))
	u.text = appendQuoted(u.text, d[2:2+int(d[1])])
	u.text = append(appendQuoted(append(u.text, ' ', '"'), value), '"')
	return true
}

// hip is RFC 8005 section 5.
func (u *unpacker) hip(off, end int) bool {
	d := u.msg[off:end]
	if len(d) < 4 {
		return false
	}
	hit, key := int(d[0]), int(be16(d[2:]))
	if 4+hit+key > len(d) {
		return false
	}
	u.uint(uint64(d[1]))
	u.text = append(hex.AppendEncode(u.text, d[4:4+hit]), ' ')
	u.text = base64.StdEncoding.AppendEncode(u.text, d[4+hit:4+hit+key])
	for off += 4 + hit + key; off < end; {
		u.space()
		if off = u.appendName(off, end); off < 0 {
			return false
		}
		if u.full() {
			return true
		}
	}
	return true
}

// appendGeneric is the form of RFC 3597 section 5.
func appendGeneric(text, d []byte) []byte {
	text = append(text, `\# `...)
	text = append(appendUint(text, uint64(len(d))), ' ')
	return hex.AppendEncode(text, d)
}

func appendUint(text []byte, n uint64) []byte {
	if n < 10 {
		return append(text, byte('0'+n))
	}
	return strconv.AppendUint(text, n, 10)
}

func appendHexUpper(text, d []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, b := range d {
		text = append(text, digits[b>>4], digits[b&15])
	}
	return text
}

// appendIP4 appends dotted decimal.
func appendIP4(text, d []byte) []byte {
	for i, b := range d {
		if i > 0 {
			text = append(text, '.')
		}
		switch {
		case b >= 100:
			text = append(text, '0'+b/100, '0'+b/10%10, '0'+b%10)
		case b >= 10:
			text = append(text, '0'+b/10, '0'+b%10)
		default:
			text = append(text, '0'+b)
		}
	}
	return text
}
