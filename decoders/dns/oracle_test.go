package dns

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// dataOf is the RDATA of rr as miekg/dns prints it.
func dataOf(rr mdns.RR) string {
	if g, ok := rr.(*mdns.RFC3597); ok {
		return fmt.Sprintf(`\# %d %s`, len(g.Rdata)/2, g.Rdata)
	}
	if rr.Header().Rdlength == 0 {
		return ""
	}
	s, h := rr.String(), rr.Header().String()
	return strings.TrimLeft(s[strings.Index(s, h)+len(h):], " ")
}

// classOf is the name of a class. miekg/dns writes CLASS255 for ANY where a
// zone file could take it for the type; there is no such doubt in an event.
func classOf(c uint16) string {
	if c == mdns.ClassANY {
		return "ANY"
	}
	return mdns.Class(c).String()
}

// decode is the one message in wire, and what was said against it.
func decode(t interface{ Fatalf(string, ...any) }, wire []byte) (*events.DNSMessage, *events.FlowViolation) {
	tape := decodertest.Play(Proto, decodertest.Packets("", decodertest.Client(string(wire))))
	if err := tape.Broken(); err != nil {
		t.Fatalf("%v", err)
	}
	var m *events.DNSMessage
	var v *events.FlowViolation
	for _, r := range tape.Records {
		switch b := r.Body.(type) {
		case *events.DNSMessage:
			m = b
		case *events.FlowViolation:
			v = b
		}
	}
	return m, v
}

// sameAs compares m with what miekg/dns made of the same bytes.
func sameAs(m *events.DNSMessage, want *mdns.Msg) error {
	eq := func(what string, got, want any) error {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s: %q, miekg/dns says %q", what, fmt.Sprint(got), fmt.Sprint(want))
		}
		return nil
	}
	if len(m.Question) != len(want.Question) {
		return eq("questions", len(m.Question), len(want.Question))
	}
	for i, q := range want.Question {
		if err := eq("question", m.Question[i], events.DNSQuestion{Name: q.Name, Type: mdns.Type(q.Qtype).String(), Class: classOf(q.Qclass)}); err != nil {
			return err
		}
	}
	extra := want.Extra
	if m.EDNS != nil {
		extra = nil
		opt := want.IsEdns0()
		for _, rr := range want.Extra {
			if rr != mdns.RR(opt) {
				extra = append(extra, rr)
			}
		}
		if err := eq("edns", fmt.Sprint(m.EDNS.UDPSize, m.EDNS.Version, m.EDNS.DO, len(m.EDNS.Options)),
			fmt.Sprint(opt.UDPSize(), opt.Version(), opt.Do(), len(opt.Option))); err != nil {
			return err
		}
		for i, o := range opt.Option {
			if err := eq("option", fmt.Sprint(m.EDNS.Options[i].Code, m.EDNS.Options[i].Data), fmt.Sprint(o.Option(), o.String())); err != nil {
				return err
			}
		}
	}
	for _, s := range []struct {
		name string
		got  []events.DNSRecord
		want []mdns.RR
	}{{"answer", m.Answer, want.Answer}, {"authority", m.Authority, want.Ns}, {"additional", m.Additional, extra}} {
		if err := eq(s.name+" count", len(s.got), len(s.want)); err != nil {
			return err
		}
		for i, rr := range s.want {
			h := rr.Header()
			w := events.DNSRecord{Name: h.Name, Type: mdns.Type(h.Rrtype).String(), Class: classOf(h.Class), TTL: h.Ttl, Data: dataOf(rr)}
			if err := eq(s.name, s.got[i], w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Generators of what may stand in a record.
var (
	genByte  = rapid.OneOf(rapid.SampledFrom([]byte(`abcXYZ019-_*. '@;()"\,=`)), rapid.Byte())
	genLabel = rapid.SliceOfN(genByte, 1, 20)
	genSmall = rapid.SliceOfN(rapid.Byte(), 0, 40)
)

// genName makes a name on the wire, now and then ending in a pointer to the
// name of the question (offset 12).
var genName = rapid.Custom(func(t *rapid.T) []byte {
	var b []byte
	for range rapid.IntRange(0, 4).Draw(t, "labels") {
		l := genLabel.Draw(t, "label")
		b = append(append(b, byte(len(l))), l...)
	}
	if rapid.Bool().Draw(t, "pointer") {
		return append(b, 0xc0, 12)
	}
	return append(b, 0)
})

func u8(t *rapid.T) []byte  { return []byte{rapid.Byte().Draw(t, "u8")} }
func u16(t *rapid.T) []byte { return binary.BigEndian.AppendUint16(nil, rapid.Uint16().Draw(t, "u16")) }
func u32(t *rapid.T) []byte { return binary.BigEndian.AppendUint32(nil, rapid.Uint32().Draw(t, "u32")) }
func name(t *rapid.T) []byte {
	return genName.Draw(t, "name")
}
func rest(t *rapid.T) []byte { return append(genSmall.Draw(t, "rest"), 1) }
func str(t *rapid.T) []byte {
	s := rapid.SliceOfN(genByte, 0, 60).Draw(t, "string")
	return append([]byte{byte(len(s))}, s...)
}
func sized(t *rapid.T) []byte {
	s := genSmall.Draw(t, "sized")
	return append([]byte{byte(len(s))}, s...)
}
func bitmap(t *rapid.T) []byte {
	var b []byte
	window := 0
	for range rapid.IntRange(0, 3).Draw(t, "windows") {
		window += rapid.IntRange(0, 60).Draw(t, "window")
		bits := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "bits")
		b = append(append(b, byte(window), byte(len(bits))), bits...)
		window++
	}
	return b
}
func params(t *rapid.T) []byte {
	var b []byte
	for key := range uint16(12) {
		if !rapid.Bool().Draw(t, "has") {
			continue
		}
		var v []byte
		switch key {
		case keyMandatory:
			v = append(u16(t), u16(t)...)
		case keyALPN:
			v = append(str(t), str(t)...)
		case keyNoDefaultALPN, keyOHTTP:
		case keyPort:
			v = u16(t)
		case keyIPv4Hint:
			v = append(u32(t), u32(t)...)
		case keyIPv6Hint:
			v = append(append([]byte{0x20, 1, 0, 0}, u32(t)...), append(u32(t), u32(t)...)...)
		default:
			v = rest(t)
		}
		b = binary.BigEndian.AppendUint16(b, key)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
	}
	return b
}
func bytesOf(n int) func(*rapid.T) []byte {
	return func(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes") }
}

type field = func(*rapid.T) []byte

// layouts are the RDATA of the types that are read by hand, from the RFCs.
var layouts = map[uint16][]field{
	typeA: {bytesOf(4)}, typeAAAA: {bytesOf(16)}, typeNS: {name}, typeMD: {name}, typeMF: {name},
	typeCNAME: {name}, typeMB: {name}, typeMG: {name}, typeMR: {name}, typePTR: {name}, typeDNAME: {name},
	typeSOA: {name, name, u32, u32, u32, u32, u32}, typeMX: {u16, name}, typeSRV: {u16, u16, u16, name},
	typeTXT: {str, str}, typeSPF: {str}, typeHINFO: {str, str},
	typeDS: {u16, u8, u8, rest}, typeCDS: {u16, u8, u8, rest}, typeDLV: {u16, u8, u8, rest}, typeTA: {u16, u8, u8, rest},
	typeSSHFP: {u8, u8, rest}, typeTLSA: {u8, u8, u8, rest},
	typeDNSKEY: {u16, u8, u8, rest}, typeCDNSKEY: {u16, u8, u8, rest}, typeKEY: {u16, u8, u8, rest},
	typeRRSIG: {u16, u8, u8, u32, u32, u32, u16, name, rest}, typeSIG: {u16, u8, u8, u32, u32, u32, u16, name, rest},
	typeNSEC: {name, bitmap}, typeNXT: {name, bitmap}, typeCSYNC: {u32, u16, bitmap},
	typeNSEC3: {u8, u8, u16, sized, sized, bitmap}, typeNSEC3PARAM: {u8, u8, u16, sized},
	typeCAA: {u8, str, rest}, typeHTTPS: {u16, name, params}, typeSVCB: {u16, name, params},
	65280: {rest}, 300: {rest},
}

// genMessage is a response of up to four such records; the question's name is
// at offset 12.
var genMessage = rapid.Custom(func(t *rapid.T) []byte {
	var types []uint16
	for typ := range 65536 {
		if layouts[uint16(typ)] != nil {
			types = append(types, uint16(typ))
		}
	}
	n := rapid.IntRange(0, 4).Draw(t, "records")
	b := []byte{1, 2, 0x81, 0x80, 0, 1, 0, byte(n), 0, 0, 0, 0}
	b = append(b, "\x03www\x07example\x03com\x00\x00\x01\x00\x01"...)
	for range n {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		var rd []byte
		for _, f := range layouts[typ] {
			rd = append(rd, f(t)...)
		}
		b = append(b, name(t)...)
		b = binary.BigEndian.AppendUint16(b, typ)
		b = append(b, 0, 1)
		b = append(b, u32(t)...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(rd))), rd...)
	}
	return b
})

// What we read is what miekg/dns reads, for all types read by hand.
func TestSameAsMiekg(t *testing.T) {
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		wire := genMessage.Draw(t, "message")
		var want mdns.Msg
		if err := want.Unpack(wire); err != nil {
			t.Skip(err)
		}
		m, v := decode(t, wire)
		if m == nil {
			t.Fatalf("no message; %v", v)
		}
		if v != nil {
			t.Fatalf("violation %q", v.Reason)
		}
		if err := sameAs(m, &want); err != nil {
			t.Fatal(err)
		}
		read++
	})
	least := 50
	if testing.Short() {
		least /= 5 // rapid draws a fifth as many then
	}
	if read < least {
		t.Errorf("miekg/dns accepted only %d messages", read)
	}
}

// One record of each type that miekg/dns knows, from zone-file text.
func TestEveryType(t *testing.T) {
	texts := []string{
		"A 192.0.2.1", "AAAA 2001:db8::1", "AAAA ::ffff:192.0.2.1", "AFSDB 1 afs.example.", "AMTRELAY 10 0 2 2001:db8::15",
		"APL 1:192.0.2.0/24 !2:2001:db8::/32", `AVC "app-name:WOLFGANG|app-class:OAM"`, `CAA 0 issue "ca.example; policy=ev"`,
		"CDNSKEY 257 3 8 AwEAAa==", "CDS 12345 8 2 " + strings.Repeat("AB", 32), "CERT PGP 0 0 AQID", "CNAME a.b.example.",
		"CSYNC 66 3 A NS AAAA TYPE65280", "DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", "DLV 1 2 3 ABCD",
		"DNAME other.example.", "DNSKEY 256 3 5 AQPSKmyn", "DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
		"EUI48 00-00-5e-00-53-2a", "EUI64 00-00-5e-ef-10-00-00-2a", "GID 5", "GPOS -32.6882 116.8652 10.0", `HINFO "PC" "Linux \"x\""`,
		"HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc rvs1.example. rvs2.example.",
		`HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1,192.0.2.2" ipv6hint="2001:db8::1" port="8443" key667="hello"`,
		"IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", "IPSECKEY 10 3 2 gw.example. AQNRU3mG",
		"KEY 256 3 5 AQPSKmyn", "KX 10 kx.example.", "L32 10 10.1.2.0", "L64 10 2001:0DB8:1140:1000", "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
		"LP 10 l64.example.", "MB mb.example.", "MD md.example.", "MF mf.example.", "MG mg.example.", "MINFO r.example. e.example.", "MR mr.example.", "MX 10 mail.example.",
		`NAPTR 100 50 "s" "http+I2L" "" _http._tcp.example.`, "NID 10 0014:4fff:ff20:ee64", `NINFO "info"`, "NS ns.example.",
		"NSAP-PTR foo.example.", "NSEC host.example. A MX RRSIG NSEC TYPE1234", "NSEC3 1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR MX DNSKEY",
		"NSEC3 1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A", "NSEC3PARAM 1 0 12 AABBCCDD", "OPENPGPKEY AQID", "PTR ptr.example.", "PX 10 map.example. x400.example.",
		`RESINFO "qnamemin" "exterr=15-17"`, "RP mbox.example. txt.example.", "RRSIG A 5 3 86400 20030322173103 20030220173103 2642 example. oJB1W6WNGv+ldvQ3WDG0MQ==",
		"RT 2 relay.example.", "SMIMEA 3 0 0 " + strings.Repeat("ab", 600), "SOA ns.example. admin.example. 2024010101 7200 3600 1209600 300",
		`SPF "v=spf1 -all"`, "SRV 10 60 5060 sip.example.", "SSHFP 2 1 123456789ABCDEF67890123456789ABCDEF67890", `SVCB 0 alias.example.`,
		`SVCB 16 foo.example. mandatory="alpn,ipv4hint" alpn="f\\\\oo\\,bar,h2" ipv4hint="192.0.2.1"`, "TA 1 2 3 ABCD", "TALINK a.example. b.example.",
		"TLSA 3 1 1 0123ab", `TXT "one" "two\"\\\000\255;"`, "UID 7", `UINFO "u"`, `URI 10 1 "ftp://ftp.example/public"`, "X25 311061700956",
		"ZONEMD 2018031500 1 1 " + strings.Repeat("ab", 48), "TYPE65280 \\# 3 010203", "EID abcd", "NIMLOC abcd", `ISDN "150862028003217" "004"`, "RKEY 256 3 5 AQPSKmyn",
	}
	for _, text := range texts {
		rr, err := mdns.NewRR("www.example. 300 IN " + text)
		if err != nil || rr == nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		msg := new(mdns.Msg)
		msg.SetQuestion("www.example.", rr.Header().Rrtype)
		msg.Response, msg.Compress = true, true
		msg.Answer = []mdns.RR{rr}
		wire, err := msg.Pack()
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var want mdns.Msg
		if err := want.Unpack(wire); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		m, v := decode(t, wire)
		if v != nil {
			t.Errorf("%s: violation %q", text, v.Reason)
		}
		if err := sameAs(m, &want); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// All EDNS options that miekg/dns knows.
func TestOptions(t *testing.T) {
	msg := new(mdns.Msg)
	msg.SetQuestion("example.", mdns.TypeA)
	opt := &mdns.OPT{Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeOPT}}
	opt.SetUDPSize(1232)
	opt.SetDo()
	opt.Option = []mdns.EDNS0{
		&mdns.EDNS0_NSID{Code: mdns.EDNS0NSID, Nsid: "6e7331"},
		&mdns.EDNS0_SUBNET{Code: mdns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)},
		&mdns.EDNS0_SUBNET{Code: mdns.EDNS0SUBNET, Family: 2, SourceNetmask: 56, SourceScope: 48, Address: net.ParseIP("2001:db8::")},
		&mdns.EDNS0_COOKIE{Code: mdns.EDNS0COOKIE, Cookie: "0102030405060708"},
		&mdns.EDNS0_EXPIRE{Code: mdns.EDNS0EXPIRE, Expire: 42},
		&mdns.EDNS0_TCP_KEEPALIVE{Code: mdns.EDNS0TCPKEEPALIVE, Timeout: 200},
		&mdns.EDNS0_UL{Code: mdns.EDNS0UL, Lease: 120},
		&mdns.EDNS0_LLQ{Code: mdns.EDNS0LLQ, Version: 1, Opcode: 1, Id: 9, LeaseLife: 10},
		&mdns.EDNS0_DAU{Code: mdns.EDNS0DAU, AlgCode: []uint8{8, 13, 200}},
		&mdns.EDNS0_DHU{Code: mdns.EDNS0DHU, AlgCode: []uint8{1, 2, 99}},
		&mdns.EDNS0_N3U{Code: mdns.EDNS0N3U, AlgCode: []uint8{1}},
		&mdns.EDNS0_PADDING{Padding: []byte{0, 0xab}},
		&mdns.EDNS0_EDE{InfoCode: 22, ExtraText: "no reachable authority"},
		&mdns.EDNS0_ESU{Code: mdns.EDNS0ESU, Uri: "sip:a@example"},
		&mdns.EDNS0_REPORTING{Code: mdns.EDNS0REPORTING, AgentDomain: "agent.example."},
		&mdns.EDNS0_ZONEVERSION{Code: mdns.EDNS0ZONEVERSION, LabelCount: 2, Version: "abcd"},
		&mdns.EDNS0_LOCAL{Code: 65001, Data: []byte{1, 2, 3}},
	}
	msg.Extra = []mdns.RR{opt}
	wire, err := msg.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var want mdns.Msg
	if err := want.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	m, v := decode(t, wire)
	if v != nil || m.EDNS == nil {
		t.Fatalf("violation %+v, EDNS %v", v, m.EDNS)
	}
	if err := sameAs(m, &want); err != nil {
		t.Error(err)
	}
	if o := m.EDNS.Options[1]; o.Name != "SUBNET" || o.Data != "192.0.2.0/24/0" {
		t.Errorf("subnet %+v", o)
	}
}

var _ decoders.Sink = (*discard)(nil)
