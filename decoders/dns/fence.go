package dns

import (
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// This file is the only one that knows github.com/miekg/dns. What comes out
// of it is text; what panics in it stays in it. Types whose text miekg/dns
// builds in quadratic time (type bitmaps, lists of names or algorithms) are
// read by hand elsewhere and never come here.

// lowTypes are the names of types up to 263, in one array.
var lowTypes = func() (t [264]string) {
	for n := range t {
		t[n] = mdns.TypeToString[uint16(n)]
	}
	return t
}()

// highTypes is the name of any type.
func highTypes(t uint16) string { return mdns.TypeToString[t] }

// fence appends the RDATA msg[off:end] of type typ as miekg/dns prints it. It
// says false, and appends nothing, where the RDATA is broken.
func fence(text []byte, typ, class uint16, msg []byte, off, end int) (out []byte, ok bool) {
	defer func() {
		if recover() != nil {
			out, ok = text, false
		}
	}()
	h := mdns.RR_Header{Name: ".", Rrtype: typ, Class: class, Rdlength: uint16(end - off)}
	rr, _, err := mdns.UnpackRRWithHeader(h, msg[:end:end], off)
	if err != nil {
		return text, false
	}
	head, s := rr.Header().String(), rr.String()
	i := strings.Index(s, head)
	if i < 0 {
		return text, false
	}
	return append(text, strings.TrimLeft(s[i+len(head):], " ")...), true
}

// known says whether miekg/dns has a text for typ.
func known(typ uint16) bool {
	_, ok := mdns.TypeToRR[typ]
	return ok
}

// fenceOption appends the data of one EDNS option as miekg/dns prints it.
func fenceOption(text []byte, code uint16, data []byte) (out []byte, ok bool) {
	defer func() {
		if recover() != nil {
			out, ok = text, false
		}
	}()
	n := len(data)
	rdata := append([]byte{byte(code >> 8), byte(code), byte(n >> 8), byte(n)}, data...)
	h := mdns.RR_Header{Name: ".", Rrtype: typeOPT, Rdlength: uint16(len(rdata))}
	rr, _, err := mdns.UnpackRRWithHeader(h, rdata, 0)
	if err != nil {
		return text, false
	}
	opt, isOPT := rr.(*mdns.OPT)
	if !isOPT || len(opt.Option) != 1 {
		return text, false
	}
	return append(text, opt.Option[0].String()...), true
}

// fenceAlgorithms appends a list of algorithm numbers as miekg/dns prints the
// options DAU, DHU and N3U, in linear time.
func fenceAlgorithms(text []byte, code uint16, data []byte) []byte {
	names := mdns.HashToString
	if code == mdns.EDNS0DAU {
		names = mdns.AlgorithmToString
	}
	for _, a := range data {
		text = append(text, ' ')
		if s, ok := names[a]; ok {
			text = append(text, s...)
		} else {
			text = appendUint(text, uint64(a))
		}
	}
	return text
}

// TypeNumber is the number of a record type as DNSRecord.Type writes it: by
// its name, or TYPE65280. false: it is neither.
func TypeNumber(name string) (n uint16, ok bool) {
	if n, ok = mdns.StringToType[name]; ok {
		return n, true
	}
	digits, ok := strings.CutPrefix(name, "TYPE")
	if !ok {
		return 0, false
	}
	wide, err := strconv.ParseUint(digits, 10, 16)
	return uint16(wide), err == nil
}
