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
		x := Message{Kind: m.Kind, Client: m.Client, Server: m.Server, Proto: m.Transport, Sent: i, Lost: m.Receiver.End.IsZero()}
		switch {
		case m.DNS != nil:
			d := dnsText{id: m.DNS.ID, size: m.DNS.Size, response: m.Kind == truth.DNSResponse, rcode: m.DNS.Rcode}
			for _, q := range m.DNS.Question {
				d.question(q.Name, q.Type, q.Class)
			}
			for _, r := range m.DNS.Answer {
				d.answer(r.Name, r.Type, r.Class, r.TTL, r.Data)
			}
			d.fill(&x)
		case m.HTTP != nil:
			h := httpText{method: m.HTTP.Method, url: m.HTTP.URL, status: m.HTTP.Status, bytes: m.HTTP.BodyBytes,
				ordinal: m.HTTP.Ordinal, contentType: m.HTTP.ContentType, sha256: m.HTTP.SHA256, complete: true}
			h.fill(&x)
		case m.Line != nil:
			l := m.Line
			line(&x, words(l.Tag, l.Status, code(l.Code), strings.ToUpper(l.Verb), l.Args), l.Lines)
		case m.Object != nil:
			object(&x, fromClient(t, m), m.Object.Name, m.Object.Bytes, m.Object.SHA256)
		case m.Wire != nil:
			w := m.Wire
			wire(&x, fromClient(t, m), w.Type, w.InfoHash, number(w.Piece), number(w.Begin), number(w.Length))
		default: // a TLS hello
			from(&x, fromClient(t, m))
		}
		out = append(out, x)
	}
	return out
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

// dnsText is a DNS message in words.
type dnsText struct {
	id        uint16
	size      int
	response  bool
	rcode     string
	questions []string
	answers   []string
}

func (d *dnsText) question(name, typ, class string) {
	d.questions = append(d.questions, words(strings.ToLower(name), class, typ))
}

func (d *dnsText) answer(name, typ, class string, ttl uint32, data string) {
	d.answers = append(d.answers, words(strings.ToLower(name), strconv.FormatUint(uint64(ttl), 10), class, typ, strings.Join(strings.Fields(data), " ")))
}

func (d *dnsText) fill(m *Message) {
	s := fmt.Sprintf("0x%04x %s", d.id, strings.Join(d.questions, ", "))
	if d.response {
		s += " " + d.rcode
		if len(d.answers) > 0 {
			s += ": " + strings.Join(d.answers, ", ")
		}
	}
	m.What = s
	m.exact = fmt.Sprintf("%s %d", s, d.size)
}

// httpText is a request or a response in words.
type httpText struct {
	method, url         string
	status              int
	bytes               int64
	ordinal             int
	contentType, sha256 string
	complete            bool
}

func (h *httpText) fill(m *Message) {
	m.What = words(code(h.status), h.method, h.url)
	if h.bytes > 0 {
		m.What += fmt.Sprintf(", %d bytes", h.bytes)
	}
	m.exact = fmt.Sprintf("%d %s %s %d", h.status, h.method, h.url, h.bytes)
	if !h.complete {
		m.What += " (broken off)"
		m.exact += " broken off"
	}
	m.maybe = []string{code(h.ordinal), h.contentType, strings.ToLower(h.sha256)}
}

// line is a command or a reply.
func line(m *Message, head string, lines []string) {
	var rest []string
	for _, l := range lines {
		rest = append(rest, strings.TrimSpace(l))
	}
	m.What = words(head, strings.Join(rest, " / "))
	m.exact = words(head, strings.Join(rest, "\x01"))
}

// object is a whole thing that was carried, or the encrypted bytes of one
// direction.
func object(m *Message, fromClient bool, name string, bytes int64, sha256 string) {
	m.What = words(name, strconv.FormatInt(bytes, 10), "bytes")
	m.exact = strconv.FormatInt(bytes, 10)
	m.maybe = []string{name, strings.ToLower(sha256)}
	from(m, fromClient)
}

// wire is a message of BitTorrent.
func wire(m *Message, fromClient bool, typ, infoHash, piece, begin, length string) {
	m.What = words(typ, piece, begin, length)
	m.exact = strings.Join([]string{typ, piece, begin, length}, "\x01")
	m.maybe = []string{strings.ToLower(infoHash)}
	from(m, fromClient)
}

// from tells the direction, for kinds that do not tell it by themselves.
func from(m *Message, client bool) {
	arrow := "server>client"
	if client {
		arrow = "client>server"
	}
	m.exact += " " + arrow
	m.What = words(arrow, m.What)
}
