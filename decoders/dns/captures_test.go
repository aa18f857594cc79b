package dns

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// captures are the shared captures, from the root of the repository.
const captures = "../../../shared/captures"

// tsharkFields are what is compared, in the order of the columns; the first
// four say which packet it is.
var tsharkFields = []string{
	"udp.payload", "frame.number", "udp.length", "_ws.malformed",
	"dns.id", "dns.flags.response", "dns.flags.opcode", "dns.flags.rcode",
	"dns.count.queries", "dns.count.answers", "dns.count.auth_rr", "dns.count.add_rr",
	"dns.qry.name", "dns.qry.type", "dns.resp.name", "dns.resp.type", "dns.resp.ttl",
	"dns.a", "dns.aaaa", "dns.cname",
}

// TestCaptures decodes every DNS, mDNS and LLMNR message over UDP in the
// shared captures, and compares it with miekg/dns (where that accepts it) and
// with tshark (where that does not call it malformed). By default one file in
// eight; all of them (minutes) with WIRETALE_ALL=1.
func TestCaptures(t *testing.T) {
	files := dnsCaptures(t)
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	if os.Getenv("WIRETALE_ALL") == "" {
		for i := range files {
			if i%8 == 0 {
				files[i/8] = files[i]
			}
		}
		files = files[:(len(files)+7)/8]
	}
	var packets, oracle, compared, values, differ int
	for _, f := range files {
		args := []string{"-n", "-r", filepath.Join(captures, f), "-Y", "(dns or mdns or llmnr) and udp", "-T", "fields", "-E", "aggregator=^"}
		for _, name := range tsharkFields {
			args = append(args, "-e", name)
		}
		out, _ := exec.Command("tshark", args...).Output() // broken files end with an error
		lines := bufio.NewScanner(strings.NewReader(string(out)))
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			cols := strings.Split(lines.Text(), "\t")
			if len(cols) != len(tsharkFields) || strings.Contains(cols[4], "^") {
				continue // several messages in a packet (tunnels, ICMP errors)
			}
			payloads := strings.Split(cols[0], "^")
			wire, err := hex.DecodeString(payloads[len(payloads)-1])
			if err != nil || len(wire) == 0 {
				continue
			}
			lengths := strings.Split(cols[2], "^")
			length, _ := strconv.Atoi(lengths[len(lengths)-1])
			missing := max(0, length-8-len(wire))
			where := fmt.Sprintf("%s frame %s", f, cols[1])
			packets++
			tape := decodertest.Run(t, Proto, decodertest.Packets(where, decodertest.Cut(decodertest.Client(string(wire)), missing)))
			ms := decodertest.Of[*events.DNSMessage](tape)
			if len(ms) != 1 {
				t.Logf("%s: %d messages (%v), tshark's id %s", where, len(ms), tape.Records, cols[4])
				differ++
				continue
			}
			m, broken := ms[0], violations(tape)
			if missing > 0 {
				continue
			}
			var want mdns.Msg
			if err := want.Unpack(wire); err == nil && broken == "" {
				oracle++
				if err := sameAs(m, &want); err != nil && m.ID != 0 { // multicast DNS: other classes
					t.Errorf("%s: %v", where, err)
				}
			} else if err == nil != (broken == "") {
				t.Logf("%s: we say %q, miekg/dns says %v, tshark %q", where, broken, err, cols[3])
			}
			if cols[3] != "" || broken != "" {
				if cols[3] == "" {
					t.Logf("%s: only we say %q", where, broken)
				}
				continue
			}
			compared++
			for i, got := range asTshark(m) {
				values++
				if inOrder(got) != inOrder(cols[4+i]) {
					differ++
					t.Logf("%s: %s: %q, tshark %q", where, tsharkFields[4+i], got, cols[4+i])
				}
			}
		}
	}
	t.Logf("%d files, %d packets, %d compared with miekg/dns, %d with tshark: %d values, %d differ", len(files), packets, oracle, compared, values, differ)
	if differ*200 > values {
		t.Errorf("%d of %d values differ from tshark's", differ, values)
	}
}

// dnsCaptures are the captures in which the catalogue counts such packets.
func dnsCaptures(t *testing.T) (files []string) {
	b, err := os.ReadFile(filepath.Join(captures, "catalogue.tsv"))
	if err != nil {
		t.Skipf("the shared captures are not here: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		cols := strings.Split(line, "\t")
		if len(cols) > 2 && slices.ContainsFunc(strings.Fields(cols[2]), func(s string) bool {
			return strings.HasPrefix(s, "dns:") || strings.HasPrefix(s, "mdns:") || strings.HasPrefix(s, "llmnr:")
		}) {
			files = append(files, cols[0])
		}
	}
	return files
}

// asTshark is m in tshark's words, in the order of tsharkFields from the
// fifth on.
func asTshark(m *events.DNSMessage) []string {
	number := func(names map[string]uint16, s, prefix string) string {
		if n, ok := names[s]; ok {
			return strconv.Itoa(int(n))
		}
		return strings.TrimPrefix(s, prefix)
	}
	name := func(s string) string { // tshark shows labels without escapes
		if s == "." {
			return "<Root>"
		}
		return strings.TrimSuffix(unescape(s), ".")
	}
	var qname, qtype, rname, rtype, rttl, a, aaaa, cname []string
	for _, q := range m.Question {
		qname, qtype = append(qname, name(q.Name)), append(qtype, number(mdns.StringToType, q.Type, "TYPE"))
	}
	opt := 0
	if m.EDNS != nil {
		opt = 1
	}
	records := slices.Concat(m.Answer, m.Authority, m.Additional)
	for _, r := range records {
		if r.Type != "SRV" { // the name is in dns.srv.* there
			rname = append(rname, name(r.Name))
		}
		rtype, rttl = append(rtype, number(mdns.StringToType, r.Type, "TYPE")), append(rttl, strconv.Itoa(int(r.TTL)))
		bitmap := 0 // the types in a bitmap are in dns.resp.type too
		switch r.Type {
		case "NSEC":
			bitmap = 1
		case "NSEC3":
			bitmap = 5
		}
		if parts := strings.Fields(strings.ReplaceAll(r.Data, `\ `, "_")); bitmap > 0 && bitmap < len(parts) {
			for _, p := range parts[bitmap:] {
				rtype = append(rtype, number(mdns.StringToType, p, "TYPE"))
			}
		}
		if r.Data == "" { // dynamic update
			continue
		}
		switch r.Type {
		case "A":
			a = append(a, r.Data)
		case "AAAA":
			aaaa = append(aaaa, r.Data)
		case "CNAME":
			cname = append(cname, name(r.Data))
		}
	}
	if opt > 0 { // its place is not told: see inOrder
		rname, rtype = append(rname, "<Root>"), append(rtype, "41")
	}
	counts := []string{strconv.Itoa(len(m.Question)), strconv.Itoa(len(m.Answer)), strconv.Itoa(len(m.Authority)), strconv.Itoa(len(m.Additional) + opt)}
	if m.Opcode == "UPDATE" { // they have other names there
		counts = []string{"", "", "", strconv.Itoa(len(m.Additional) + opt)}
	}
	join := func(s []string) string { return strings.Join(s, "^") }
	response, rcode := "0", ""
	if m.Response {
		response = "1"
		rcode = strconv.Itoa(mdns.StringToRcode[m.Rcode] & 15)
	}
	return []string{
		fmt.Sprintf("0x%04x", m.ID), response, strconv.Itoa(mdns.StringToOpcode[m.Opcode]), rcode,
		counts[0], counts[1], counts[2], counts[3],
		join(qname), join(qtype), join(rname), join(rtype), join(rttl), join(a), join(aaaa), join(cname),
	}
}

// inOrder is a list with its parts in alphabetical order.
func inOrder(list string) string {
	parts := strings.Split(list, "^")
	slices.Sort(parts)
	return strings.Join(parts, "^")
}

// unescape undoes RFC 1035 section 5.1.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			if n, err := strconv.Atoi(s[i+1 : min(i+4, len(s))]); err == nil && i+4 <= len(s) {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
