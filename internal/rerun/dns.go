package rerun

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// dns packs a message again.
func (c *Conversation) dns(x *events.DNSMessage) (*Message, Reason) {
	b := packed(x)
	if b == nil {
		return nil, Unbuilt
	}
	kind := truth.DNSQuery
	if x.Response {
		kind = truth.DNSResponse
	}
	t := &truth.DNS{ID: x.ID, Rcode: x.Rcode, Size: len(b)}
	for _, q := range x.Question {
		t.Question = append(t.Question, truth.Question(q))
	}
	for i, set := range []bool{x.AA, x.TC, x.RD, x.RA, x.AD, x.CD} {
		if set {
			t.Flags = append(t.Flags, [...]string{"aa", "tc", "rd", "ra", "ad", "cd"}[i])
		}
	}
	records := func(rs []events.DNSRecord) (out []truth.Record) {
		for _, r := range rs {
			out = append(out, truth.Record(r))
		}
		return out
	}
	t.Answer, t.Authority, t.Additional = records(x.Answer), records(x.Authority), records(x.Additional)
	if c.Proto == "tcp" {
		b = append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
	k := *x
	k.Size, k.FirstFrame, k.EDNS = 0, 0, nil
	return &Message{Kind: kind, Bytes: b, key: fmt.Sprintf("%s %v %v", kind, k, x.EDNS), fill: truth.Message{DNS: t}}, ""
}

// packed is the message on the wire; nil where the library cannot make it.
func packed(x *events.DNSMessage) []byte {
	opcode, ok := dns.StringToOpcode[x.Opcode]
	rcode, known := dns.StringToRcode[x.Rcode]
	if !ok || !known {
		return nil
	}
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: x.ID, Response: x.Response, Opcode: opcode, Authoritative: x.AA, Truncated: x.TC,
		RecursionDesired: x.RD, RecursionAvailable: x.RA, AuthenticatedData: x.AD, CheckingDisabled: x.CD, Rcode: rcode}}
	for _, q := range x.Question {
		t, ok1 := number(q.Type, "TYPE", dns.StringToType)
		class, ok2 := number(q.Class, "CLASS", dns.StringToClass)
		if !ok1 || !ok2 {
			return nil
		}
		m.Question = append(m.Question, dns.Question{Name: q.Name, Qtype: t, Qclass: class})
	}
	for _, s := range []struct {
		from []events.DNSRecord
		to   *[]dns.RR
	}{{x.Answer, &m.Answer}, {x.Authority, &m.Ns}, {x.Additional, &m.Extra}} {
		for _, r := range s.from {
			rr, err := dns.NewRR(fmt.Sprintf("%s %d %s %s %s", r.Name, r.TTL, r.Class, r.Type, r.Data))
			if err != nil || rr == nil {
				return nil
			}
			*s.to = append(*s.to, rr)
		}
	}
	if x.EDNS != nil && !edns(m, x.EDNS) {
		return nil
	}
	for _, compress := range []bool{true, false} {
		m.Compress = compress
		if b, err := m.Pack(); err == nil && (len(b) == x.Size || !compress) {
			return b
		}
	}
	return nil
}

// edns adds the OPT record (RFC 6891); false where an option is not known.
func edns(m *dns.Msg, x *events.DNSEDNS) bool {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(x.UDPSize)
	opt.SetVersion(x.Version)
	if x.DO {
		opt.SetDo()
	}
	for _, o := range x.Options {
		if !slices.Contains([]uint16{dns.EDNS0COOKIE, dns.EDNS0NSID, dns.EDNS0PADDING}, o.Code) {
			return false
		}
		data, err := hex.DecodeString(strings.ToLower(o.Data))
		if err != nil {
			return false
		}
		opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: o.Code, Data: data})
	}
	m.Extra = append(m.Extra, opt)
	return true
}

// number reads the name of a type or class, or TYPEn and CLASSn (RFC 3597).
func number(s, prefix string, names map[string]uint16) (uint16, bool) {
	if n, ok := names[s]; ok {
		return n, true
	}
	var n uint16
	_, err := fmt.Sscanf(s, prefix+"%d", &n)
	return n, err == nil
}
