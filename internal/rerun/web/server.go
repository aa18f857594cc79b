package web

//lint:file-ignore SA1019 golang.org/x/net/http2 is the reference that is played

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// server answers at one place.
type server struct {
	place
	p            *Player
	certificates map[string]*tls.Certificate

	mu      sync.Mutex
	waiting map[question][]*Exchange // asked, in order
	last    map[question]*Exchange   // answered last
}

// question is what a server knows an exchange by.
type question struct {
	client               netip.Addr
	method, host, target string
}

func (x *Exchange) question() question {
	authority, target := x.aim(x.Version)
	return question{x.Client, x.Method, strings.ToLower(authority), target}
}

// expect tells the server that x comes. Where the same was asked and is still
// on its way, that is given: only its connection tells the two apart.
func (s *server) expect(x *Exchange) (before *Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := x.question()
	if xs := s.waiting[q]; len(xs) > 0 {
		before = xs[len(xs)-1]
	}
	s.waiting[q] = append(s.waiting[q], x)
	return before
}

// find is what a request from there is the beginning of. A client that lost its
// connection may ask the same again.
func (s *server) find(q question, from netip.AddrPort) *Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[question]*Exchange{}
	}
	xs := s.waiting[q]
	if len(xs) == 0 {
		return s.last[q]
	}
	at := 0
	s.p.with(func() { at = max(0, slices.IndexFunc(xs, func(x *Exchange) bool { return x.Told.Client == from })) })
	x := xs[at]
	s.waiting[q], s.last[q] = slices.Delete(xs, at, at+1), x
	close(x.found)
	return x
}

// start listens until the end.
func (s *server) start() error {
	if s.version == HTTP3 {
		return s.startQUIC()
	}
	l, err := s.p.Listen(s.at)
	if err != nil {
		return err
	}
	listener := s.p.server.Listener(l)
	if s.version == HTTP1 {
		srv := &http.Server{
			Handler: s, DisableGeneralOptionsHandler: true,
			ErrorLog: log.New(io.Discard, "", 0), // errors show at the client
		}
		if s.p.TLS {
			listener = tls.NewListener(listener, s.tls("http/1.1"))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = srv.Serve(listener) // ends by Close
		}()
		s.p.onEnd(func() {
			_ = srv.Close() // closing twice does no harm
			<-done
		})
		return nil
	}
	var wg sync.WaitGroup
	srv := new(http2.Server)
	base := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	serve := func(conn net.Conn) {
		defer conn.Close()
		if s.p.TLS {
			t := tls.Server(conn, s.tls("h2"))
			if t.Handshake() != nil {
				return // it shows at the client
			}
			conn = t
		}
		srv.ServeConn(conn, &http2.ServeConnOpts{BaseConfig: base, Handler: s})
	}
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	})
	s.p.onEnd(func() {
		_ = l.Close()
		s.p.hangUp() // those that were accepted meanwhile, too
		wg.Wait()
	})
	return nil
}

// tls is the configuration of a server that speaks one protocol.
func (s *server) tls(alpn string) *tls.Config {
	var first tls.Certificate
	for _, x := range s.p.exchanges {
		authority, _ := x.aim(x.Version)
		if c := s.certificates[serverName(authority, x.Server.Addr())]; c != nil && s.at == s.p.port(x) {
			first = *c
			break
		}
	}
	byName := func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := s.certificates[h.ServerName]; c != nil {
			return c, nil
		}
		if c := s.certificates[s.at.Addr().String()]; c != nil {
			return c, nil // a client that knows an address names none
		}
		return &first, nil
	}
	return &tls.Config{GetCertificate: byName, NextProtos: []string{alpn}, Time: s.p.now, MinVersion: tls.VersionTLS13}
}

func (s *server) startQUIC() error {
	pc, err := s.p.ListenPacket(s.at)
	if err != nil {
		return err
	}
	t := &quic.Transport{Conn: witness.NewPacketConn(pc, s.p.Now)}
	l, err := t.ListenEarly(http3.ConfigureTLSConfig(s.tls(http3.NextProtoH3)), s.p.quicConfig())
	if err != nil {
		return errors.Join(err, pc.Close())
	}
	srv := &http3.Server{Logger: slog.New(slog.DiscardHandler), Handler: s}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeListener(l) // ends by Close
	}()
	s.p.onEnd(func() {
		// First what ends connections whose last packet was lost, for the
		// server waits for them.
		_ = t.Close()
		_ = srv.Close()
		_ = l.Close()
		_ = pc.Close()
		<-done
	})
	return nil
}

// quicConfig is that of both ends. Probing for a larger MTU is off: probes that
// are lost on purpose would be lost packets of the capture.
func (p *Player) quicConfig() *quic.Config {
	return &quic.Config{InitialPacketSize: p.quicPayload(), HandshakeIdleTimeout: p.Limit, MaxIdleTimeout: p.Limit, DisablePathMTUDiscovery: true}
}

// ServeHTTP gives the answer of the exchange that r is of.
func (s *server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := s.p.now()
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	x := s.find(question{from.Addr(), r.Method, strings.ToLower(r.Host), r.RequestURI}, from)
	n, err := io.Copy(io.Discard, r.Body)
	if x == nil || err != nil {
		rw.WriteHeader(http.StatusNotFound) // the client misses its answer
		return
	}
	end := s.p.now()
	s.p.with(func() {
		x.Told.Got, x.Told.GotBytes = s.p.end(s.at.Addr(), start, end), n
	})
	if sleep(r.Context(), x.Ready) != nil {
		return
	}
	h, open := x.answer()
	for name, values := range h {
		rw.Header()[name] = values
	}
	start = s.p.now()
	s.said(x, truth.End{Host: s.p.Name(s.at.Addr()), Start: start, End: start})
	rw.WriteHeader(x.Status)
	flush, _ := rw.(http.Flusher)
	if open && flush != nil {
		flush.Flush()
	}
	if x.bodyAllowed() {
		if _, err := rw.Write(x.Body); err != nil {
			return // the client sees it missing
		}
	}
	if flush != nil && !open && len(x.Body) > 0 {
		flush.Flush()
	}
	s.said(x, truth.End{Host: s.p.Name(s.at.Addr()), Start: start, End: s.p.now()})
}

func (s *server) said(x *Exchange, e truth.End) { s.p.with(func() { x.Told.Said = e }) }
