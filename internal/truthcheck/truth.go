package truthcheck

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/replay/truth"
)

// FromTruth are the messages of a truth, in the order of their sending.
func FromTruth(t *truth.Truth) []Message {
	var out []Message
	for i := range t.Messages {
		m := &t.Messages[i]
		x := Message{Kind: m.Kind, Client: m.Client, Server: m.Server, Proto: m.Transport, Sent: i, Lost: m.Lost || m.Receiver.End.IsZero()}
		x.FromClient = asks(m.Kind) || !answers(m.Kind) && fromClient(t, m)
		switch {
		case m.DNS != nil:
			dns(&x, m.DNS)
		case m.HTTP != nil:
			h := httpText{method: m.HTTP.Method, url: m.HTTP.URL, status: m.HTTP.Status, bytes: m.HTTP.BodyBytes,
				ordinal: m.HTTP.Ordinal, contentType: m.HTTP.ContentType, sha256: m.HTTP.SHA256, fields: m.HTTP.Fields, complete: true}
			h.fill(&x)
		case m.Line != nil:
			l := m.Line
			line(&x, words(l.Tag, l.Status, code(l.Code), strings.ToUpper(l.Verb), l.Args), l.Lines)
		case m.Object != nil:
			object(&x, fromClient(t, m), m.Object)
		case m.Wire != nil:
			wire(&x, fromClient(t, m), m.Wire)
		default: // a TLS hello
			from(&x, fromClient(t, m))
		}
		out = append(out, x)
	}
	return out
}

// asks and answers tell the direction of kinds that bear it in their name.
func asks(k truth.Kind) bool {
	return k == truth.DNSQuery || k == truth.HTTPRequest || strings.HasSuffix(string(k), ".command")
}

func answers(k truth.Kind) bool {
	return k == truth.DNSResponse || k == truth.HTTPResponse || strings.HasSuffix(string(k), ".reply") || k == truth.IMAPResponse
}

// fromClient reports whether the sender of m is its client.
func fromClient(t *truth.Truth, m *truth.Message) bool {
	has := func(name string, a netip.Addr) bool {
		return slices.ContainsFunc(t.Hosts, func(h truth.Host) bool { return h.Name == name && slices.Contains(h.Addrs, a) })
	}
	return has(m.Sender.Host, m.Client.Addr())
}

func code(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func number(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// dns is a DNS message: its kind says whether it is a query.
func dns(m *Message, d *truth.DNS) {
	var questions []string
	for _, q := range d.Question {
		questions = append(questions, words(strings.ToLower(q.Name), q.Class, q.Type))
	}
	answers := records(d.Answer)
	m.What = fmt.Sprintf("0x%04x %s", d.ID, strings.Join(questions, ", "))
	m.Brief = fmt.Sprintf("0x%04x", d.ID)
	for _, q := range d.Question {
		m.Brief += " " + q.Type + " " + strings.ToLower(q.Name)
	}
	if m.Kind == truth.DNSResponse {
		m.Brief += fmt.Sprintf(" %s, %d answers", d.Rcode, len(d.Answer))
		m.What += " " + d.Rcode
		if answers != "" {
			m.What += ": " + answers
		}
	}
	m.exact = fmt.Sprintf("%s %s %d", m.What, answers, d.Size)
	m.maybe = []string{strings.Join(d.Flags, " "), records(d.Authority), records(d.Additional)}
}

// records are resource records in words. Case and blanks do not matter.
func records(rs []truth.Record) string {
	var out []string
	for _, r := range rs {
		out = append(out, words(strings.ToLower(r.Name), strconv.FormatUint(uint64(r.TTL), 10), r.Class, r.Type, strings.Join(strings.Fields(r.Data), " ")))
	}
	return strings.Join(out, ", ")
}

// httpText is a request or a response in words.
type httpText struct {
	method, url         string
	status              int
	bytes               int64
	ordinal             int
	contentType, sha256 string
	fields              map[string]string // by lower-case name; a truth tells some
	complete            bool
}

func (h *httpText) fill(m *Message) {
	m.What = words(code(h.status), h.method, h.url)
	m.Brief = words(h.method, h.url)
	if h.status != 0 {
		m.Brief = words(code(h.status), h.url)
	}
	if h.bytes > 0 {
		m.What += fmt.Sprintf(", %d bytes", h.bytes)
	}
	m.exact = fmt.Sprintf("%d %s %s %d", h.status, h.method, h.url, h.bytes)
	if !h.complete {
		m.What += " (broken off)"
		m.exact += " broken off"
	}
	m.maybe = []string{code(h.ordinal), h.contentType, strings.ToLower(h.sha256)}
	m.fields = h.fields
}

// line is a command or a reply.
func line(m *Message, head string, lines []string) {
	var rest []string
	for _, l := range lines {
		rest = append(rest, strings.TrimSpace(l))
	}
	m.What = words(head, strings.Join(rest, " / "))
	m.exact = words(head, strings.Join(rest, "\x01"))
	m.Brief = m.What
	if m.Kind == truth.POP3Reply || m.Kind == truth.FTPReply {
		m.Brief = words(append([]string{head}, rest[:min(len(rest), 1)]...)...) // others look at the first line
	}
}

// object is a whole thing that was carried, or the encrypted bytes of one
// direction.
func object(m *Message, fromClient bool, o *truth.Object) {
	m.What = words(o.Name, strconv.FormatInt(o.Bytes, 10), "bytes")
	m.exact = strconv.FormatInt(o.Bytes, 10)
	if m.Kind == truth.Encrypted {
		m.exact, m.least, m.most = "", o.Bytes, o.Bytes
		if o.Read != nil {
			m.least = *o.Read
		}
	}
	var parts []string
	for _, p := range o.Parts {
		parts = append(parts, words(p.ContentType, p.Filename, p.Encoding, strconv.FormatInt(p.Bytes, 10), strings.ToLower(p.SHA256)))
	}
	if m.Kind == truth.MailMessage {
		m.Brief = strings.Trim(o.Name, "<>")
	}
	m.maybe = []string{o.Name, strings.ToLower(o.SHA256), strings.Join(parts, ", ")}
	from(m, fromClient)
}

// wire is a message of BitTorrent.
func wire(m *Message, fromClient bool, w *truth.Wire) {
	typ := w.Type
	if w.Type == "query" {
		typ = words(typ, w.Query)
	}
	m.What = words(typ, number(w.Piece), number(w.Begin), number(w.Length))
	if m.Kind == truth.BitTorrent {
		m.Brief = words(typ, number(w.Piece), number(w.Begin))
	}
	m.exact = strings.Join([]string{typ, number(w.Piece), number(w.Begin), number(w.Length)}, "\x01")
	var port, interval string
	if w.Port != 0 {
		port = strconv.Itoa(int(w.Port))
	}
	if w.Interval != 0 {
		interval = strconv.FormatInt(w.Interval, 10)
	}
	m.maybe = []string{
		strings.ToLower(w.InfoHash), w.PeerID, w.Reserved, w.Pieces, w.Extension, port, strings.Join(w.Peers, " "), strings.Join(w.Dropped, " "),
		w.Event, number64(w.Uploaded), number64(w.Downloaded), number64(w.Left), interval, number64(w.Seeders), number64(w.Leechers),
		w.Transaction, w.ConnectionID, w.ID, w.Target, strings.Join(w.Nodes, " "), strings.Join(w.Values, " "), w.Token,
	}
	from(m, fromClient)
}

func number64(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// from tells the direction, for kinds that do not tell it by themselves.
func from(m *Message, client bool) {
	arrow := "server>client"
	if client {
		arrow = "client>server"
	}
	m.exact += " " + arrow
	m.FromClient = client
	if m.Kind == truth.TLSHello {
		m.Brief = "hello of the " + strings.Split(arrow, ">")[0]
	}
	m.What = words(arrow, m.What)
}
