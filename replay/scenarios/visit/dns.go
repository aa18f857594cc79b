package visit

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	ttl     = 300  // seconds
	udpSize = 1232 // the EDNS buffer size that resolvers agreed on in 2020
)

// zone is what the resolver knows.
var zone = map[string]netip.Addr{
	dns.Fqdn(siteName): siteAddr,
	dns.Fqdn(cdnName):  cdnAddr,
	dns.Fqdn(adsName):  adsAddr,
}

// resolver is the name server, and what both ends note of each question.
type resolver struct {
	host *simnet.Host

	mu    sync.Mutex
	heard map[uint16]*answered // by identifier
}

// answered is a question as the server saw it.
type answered struct {
	query, response truth.End
	dns             *truth.DNS
}

// startDNS makes the resolver's host and runs it until the end.
func (v *visit) startDNS(rtt time.Duration) error {
	r := &v.resolver
	r.heard = map[uint16]*answered{}
	var err error
	if r.host, err = v.Host("dns", "resolver of the browser", dnsAddr); err != nil {
		return err
	}
	way := simnet.Path{Delay: rtt / 2}
	if err := v.Net.Connect(v.Browser, r.host, way, way); err != nil {
		return err
	}
	pc, err := r.host.ListenPacket("udp", ":53")
	if err != nil {
		return err
	}
	up := make(chan struct{})
	srv := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(v.answer), NotifyStartedFunc: func() { close(up) }}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	select {
	case <-up:
	case err := <-done:
		return fmt.Errorf("dns server: %w", err)
	}
	v.OnEnd(func() {
		_ = srv.Shutdown() // fails only when it does not run
		<-done
	})
	return nil
}

// answer is the resolver.
func (v *visit) answer(w dns.ResponseWriter, q *dns.Msg) {
	received := v.Now()
	a := new(dns.Msg)
	a.SetReply(q)
	a.RecursionAvailable = true
	if q.IsEdns0() != nil {
		a.SetEdns0(udpSize, false)
	}
	if len(q.Question) != 1 || !zone[strings.ToLower(q.Question[0].Name)].IsValid() {
		a.Rcode = dns.RcodeNameError
	} else {
		h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: ttl}
		addr := v.Params.Addr(zone[strings.ToLower(h.Name)])
		switch h.Rrtype {
		case dns.TypeA:
			a.Answer = []dns.RR{&dns.A{Hdr: h, A: addr.AsSlice()}}
		case dns.TypeHTTPS: // RFC 9460 section 9
			a.Answer = []dns.RR{&dns.HTTPS{SVCB: dns.SVCB{Hdr: h, Priority: 1, Target: ".",
				Value: []dns.SVCBKeyValue{&dns.SVCBAlpn{Alpn: v.offered()}}}}}
		}
	}
	start := v.Now()
	if err := w.WriteMsg(a); err != nil {
		return // the client times out and says so
	}
	end := v.Now()
	r := &v.resolver
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard[q.Id] = &answered{
		query:    truth.End{Host: r.host.Name(), Start: received, End: received},
		response: truth.End{Host: r.host.Name(), Start: start, End: end},
		dns:      dnsTruth(a),
	}
}

// offered are the protocols that the origins' HTTPS records name.
func (v *visit) offered() []string {
	if v.version == h3 {
		return []string{"h3"}
	}
	return []string{"h2"}
}

// lookUp asks for a host's protocols and its address, both at once, as
// browsers do.
func (v *visit) lookUp(ctx context.Context, name string) (netip.Addr, error) {
	var wg sync.WaitGroup
	var answers [2]*dns.Msg
	var errs [2]error
	for i, t := range []uint16{dns.TypeHTTPS, dns.TypeA} {
		wg.Go(func() { answers[i], errs[i] = v.ask(ctx, name, t) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return netip.Addr{}, err
	}
	https, ok := answers[0].Answer[0].(*dns.HTTPS)
	a, ok2 := answers[1].Answer[0].(*dns.A)
	if !ok || !ok2 {
		return netip.Addr{}, errors.New("the answers are of other types")
	}
	for _, kv := range https.Value {
		if p, ok := kv.(*dns.SVCBAlpn); ok && slices.Contains(p.Alpn, v.offered()[0]) {
			addr, _ := netip.AddrFromSlice(a.A)
			return addr.Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s does not speak %s", name, v.offered()[0])
}

// ask is one question. Nothing is lost on this link, so there is nothing to
// try again.
func (v *visit) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	server := netip.AddrPortFrom(v.resolver.host.Addrs()[0], 53)
	conn, err := v.Browser.DialContext(ctx, "udp", server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, errors.New("a socket without an address")
	}

	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.SetEdns0(udpSize, false)
	q.Id = identifier(v.Params.Seed, name, qtype)
	co := &dns.Conn{Conn: conn, UDPSize: udpSize}
	start := v.Now()
	if err := co.WriteMsg(q); err != nil {
		return nil, err
	}
	sent := v.Now()
	a, err := co.ReadMsg()
	if err != nil {
		return nil, err
	}
	received := v.Now()
	if a.Id != q.Id || a.Rcode != dns.RcodeSuccess || len(a.Answer) != 1 {
		return nil, fmt.Errorf("unexpected answer:\n%s", a)
	}

	r := &v.resolver
	r.mu.Lock()
	h := r.heard[q.Id]
	for h == nil { // its note is written just behind the answer
		r.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		time.Sleep(time.Millisecond)
		r.mu.Lock()
		h = r.heard[q.Id]
	}
	r.mu.Unlock()
	ap := local.AddrPort()
	m := truth.Message{Transport: "udp", Client: netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), Server: server}
	query, response := m, m
	query.Kind, response.Kind = truth.DNSQuery, truth.DNSResponse
	query.DNS, response.DNS = dnsTruth(q), h.dns
	query.Sender, query.Receiver = truth.End{Host: v.Browser.Name(), Start: start, End: sent}, h.query
	response.Sender, response.Receiver = h.response, truth.End{Host: v.Browser.Name(), Start: received, End: received}
	v.Tell(query, response)
	return a, nil
}

// identifier is made up, but the same for the same seed and question.
func identifier(seed uint64, name string, qtype uint16) uint16 {
	h := fnv.New64a()
	fmt.Fprint(h, seed, name, qtype) // a hash takes all
	s := h.Sum64()
	return uint16(s>>48 ^ s>>16)
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
