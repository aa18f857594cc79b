package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	dnsRate  = 1500 // look-ups a second
	dnsNames = 3000
)

// dnsTraffic is clients that look names up, each query from a port of its own
// as stub resolvers do: A, AAAA and others, with and without EDNS, aliases,
// names that do not exist, a few over TCP.
func dnsTraffic(ctx context.Context, w *world, span time.Duration, rate float64) error {
	if rate == 0 {
		rate = dnsRate
	}
	var servers, clients sync.WaitGroup
	var closers []io.Closer
	for _, s := range w.servers {
		for _, a := range s.Addrs() {
			at := netip.AddrPortFrom(a, 53).String()
			pc, err := s.ListenPacket("udp", at)
			if err != nil {
				return err
			}
			l, err := s.Listen("tcp", at)
			if err != nil {
				return err
			}
			closers = append(closers, pc, l)
			servers.Go(func() { answerUDP(pc) })
			servers.Go(func() { answerTCP(l) })
		}
	}
	errs := make(chan error, len(w.clients))
	for c := range w.clients {
		clients.Go(func() {
			errs <- lookUps(ctx, w, c, span, rate/float64(len(w.clients)))
		})
	}
	clients.Wait()
	for _, c := range closers {
		c.Close()
	}
	servers.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// lookUps sends queries at random moments, rate a second.
func lookUps(ctx context.Context, w *world, c int, span time.Duration, rate float64) error {
	rnd := rand.New(rand.NewPCG(w.seed, uint64(c)))
	popular := rand.NewZipf(rnd, 1.1, 4, dnsNames-1)
	end := time.Now().Add(span)
	next := time.Now()
	var pending sync.WaitGroup
	defer pending.Wait()
	errs := make(chan error, 1)
	for {
		next = next.Add(time.Duration(rnd.ExpFloat64() / rate * 1e9))
		if next.After(end) {
			break
		}
		time.Sleep(time.Until(next))
		q := question(rnd, int(popular.Uint64()))
		network := "udp"
		if rnd.IntN(100) == 0 {
			network = "tcp"
		}
		// Most ask the resolver that is near.
		s := min(int(math.Abs(rnd.NormFloat64())*1.5), len(w.servers)-1)
		at := netip.AddrPortFrom(w.address(c, s), 53).String()
		pending.Go(func() {
			if err := ask(ctx, w, c, network, at, q); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		})
	}
	pending.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

var words = strings.Fields("static api cdn mail img login video news shop maps data search music blog wiki cloud edge assets beta forum")

func hostName(i int) string {
	return fmt.Sprintf("%s%d.site-%d.example.", words[i%len(words)], i/len(words)%7, i%401)
}

// question makes a query message.
func question(rnd *rand.Rand, name int) []byte {
	q := dnsmessage.Question{Class: dnsmessage.ClassINET}
	host := hostName(name)
	switch n := rnd.IntN(100); {
	case n < 48:
		q.Type = dnsmessage.TypeA
	case n < 78:
		q.Type = dnsmessage.TypeAAAA
	case n < 84:
		q.Type = dnsmessage.Type(65) // HTTPS, RFC 9460
	case n < 88:
		q.Type = dnsmessage.TypeMX
	case n < 92:
		q.Type = dnsmessage.TypeTXT
	case n < 96:
		q.Type = dnsmessage.TypePTR
		host = fmt.Sprintf("%d.%d.20.10.in-addr.arpa.", name%256, name/256)
	default: // no such name
		q.Type = dnsmessage.TypeA
		host = "missing-" + host
	}
	q.Name = dnsmessage.MustNewName(host)
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: uint16(rnd.Uint32()), RecursionDesired: true})
	b.EnableCompression()
	_ = b.StartQuestions() // a builder errs when it is used out of order only
	_ = b.Question(q)
	if rnd.IntN(2) == 0 {
		_ = b.StartAdditionals()
		var h dnsmessage.ResourceHeader
		_ = h.SetEDNS0(1232, dnsmessage.RCodeSuccess, rnd.IntN(5) == 0)
		_ = b.OPTResource(h, dnsmessage.OPTResource{})
	}
	msg, err := b.Finish()
	if err != nil {
		panic(err) // our own bug
	}
	return msg
}

func ask(ctx context.Context, w *world, c int, network, at string, q []byte) error {
	conn, err := w.clients[c].DialContext(ctx, network, at)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	if network == "tcp" {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, buf[:2])
		if err == nil {
			_, err = io.ReadFull(conn, buf[:binary.BigEndian.Uint16(buf)])
		}
		return err
	}
	if _, err := conn.Write(q); err != nil {
		return err
	}
	_, err = conn.Read(buf)
	return err
}

func answerUDP(pc net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		if a := answer(buf[:n]); a != nil {
			_, _ = pc.WriteTo(a, from) // a client that hears nothing says so
		}
	}
}

func answerTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(conn, size[:]); err != nil {
					return
				}
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(conn, q); err != nil {
					return
				}
				a := answer(q)
				if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)); err != nil {
					return
				}
			}
		}()
	}
}

// answer makes the response to a query; what it says depends on the name only.
func answer(msg []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	edns := false
	if p.SkipAllQuestions() == nil && p.SkipAllAnswers() == nil && p.SkipAllAuthorities() == nil {
		_, err := p.AdditionalHeader()
		edns = err == nil
		if err != nil && !errors.Is(err, dnsmessage.ErrSectionDone) {
			return nil
		}
	}
	name := q.Name.String()
	var sum uint32 = 2166136261
	for i := range len(name) {
		sum = (sum ^ uint32(name[i])) * 16777619
	}

	h.Response, h.RecursionAvailable = true, true
	missing := strings.HasPrefix(name, "missing-")
	if missing {
		h.RCode = dnsmessage.RCodeNameError
	}
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	_ = b.StartQuestions()
	_ = b.Question(q)
	_ = b.StartAnswers()
	owner := q.Name
	head := func() dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 20 + sum%3600}
	}
	if !missing {
		if sum%3 == 0 && (q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeAAAA) {
			alias := dnsmessage.MustNewName(fmt.Sprintf("e%d.edge.example.", sum%9973))
			_ = b.CNAMEResource(head(), dnsmessage.CNAMEResource{CNAME: alias})
			owner = alias
		}
		switch q.Type {
		case dnsmessage.TypeA:
			for i := range 1 + sum%4 {
				_ = b.AResource(head(), dnsmessage.AResource{A: [4]byte{10, 20, byte(sum >> 8), byte(sum>>16 + i)}})
			}
		case dnsmessage.TypeAAAA:
			for i := range 1 + sum%2 {
				a := netip.MustParseAddr("fd00:20::").As16()
				binary.BigEndian.PutUint32(a[12:], sum+i)
				_ = b.AAAAResource(head(), dnsmessage.AAAAResource{AAAA: a})
			}
		case dnsmessage.TypeMX:
			for i := range 1 + sum%2 {
				_ = b.MXResource(head(), dnsmessage.MXResource{Pref: uint16(10 * (i + 1)), MX: dnsmessage.MustNewName(fmt.Sprintf("mx%d.%s", i, name))})
			}
		case dnsmessage.TypeTXT:
			_ = b.TXTResource(head(), dnsmessage.TXTResource{TXT: []string{fmt.Sprintf("v=spf1 ip4:10.20.%d.0/24 -all", sum%256)}})
		case dnsmessage.TypePTR:
			_ = b.PTRResource(head(), dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(hostName(int(sum % dnsNames)))})
		}
	}
	if missing || q.Type == 65 { // no data: who is responsible says so (RFC 2308)
		_ = b.StartAuthorities()
		zone := dnsmessage.MustNewName("example.")
		_ = b.SOAResource(dnsmessage.ResourceHeader{Name: zone, Class: dnsmessage.ClassINET, TTL: 300}, dnsmessage.SOAResource{
			NS: dnsmessage.MustNewName("ns1.example."), MBox: dnsmessage.MustNewName("hostmaster.example."),
			Serial: 2026010100, Refresh: 7200, Retry: 900, Expire: 1209600, MinTTL: 300})
	}
	if edns {
		_ = b.StartAdditionals()
		var rh dnsmessage.ResourceHeader
		_ = rh.SetEDNS0(1232, dnsmessage.RCodeSuccess, false)
		_ = b.OPTResource(rh, dnsmessage.OPTResource{})
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}
