package dns

import (
	"encoding/base64"
	"net/netip"
)

// SVCB and HTTPS records, RFC 9460 section 2.2 and appendix D.

// Parameter keys (RFC 9460 section 14.3, RFC 9461, RFC 9540).
const (
	keyMandatory     = 0
	keyALPN          = 1
	keyNoDefaultALPN = 2
	keyPort          = 3
	keyIPv4Hint      = 4
	keyECH           = 5
	keyIPv6Hint      = 6
	keyDoHPath       = 7
	keyOHTTP         = 8
	keyInvalid       = 65535
)

var paramNames = [...]string{
	keyMandatory: "mandatory", keyALPN: "alpn", keyNoDefaultALPN: "no-default-alpn",
	keyPort: "port", keyIPv4Hint: "ipv4hint", keyECH: "ech", keyIPv6Hint: "ipv6hint",
	keyDoHPath: "dohpath", keyOHTTP: "ohttp",
}

// param appends the name of a key; the invalid one has none.
func (u *unpacker) param(key uint16) {
	switch {
	case int(key) < len(paramNames):
		u.text = append(u.text, paramNames[key]...)
	case key != keyInvalid:
		u.text = appendUint(append(u.text, "key"...), uint64(key))
	}
}

func (u *unpacker) svcb(off, end int) bool {
	if off+3 > end {
		return false
	}
	u.uint(uint64(be16(u.msg[off:])))
	if off = u.appendName(off+2, end); off < 0 {
		return false
	}
	last := -1
	for d := u.msg[off:end]; len(d) > 0; {
		if len(d) < 4 {
			return false
		}
		key, n := be16(d), int(be16(d[2:]))
		if 4+n > len(d) || int(key) <= last || key == keyInvalid {
			return false
		}
		last = int(key)
		u.space()
		u.param(key)
		u.text = append(u.text, '=', '"')
		if !u.paramValue(key, d[4:4+n]) {
			return false
		}
		u.text = append(u.text, '"')
		d = d[4+n:]
	}
	return true
}

// paramValue appends the value of one parameter.
func (u *unpacker) paramValue(key uint16, v []byte) bool {
	switch key {
	case keyMandatory:
		if len(v)%2 != 0 {
			return false
		}
		for i := 0; i < len(v); i += 2 {
			u.comma(i)
			u.param(be16(v[i:]))
		}
	case keyALPN:
		return u.alpn(v)
	case keyNoDefaultALPN, keyOHTTP:
		return len(v) == 0
	case keyPort:
		if len(v) != 2 {
			return false
		}
		u.text = appendUint(u.text, uint64(be16(v)))
	case keyIPv4Hint:
		if len(v) == 0 || len(v)%4 != 0 {
			return false
		}
		for i := 0; i < len(v); i += 4 {
			u.comma(i)
			u.text = appendIP4(u.text, v[i:i+4])
		}
	case keyIPv6Hint:
		if len(v) == 0 || len(v)%16 != 0 {
			return false
		}
		for i := 0; i < len(v); i += 16 {
			a := netip.AddrFrom16([16]byte(v[i:]))
			if a.Is4In6() {
				return false
			}
			u.comma(i)
			u.text = a.AppendTo(u.text)
		}
	case keyECH:
		u.text = base64.StdEncoding.AppendEncode(u.text, v)
	default: // dohpath, and keys without a form of their own
		for _, b := range v {
			switch {
			case b < ' ' || b > '~':
				u.text = appendDecimal(u.text, b)
			case b == '"' || b == ';' || b == ' ' || b == '\\':
				u.text = append(u.text, '\\', b)
			default:
				u.text = append(u.text, b)
			}
		}
	}
	return true
}

func (u *unpacker) comma(i int) {
	if i > 0 {
		u.text = append(u.text, ',')
	}
}

// alpn is a list of protocol names; a comma or a backslash in one is escaped
// twice (RFC 9460 appendix A.1).
func (u *unpacker) alpn(v []byte) bool {
	for i := 0; i < len(v); {
		n := int(v[i])
		if i+1+n > len(v) {
			return false
		}
		u.comma(i)
		for _, b := range v[i+1 : i+1+n] {
			switch {
			case b < ' ' || b > '~':
				u.text = appendDecimal(u.text, b)
			case b == '"' || b == ';' || b == ' ':
				u.text = append(u.text, '\\', b)
			case b == ',':
				u.text = append(u.text, `\\\044`...)
			case b == '\\':
				u.text = append(u.text, `\\\092`...)
			default:
				u.text = append(u.text, b)
			}
		}
		i += 1 + n
	}
	return true
}
