package dnsnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// note is one message as one host handed it to a socket, or read it there.
type note struct {
	host       string
	transport  string // udp or tcp
	src, dst   netip.AddrPort
	wire       string // the message, without TCP's length
	start, end time.Time
	lost       bool // sent, and dropped by the network
}

// log is the account of all hosts.
type log struct {
	mu       sync.Mutex
	sent     []note
	received []note
}

func (l *log) send(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, n)
}

func (l *log) receive(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.received = append(l.received, n)
}

// settled reports whether all that was not dropped was read.
func (l *log) settled(drops []simnet.Drop) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range drops {
		markLost(l.sent, d)
	}
	n := 0
	for i := range l.sent {
		if !l.sent[i].lost {
			n++
		}
	}
	return n == len(l.received)
}

// messages joins what was sent with what was received. A message that the
// network did not drop must have been read by somebody.
func (l *log) messages(drops []simnet.Drop, ids map[connection]int) ([]truth.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.sent, func(a, b note) int { return a.start.Compare(b.start) })
	slices.SortStableFunc(l.received, func(a, b note) int { return a.start.Compare(b.start) })
	for i := range l.sent {
		l.sent[i].lost = false
	}
	for _, d := range drops {
		markLost(l.sent, d)
	}

	// Equal bytes between the same ends are the same message sent again: the
	// first that was sent is the first that was read.
	type key struct {
		transport string
		src, dst  netip.AddrPort
		wire      string
	}
	waiting := map[key][]*note{}
	for i := range l.received {
		n := &l.received[i]
		k := key{n.transport, n.src, n.dst, n.wire}
		waiting[k] = append(waiting[k], n)
	}
	var out []truth.Message
	for i := range l.sent {
		n := &l.sent[i]
		m, err := n.message(ids)
		if err != nil {
			return nil, err
		}
		k := key{n.transport, n.src, n.dst, n.wire}
		switch q := waiting[k]; {
		case n.lost:
			m.Lost = true
		case len(q) > 0:
			m.Receiver = truth.End{Host: q[0].host, Start: q[0].start, End: q[0].end}
			waiting[k] = q[1:]
		case n.transport == "tcp" && len(drops) > 0:
			m.Lost = true // TCP tried, until one side gave up
		default:
			return nil, fmt.Errorf("%s sent %s to %s at %s, and nobody read it", n.src, n.transport, n.dst, n.start)
		}
		out = append(out, m)
	}
	for i := range l.received {
		n := &l.received[i]
		if len(waiting[key{n.transport, n.src, n.dst, n.wire}]) > 0 {
			return nil, fmt.Errorf("%s read %s from %s at %s, and nobody sent it", n.dst, n.transport, n.src, n.start)
		}
	}
	return out, nil
}

// markLost finds the datagram that was in a dropped packet: a stack hands a
// datagram to the network within the write of its application. All fragments
// of a datagram are needed, and only the first one has its ports.
func markLost(sent []note, d simnet.Drop) {
	t := d.Time.Std()
	for i := range sent {
		n := &sent[i]
		if n.transport != "udp" || n.host != d.From || n.src.Addr() != d.Src || n.dst.Addr() != d.Dst ||
			t.Before(n.start) || t.After(n.end) {
			continue
		}
		if d.Proto == "" || d.Proto == "udp" && d.SrcPort == n.src.Port() && d.DstPort == n.dst.Port() {
			n.lost = true
			return
		}
	}
}

// message is the truth about n without its receiver.
func (n *note) message(ids map[connection]int) (truth.Message, error) {
	var msg mdns.Msg
	if err := msg.Unpack([]byte(n.wire)); err != nil {
		return truth.Message{}, fmt.Errorf("%s sent what is no DNS message: %w", n.host, err)
	}
	m := truth.Message{Kind: truth.DNSQuery, Transport: n.transport, Client: n.src, Server: n.dst,
		Sender: truth.End{Host: n.host, Start: n.start, End: n.end},
		DNS:    told(&msg, len(n.wire))}
	if msg.Response {
		m.Kind, m.Client, m.Server = truth.DNSResponse, n.dst, n.src
	}
	if n.transport == "tcp" {
		id, ok := ids[connection{m.Client, m.Server}]
		if !ok {
			return m, fmt.Errorf("a message from %s to %s belongs to no connection", n.src, n.dst)
		}
		m.Connection = &id
	}
	return m, nil
}

// told is a message of size bytes as its sender means it.
func told(m *mdns.Msg, size int) *truth.DNS {
	t := &truth.DNS{ID: m.Id, Rcode: mdns.RcodeToString[m.Rcode], Size: size}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"aa", m.Authoritative}, {"tc", m.Truncated}, {"rd", m.RecursionDesired},
		{"ra", m.RecursionAvailable}, {"ad", m.AuthenticatedData}, {"cd", m.CheckingDisabled},
	} {
		if f.set {
			t.Flags = append(t.Flags, f.name)
		}
	}
	for _, q := range m.Question {
		t.Question = append(t.Question, truth.Question{
			Name: q.Name, Type: mdns.TypeToString[q.Qtype], Class: mdns.ClassToString[q.Qclass]})
	}
	t.Answer, t.Authority, t.Additional = records(m.Answer), records(m.Ns), records(m.Extra)
	return t
}

// records are rrs without the OPT record, which is none.
func records(rrs []mdns.RR) []truth.Record {
	var out []truth.Record
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype == mdns.TypeOPT {
			continue
		}
		out = append(out, truth.Record{
			Name: h.Name, Type: mdns.TypeToString[h.Rrtype], Class: mdns.ClassToString[h.Class], TTL: h.Ttl,
			Data: strings.TrimPrefix(rr.String(), h.String())})
	}
	return out
}
