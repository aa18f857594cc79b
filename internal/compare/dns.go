package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/events"
)

// dns is DNS with multicast DNS and LLMNR, which Wireshark shows in the same
// fields.
var dns = protocol{
	name:      "dns",
	kinds:     []events.Kind{events.KindDNSMessage},
	questions: []analyzers.Question{dnstransaction.Question},
	reader:    func() reader { return dnsReader{} },
	decoded:   true,
	outside:   quoted,
	fields: []field{
		{name: "dns.id", of: header(func(m *events.DNSMessage) string { return fmt.Sprintf("0x%04x", m.ID) })},
		{name: "dns.flags.response", of: header(func(m *events.DNSMessage) string { return bit(m.Response) })},
		{name: "dns.flags.opcode", of: header(func(m *events.DNSMessage) string { return index(opcodes, m.Opcode, "OPCODE") })},
		{name: "dns.flags.authoritative", of: flag(false, true, func(m *events.DNSMessage) bool { return m.AA })},
		{name: "dns.flags.conflict", of: flag(true, false, func(m *events.DNSMessage) bool { return m.AA })},
		{name: "dns.flags.truncated", of: header(func(m *events.DNSMessage) string { return bit(m.TC) })},
		{name: "dns.flags.recdesired", of: flag(false, false, func(m *events.DNSMessage) bool { return m.RD })},
		{name: "dns.flags.tentative", of: flag(true, false, func(m *events.DNSMessage) bool { return m.RD })},
		{name: "dns.flags.recavail", of: flag(false, true, func(m *events.DNSMessage) bool { return m.RA })},
		{name: "dns.flags.rcode", of: response(func(m *events.DNSMessage) string { return rcode(m.Rcode, 15, 0) })},
		{name: "dns.count.queries", told: true, of: sectionLen(false, func(m *events.DNSMessage) int { return len(m.Question) })},
		{name: "dns.count.zones", told: true, of: sectionLen(true, func(m *events.DNSMessage) int { return len(m.Question) })},
		{name: "dns.count.answers", told: true, of: sectionLen(false, func(m *events.DNSMessage) int { return len(m.Answer) })},
		{name: "dns.count.prerequisites", told: true, of: sectionLen(true, func(m *events.DNSMessage) int { return len(m.Answer) })},
		{name: "dns.count.auth_rr", told: true, of: sectionLen(false, func(m *events.DNSMessage) int { return len(m.Authority) })},
		{name: "dns.count.updates", told: true, of: sectionLen(true, func(m *events.DNSMessage) int { return len(m.Authority) })},
		{name: "dns.count.add_rr", told: true, of: whole(func(m *events.DNSMessage) string {
			n := len(m.Additional)
			if m.EDNS != nil {
				n++ // the OPT record is one of them
			}
			return strconv.Itoa(n)
		})},
		{name: "dns.qry.name", of: questions(func(q *events.DNSQuestion) string { return shownName(q.Name) })},
		{name: "dns.qry.type", of: questions(func(q *events.DNSQuestion) string { return typeNumber(q.Type) })},
		{name: "dns.qry.class", of: questions(func(q *events.DNSQuestion) string { return classNumber(q.Class) })},
		{name: "dns.resp.name", of: records("", func(r *events.DNSRecord, add func(string)) {
			if r.Type != "SRV" { // its name is in dns.srv.*
				add(shownName(r.Name))
			}
		}, "<Root>")},
		{name: "dns.resp.type", of: records("", func(r *events.DNSRecord, add func(string)) {
			add(typeNumber(r.Type))
			bitmap(r, add) // the types of a bitmap are in this field too
		}, "41")},
		{name: "dns.resp.class", of: records("", func(r *events.DNSRecord, add func(string)) { add(classNumber(r.Class)) })},
		{name: "dns.resp.ttl", of: records("", func(r *events.DNSRecord, add func(string)) { add(strconv.FormatUint(uint64(r.TTL), 10)) })},
		{name: "dns.a", of: records("A", word(0))},
		{name: "dns.aaaa", of: records("AAAA", word(0))},
		{name: "dns.cname", of: records("CNAME", nameAt(0))},
		{name: "dns.dname", of: records("DNAME", nameAt(0))},
		{name: "dns.ns", of: records("NS", nameAt(0))},
		{name: "dns.ptr.domain_name", of: records("PTR", nameAt(0))},
		{name: "dns.mx.preference", of: records("MX", word(0))},
		{name: "dns.mx.mail_exchange", of: records("MX", nameAt(1))},
		{name: "dns.txt", of: records("TXT", func(r *events.DNSRecord, add func(string)) {
			for _, s := range characterStrings(r.Data) {
				add(s)
			}
		})},
		{name: "dns.srv.service", of: records("SRV", func(r *events.DNSRecord, add func(string)) { srvName(r.Name, 0, add) })},
		{name: "dns.srv.proto", of: records("SRV", func(r *events.DNSRecord, add func(string)) { srvName(r.Name, 1, add) })},
		{name: "dns.srv.name", of: records("SRV", func(r *events.DNSRecord, add func(string)) { srvName(r.Name, 2, add) })},
		{name: "dns.srv.priority", of: records("SRV", word(0))},
		{name: "dns.srv.weight", of: records("SRV", word(1))},
		{name: "dns.srv.port", of: records("SRV", word(2))},
		{name: "dns.srv.target", of: records("SRV", nameAt(3))},
		{name: "dns.soa.mname", of: records("SOA", nameAt(0))},
		{name: "dns.soa.rname", of: records("SOA", nameAt(1))},
		{name: "dns.soa.serial_number", of: records("SOA", word(2))},
		{name: "dns.soa.refresh_interval", of: records("SOA", word(3))},
		{name: "dns.soa.retry_interval", of: records("SOA", word(4))},
		{name: "dns.soa.expire_limit", of: records("SOA", word(5))},
		{name: "dns.soa.minimum_ttl", of: records("SOA", word(6))},
		{name: "dns.rr.udp_payload_size", wire: decimal, of: edns(func(m *events.DNSMessage) string { return strconv.Itoa(int(m.EDNS.UDPSize)) })},
		{name: "dns.resp.ext_rcode", of: edns(func(m *events.DNSMessage) string { return "0x" + rcode(m.Rcode, 0xff0, 4) })},
		{name: "dns.resp.edns0_version", of: edns(func(m *events.DNSMessage) string { return strconv.Itoa(int(m.EDNS.Version)) })},
		{name: "dns.resp.z.do", of: edns(func(m *events.DNSMessage) string { return bit(m.EDNS.DO) })},
		{name: "dns.opt.code", of: func(m *message, add func(string)) {
			if d := dnsOf(m); d != nil && d.EDNS != nil {
				for i := range d.EDNS.Options {
					add(strconv.Itoa(int(d.EDNS.Options[i].Code)))
				}
			}
		}},
		{name: "dns.time", near: true, of: func(m *message, add func(string)) {
			if d, ok := m.row.(events.Duration); ok {
				add(seconds(d))
			}
		}},
	},
}

// decimal is a number that tshark shows in hexadecimal in multicast DNS.
func decimal(s string) string {
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return s
}

// aside: a query to many has no one answer; Wireshark pairs such messages
// by chance, where both lie on one flow.
func (dnsReader) aside(d *Difference, its *theirs) string {
	if path := its.frames[d.Frame].path; d.Field == "dns.time" && (strings.HasSuffix(path, ":mdns") || strings.HasSuffix(path, ":llmnr")) {
		return "dns.time of multicast DNS and LLMNR"
	}
	return ""
}

// dnsReader tells messages where they end, and answers with their latency.
type dnsReader struct{ plain }

func (dnsReader) row(r *analyzers.Row, tell func(message)) {
	v, ok := r.Value.(*dnstransaction.Transaction)
	if !ok || v.Protocol != "dns" {
		return
	}
	if v.Latency != nil {
		tell(message{frame: v.ResponseFrame, row: *v.Latency})
	}
	for i := range v.SecondAnswers {
		if s := &v.SecondAnswers[i]; s.Latency != 0 {
			tell(message{frame: s.Frame, row: s.Latency})
		}
	}
}

// quoted leaves out what an ICMP error quotes: that message was not sent
// again.
func quoted(path []string) string {
	if slices.Contains(path, "icmp") || slices.Contains(path, "icmpv6") {
		return "quoted in an ICMP error"
	}
	return ""
}

func dnsOf(m *message) *events.DNSMessage {
	if m.event == nil {
		return nil
	}
	d, _ := m.event.Body.(*events.DNSMessage)
	return d
}

// header is a field that stands once in each message.
func header(f func(*events.DNSMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil {
			add(f(d))
		}
	}
}

// response is a field of responses.
func response(f func(*events.DNSMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil && d.Response {
			add(f(d))
		}
	}
}

// edns is a field of the OPT record.
func edns(f func(*events.DNSMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil && d.EDNS != nil {
			add(f(d))
		}
	}
}

// flag is a bit of the header that has another name in LLMNR (RFC 4795
// section 2.1.1); responses: Wireshark shows it there only.
func flag(llmnr, responses bool, f func(*events.DNSMessage) bool) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		d := dnsOf(m)
		if d != nil && (m.event.Flow.ClientPort == 5355 || m.event.Flow.ServerPort == 5355) == llmnr && (d.Response || !responses) {
			add(bit(f(d)))
		}
	}
}

// whole is a field that stands once in each message, and is told of messages
// that were captured to their end.
func whole(f func(*events.DNSMessage) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil && !m.event.Truncated {
			add(f(d))
		}
	}
}

// sectionLen is the length of a section, which has another name in an UPDATE (RFC
// 2136 section 2.2).
func sectionLen(update bool, f func(*events.DNSMessage) int) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil && !m.event.Truncated && (d.Opcode == "UPDATE") == update {
			add(strconv.Itoa(f(d)))
		}
	}
}

func questions(f func(*events.DNSQuestion) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if d := dnsOf(m); d != nil {
			for i := range d.Question {
				add(f(&d.Question[i]))
			}
		}
	}
}

// records is a field of the records of a type ("": of all) that have RDATA
// (all: that have none, too). opt is its value in the OPT record.
func records(typ string, f func(*events.DNSRecord, func(string)), opt ...string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		d := dnsOf(m)
		if d == nil {
			return
		}
		for _, section := range [][]events.DNSRecord{d.Answer, d.Authority, d.Additional} {
			for i := range section {
				if r := &section[i]; typ == "" || r.Type == typ && r.Data != "" && !strings.HasPrefix(r.Data, `\#`) {
					f(r, add)
				}
			}
		}
		if d.EDNS != nil {
			for _, v := range opt {
				add(v)
			}
		}
	}
}

// word is the n-th part of the data.
func word(n int) func(*events.DNSRecord, func(string)) {
	return func(r *events.DNSRecord, add func(string)) {
		if w := words(r.Data); n < len(w) {
			add(w[n])
		}
	}
}

// nameAt is the n-th part of the data, a name.
func nameAt(n int) func(*events.DNSRecord, func(string)) {
	return func(r *events.DNSRecord, add func(string)) { word(n)(r, func(s string) { add(shownName(s)) }) }
}

// bitmap adds the types of a bitmap (RFC 4034 section 4.1.2, RFC 5155
// section 3.2).
func bitmap(r *events.DNSRecord, add func(string)) {
	first := 0
	switch r.Type {
	case "NSEC":
		first = 1
	case "NSEC3":
		first = 5
	default:
		return
	}
	if strings.HasPrefix(r.Data, `\#`) {
		return
	}
	if w := words(r.Data); first < len(w) {
		for _, t := range w[first:] {
			add(typeNumber(t))
		}
	}
}

// srvName is the part of the owner of an SRV record that Wireshark shows as
// service (0), protocol (1) and name (2, all the rest).
func srvName(name string, part int, add func(string)) {
	parts := strings.SplitN(shownName(name), ".", 3)
	if part < len(parts) {
		add(parts[part])
	}
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func seconds(d events.Duration) string { return strconv.FormatFloat(d.Std().Seconds(), 'f', 9, 64) }
