package dns

import (
	"encoding/hex"
	"net/netip"

	"github.com/wiretale/wiretale/events"
)

// EDNS, RFC 6891 section 6.1.

// Option codes whose text is made by hand: the common ones, and those whose
// text must not take quadratic time.
const (
	optNSID    = 3
	optDAU     = 5
	optDHU     = 6
	optN3U     = 7
	optSubnet  = 8
	optCookie  = 10
	optPadding = 12
)

// edns reads the RDATA of the OPT record.
func (u *unpacker) edns(off, end int) {
	for off < end {
		if off+4 > end {
			u.fail("EDNS option shorter than its head")
			return
		}
		code, n := be16(u.msg[off:]), int(be16(u.msg[off+2:]))
		off += 4
		if off+n > end {
			u.fail("EDNS option longer than its record")
			return
		}
		data := u.msg[off : off+n]
		off += n
		begin := len(u.text)
		if !u.option(code, data) {
			u.fail("broken EDNS option")
			u.text = hex.AppendEncode(append(u.text[:begin], "0x"...), data)
		}
		u.opts = append(u.opts, option{code, u.from(begin)})
	}
}

// option appends the data of one option.
func (u *unpacker) option(code uint16, data []byte) (ok bool) {
	switch code {
	case optCookie, optNSID:
		u.text = hex.AppendEncode(u.text, data)
	case optPadding:
		u.text = appendHexUpper(u.text, data)
	case optDAU, optDHU, optN3U:
		u.text = fenceAlgorithms(u.text, code, data)
	case optSubnet:
		return u.subnet(data)
	default:
		u.text, ok = fenceOption(u.text, code, data)
		return ok
	}
	return true
}

// subnet is the client subnet option, RFC 7871 section 6.
func (u *unpacker) subnet(data []byte) bool {
	if len(data) < 4 {
		return false
	}
	family, source, scope := be16(data), data[2], data[3]
	var a netip.Addr
	switch {
	case family == 0 && source == 0: // dig +subnet=0
		a = netip.IPv4Unspecified()
	case family == 1 && source <= 32 && scope <= 32:
		var b [4]byte
		copy(b[:], data[4:])
		a = netip.AddrFrom4(b)
	case family == 2 && source <= 128 && scope <= 128:
		var b [16]byte
		copy(b[:], data[4:])
		a = netip.AddrFrom16(b).Unmap()
	default:
		return false
	}
	if a.Is4() {
		u.text = a.AppendTo(u.text)
	} else {
		u.text = append(a.AppendTo(append(u.text, '[')), ']')
	}
	u.text = appendUint(append(u.text, '/'), uint64(source))
	u.text = appendUint(append(u.text, '/'), uint64(scope))
	return true
}

// setEDNS fills e from the OPT record.
func (u *unpacker) setEDNS(e *events.DNSEDNS, text string) {
	e.UDPSize = u.opt.class
	e.Version = uint8(u.opt.ttl >> 16)
	e.DO = u.opt.ttl&0x8000 != 0
	e.Options = make([]events.DNSEDNSOption, len(u.opts))
	for i, o := range u.opts {
		e.Options[i] = events.DNSEDNSOption{Code: o.code, Name: optionName(o.code), Data: text[o.data.off:o.data.end]}
	}
}
