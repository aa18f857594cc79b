package sidebyside

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/replay/truth"
)

// ErrNoTshark says that tshark is not installed.
var ErrNoTshark = errors.New("tshark was not found: it comes with Wireshark (https://www.wireshark.org); on Debian and Ubuntu: apt install tshark")

// seen is one message as tshark shows it.
type seen struct {
	frame    uint64
	kind     truth.Kind
	from, to netip.AddrPort
	brief    string
	// loose: brief is the beginning only of what others say.
	loose bool
}

// row is one frame of tshark's: the values of each field.
type row map[string][]string

func (r row) first(field string) string {
	if v := r[field]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (r row) last(fields ...string) string {
	for _, f := range fields {
		if v := r[f]; len(v) > 0 {
			return v[len(v)-1]
		}
	}
	return ""
}

// table is how the messages of one protocol are read from tshark's fields.
type table struct {
	kinds  []truth.Kind
	fields []string
	read   func(r row, tell func(kind truth.Kind, brief string, loose bool))
}

// tables are those of all protocols of which tshark tells messages.
var tables = []table{
	{
		kinds:  []truth.Kind{truth.DNSQuery, truth.DNSResponse},
		fields: []string{"dns.id", "dns.flags.response", "dns.qry.name", "dns.qry.type", "dns.flags.rcode", "dns.count.answers"},
		read:   dnsMessages,
	},
	{
		kinds: []truth.Kind{truth.HTTPRequest, truth.HTTPResponse},
		fields: []string{"http.request.method", "http.request.full_uri", "http.response.code", "http.response_for.uri",
			"http2.headers.method", "http2.headers.scheme", "http2.headers.authority", "http2.headers.path", "http2.headers.status"},
		read: httpMessages,
	},
	{
		kinds:  []truth.Kind{truth.SMTPCommand, truth.SMTPReply},
		fields: []string{"smtp.req.command", "smtp.req.parameter", "smtp.response.code", "smtp.rsp.parameter", "smtp.response"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			commands(r["smtp.req.command"], r["smtp.req.parameter"], truth.SMTPCommand, tell)
			if c := r.first("smtp.response.code"); c != "" {
				brief := join(c, strings.Join(r["smtp.rsp.parameter"], " / "))
				if l := r.last("smtp.response"); len(l) > 3 && l[3] == '-' { // RFC 5321 section 4.2.1
					brief += more
				}
				tell(truth.SMTPReply, brief, false)
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.POP3Command, truth.POP3Reply},
		fields: []string{"pop.request.command", "pop.request.parameter", "pop.response.indicator", "pop.response.description"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			commands(r["pop.request.command"], r["pop.request.parameter"], truth.POP3Command, tell)
			if s := r.first("pop.response.indicator"); s != "" {
				tell(truth.POP3Reply, join(s, r.first("pop.response.description")), false)
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.IMAPCommand, truth.IMAPResponse},
		fields: []string{"imap.isrequest", "imap.line"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			kind := truth.IMAPResponse
			if slices.Contains([]string{"1", "True"}, r.first("imap.isrequest")) {
				kind = truth.IMAPCommand
			}
			for _, l := range r["imap.line"] {
				tell(kind, strings.TrimSuffix(strings.TrimSuffix(l, `\n`), `\r`), false)
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.FTPCommand, truth.FTPReply},
		fields: []string{"ftp.request.command", "ftp.request.arg", "ftp.response.code", "ftp.response.arg"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			commands(r["ftp.request.command"], r["ftp.request.arg"], truth.FTPCommand, tell)
			if c := r.first("ftp.response.code"); c != "" {
				tell(truth.FTPReply, join(c, r.first("ftp.response.arg")), false)
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.MailMessage},
		fields: []string{"imf.message_id"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			for _, id := range r["imf.message_id"] {
				tell(truth.MailMessage, strings.Trim(id, "<> "), false)
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.TLSHello},
		fields: []string{"tls.handshake.type"},
		read: func(r row, tell func(truth.Kind, string, bool)) {
			for _, t := range r["tls.handshake.type"] {
				switch t {
				case "1":
					tell(truth.TLSHello, "hello of the client", false)
				case "2":
					tell(truth.TLSHello, "hello of the server", false)
				}
			}
		},
	},
	{
		kinds:  []truth.Kind{truth.BitTorrent},
		fields: []string{"bittorrent.info_hash", "bittorrent.msg.type", "bittorrent.piece.index", "bittorrent.piece.begin"},
		read:   peerMessages,
	},
}

// typeNames are the DNS types that scenarios use (IANA, DNS parameters).
var typeNames = map[string]string{"1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT", "28": "AAAA",
	"33": "SRV", "43": "DS", "46": "RRSIG", "47": "NSEC", "48": "DNSKEY", "65": "HTTPS", "255": "ANY"}

// rcodeNames are those of RFC 1035 section 4.1.1.
var rcodeNames = map[string]string{"0": "NOERROR", "1": "FORMERR", "2": "SERVFAIL", "3": "NXDOMAIN", "4": "NOTIMP", "5": "REFUSED"}

func dnsMessages(r row, tell func(truth.Kind, string, bool)) {
	ids, responses := r["dns.id"], r["dns.flags.response"]
	rcodes := 0
	for i, id := range ids {
		at := func(field string) string {
			if v := r[field]; i < len(v) && len(v) == len(ids) {
				return v[i]
			}
			return ""
		}
		brief := id
		if name := strings.ToLower(at("dns.qry.name")); name != "" {
			if name == "<root>" {
				name = ""
			}
			typ := at("dns.qry.type")
			if n, ok := typeNames[typ]; ok {
				typ = n
			} else {
				typ = "TYPE" + typ
			}
			brief += " " + typ + " " + name + "."
		}
		if i >= len(responses) || responses[i] != "1" && responses[i] != "True" {
			tell(truth.DNSQuery, brief, false)
			continue
		}
		rcode := ""
		if v := r["dns.flags.rcode"]; rcodes < len(v) {
			rcode = rcodeNames[v[rcodes]]
		}
		rcodes++
		tell(truth.DNSResponse, brief+" "+rcode+", "+at("dns.count.answers")+" answers", false)
	}
}

func httpMessages(r row, tell func(truth.Kind, string, bool)) {
	methods, urls := r["http.request.method"], r["http.request.full_uri"]
	for i, m := range methods {
		if len(urls) == len(methods) {
			tell(truth.HTTPRequest, m+" "+urls[i], false)
		} else {
			tell(truth.HTTPRequest, m+" ", true)
		}
	}
	codes, of := r["http.response.code"], r["http.response_for.uri"]
	for i, c := range codes {
		if len(of) == len(codes) {
			tell(truth.HTTPResponse, c+" "+of[i], false)
		} else {
			tell(truth.HTTPResponse, c+" ", true)
		}
	}
	methods = r["http2.headers.method"]
	for i, m := range methods {
		scheme, host, path := r["http2.headers.scheme"], r["http2.headers.authority"], r["http2.headers.path"]
		if len(scheme) == len(methods) && len(host) == len(methods) && len(path) == len(methods) {
			tell(truth.HTTPRequest, m+" "+scheme[i]+"://"+host[i]+path[i], false)
		} else {
			tell(truth.HTTPRequest, m+" ", true)
		}
	}
	for _, c := range r["http2.headers.status"] {
		tell(truth.HTTPResponse, c+" ", true) // tshark does not name the request
	}
}

// commands pairs verbs with their arguments; where tshark shows fewer of these,
// it cannot be told whose they are.
func commands(verbs, args []string, kind truth.Kind, tell func(truth.Kind, string, bool)) {
	for i, v := range verbs {
		if len(args) == len(verbs) {
			tell(kind, join(strings.ToUpper(v), args[i]), false)
		} else {
			tell(kind, strings.ToUpper(v), len(verbs) > 1)
		}
	}
}

// wireNames are the messages of the peer wire (BEP 3, BEP 5, BEP 6, BEP 10).
var wireNames = map[string]string{"0": "choke", "1": "unchoke", "2": "interested", "3": "not_interested", "4": "have", "5": "bitfield",
	"6": "request", "7": "piece", "8": "cancel", "9": "port", "13": "suggest", "14": "have_all", "15": "have_none", "16": "reject",
	"17": "allowed_fast", "20": "extended"}

func peerMessages(r row, tell func(truth.Kind, string, bool)) {
	if len(r["bittorrent.info_hash"]) > 0 && len(r["bittorrent.msg.type"]) == 0 {
		tell(truth.BitTorrent, "handshake", false)
	}
	index, begin := r["bittorrent.piece.index"], r["bittorrent.piece.begin"]
	next := func(list *[]string) string {
		if len(*list) == 0 {
			return ""
		}
		n, err := strconv.ParseUint((*list)[0], 0, 64)
		*list = (*list)[1:]
		if err != nil {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	for _, t := range r["bittorrent.msg.type"] {
		name, ok := wireNames[t]
		if !ok {
			continue
		}
		switch name {
		case "have", "suggest", "allowed_fast":
			name = join(name, next(&index))
		case "request", "piece", "cancel", "reject":
			name = join(name, next(&index), next(&begin))
		}
		tell(truth.BitTorrent, name, false)
	}
}

func join(words ...string) string { return strings.Join(strings.Fields(strings.Join(words, " ")), " ") }

// more ends a reply of which the next packet has more lines: tshark shows the
// lines of each packet there.
const more = "\x00"

// whole puts the lines of replies together that came in several packets.
func whole(all []seen) []seen {
	type side struct{ from, to netip.AddrPort }
	open := map[side]int{}
	out := all[:0]
	for _, s := range all {
		k := side{s.from, s.to}
		text, unfinished := strings.CutSuffix(s.brief, more)
		s.brief = text
		at, ok := open[k]
		switch {
		case ok && s.kind == out[at].kind:
			_, line, _ := strings.Cut(text, " ")
			out[at].brief += " / " + line
			out[at].frame = s.frame
		default:
			at = len(out)
			out = append(out, s)
		}
		if unfinished {
			open[k] = at
		} else {
			delete(open, k)
		}
	}
	return out
}

// ends are the fields from which sender and receiver are read.
var ends = []string{"frame.number", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport"}

// between parts the values of one field: no text bears it, since tshark
// escapes control characters.
const between = "\x1f"

// theirs are the messages that tshark shows in file, of some kinds.
func theirs(ctx context.Context, file string, kinds map[truth.Kind]bool) ([]seen, error) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		return nil, ErrNoTshark
	}
	var used []table
	fields := slices.Clone(ends)
	for _, t := range tables {
		if slices.ContainsFunc(t.kinds, func(k truth.Kind) bool { return kinds[k] }) {
			used = append(used, t)
			fields = append(fields, t.fields...)
		}
	}
	args := []string{"-n", "-r", file, "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=" + between}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.CommandContext(ctx, tshark, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var all []seen
	lines := bufio.NewReaderSize(bytes.NewReader(out), 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if line == "" && err != nil {
			return whole(all), nil
		}
		r := row{}
		for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
			if v != "" && i < len(fields) {
				r[fields[i]] = strings.Split(v, between)
			}
		}
		s := seen{from: end(r.last("ip.src", "ipv6.src"), r.last("tcp.srcport", "udp.srcport")), to: end(r.last("ip.dst", "ipv6.dst"), r.last("tcp.dstport", "udp.dstport"))}
		s.frame, _ = strconv.ParseUint(r.first("frame.number"), 10, 64)
		for _, t := range used {
			t.read(r, func(kind truth.Kind, brief string, loose bool) {
				if kinds[kind] {
					m := s
					m.kind, m.brief, m.loose = kind, brief, loose
					if !loose {
						m.brief = strings.TrimSpace(brief)
					}
					all = append(all, m)
				}
			})
		}
	}
}

func end(addr, port string) netip.AddrPort {
	a, err := netip.ParseAddr(addr)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(n))
}
