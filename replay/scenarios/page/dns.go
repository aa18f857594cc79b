package page

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/truth"
)

const (
	ttl     = 300  // seconds
	udpSize = 1232 // the EDNS buffer size that resolvers agreed on in 2020
)

// lookup is what both ends of the DNS exchange note.
type lookup struct {
	mu              sync.Mutex
	query, response truth.Message
}

func (l *lookup) messages() []truth.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []truth.Message{l.query, l.response}
}

// serveDNS answers on the name server until stop.
func (v *visit) serveDNS() (stop func(), err error) {
	pc, err := v.dns.ListenPacket("udp", ":53")
	if err != nil {
		return nil, err
	}
	up := make(chan struct{})
	srv := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(v.answer), NotifyStartedFunc: func() { close(up) }}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	select {
	case <-up:
	case err := <-done:
		return nil, fmt.Errorf("dns server: %w", err)
	}
	return func() {
		_ = srv.Shutdown() // fails only when it does not run
		<-done
	}, nil
}

// answer is the name server: it knows one name.
func (v *visit) answer(w dns.ResponseWriter, q *dns.Msg) {
	received := v.net.Now().Std()
	a := new(dns.Msg)
	a.SetReply(q)
	a.Authoritative = true
	if opt := q.IsEdns0(); opt != nil {
		a.SetEdns0(udpSize, false)
	}
	if len(q.Question) == 1 && strings.EqualFold(q.Question[0].Name, dns.Fqdn(siteName)) {
		if q.Question[0].Qtype == dns.TypeA {
			a.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl},
				A:   v.web.Addrs()[0].AsSlice(),
			}}
		}
	} else {
		a.Rcode = dns.RcodeNameError
	}
	start := v.net.Now().Std()
	if err := w.WriteMsg(a); err != nil {
		return // the client times out and says so
	}
	end := v.net.Now().Std()

	l := &v.resolve
	l.mu.Lock()
	defer l.mu.Unlock()
	l.query.Receiver = truth.End{Host: v.dns.Name(), Start: received, End: received}
	l.response.Sender = truth.End{Host: v.dns.Name(), Start: start, End: end}
	l.response.DNS = dnsTruth(a)
}

// lookUp is the client's stub resolver.
func (v *visit) lookUp(ctx context.Context) (netip.Addr, error) {
	server := netip.AddrPortFrom(v.dns.Addrs()[0], 53)
	conn, err := v.client.DialContext(ctx, "udp", server.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	// The network loses nothing, so there is nothing to try again.
	if err := conn.SetDeadline(time.Now().Add(5*time.Second + v.p.RTT)); err != nil {
		return netip.Addr{}, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()

	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(siteName), dns.TypeA)
	q.SetEdns0(udpSize, false)
	q.Id = uint16(v.p.Seed*0x9e3779b97f4a7c15>>48) ^ 0x5eed // made up, but the same for the same seed

	co := &dns.Conn{Conn: conn, UDPSize: udpSize}
	start := v.net.Now().Std()
	if err := co.WriteMsg(q); err != nil {
		return netip.Addr{}, err
	}
	sent := v.net.Now().Std()
	a, err := co.ReadMsg()
	if err != nil {
		return netip.Addr{}, err
	}
	received := v.net.Now().Std()

	client := localAddrPort(conn)
	l := &v.resolve
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range []*truth.Message{&l.query, &l.response} {
		m.Transport, m.Client, m.Server = "udp", client, server
	}
	l.query.Kind, l.response.Kind = truth.DNSQuery, truth.DNSResponse
	l.query.DNS = dnsTruth(q)
	l.query.Sender = truth.End{Host: v.client.Name(), Start: start, End: sent}
	l.response.Receiver = truth.End{Host: v.client.Name(), Start: received, End: received}

	if a.Id != q.Id || a.Rcode != dns.RcodeSuccess || len(a.Answer) != 1 {
		return netip.Addr{}, fmt.Errorf("unexpected answer:\n%s", a)
	}
	rr, ok := a.Answer[0].(*dns.A)
	if !ok {
		return netip.Addr{}, errors.New("the answer is no address")
	}
	addr, _ := netip.AddrFromSlice(rr.A)
	return addr.Unmap(), nil
}

// dnsTruth is m as its sender means it.
func dnsTruth(m *dns.Msg) *truth.DNS {
	t := &truth.DNS{ID: m.Id, Rcode: dns.RcodeToString[m.Rcode], Size: m.Len()}
	for _, q := range m.Question {
		t.Question = append(t.Question, truth.Question{
			Name: q.Name, Type: dns.TypeToString[q.Qtype], Class: dns.ClassToString[q.Qclass]})
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		t.Answer = append(t.Answer, truth.Record{
			Name: h.Name, Type: dns.TypeToString[h.Rrtype], Class: dns.ClassToString[h.Class], TTL: h.Ttl,
			Data: strings.TrimPrefix(rr.String(), h.String())})
	}
	return t
}
