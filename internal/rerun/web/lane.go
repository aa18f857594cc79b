package web

//lint:file-ignore SA1019 golang.org/x/net/http2 is the reference that is played

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/replay/witness"
)

// lane is the client's end of what exchanges share: one connection, or, of
// HTTP/1, several.
type lane struct {
	p        *Player
	server   *server
	client   netip.Addr
	name     string // in the server's certificate
	parallel int
	port     uint16

	last  *Exchange
	http1 *http.Transport

	mu    sync.Mutex
	left  int // exchanges to come
	conns []net.Conn
	trip  *trip
}

// trip is the one connection of HTTP/2 or 3.
type trip struct {
	ready chan struct{}
	http.RoundTripper
	local netip.AddrPort
	close func()
	err   error
}

func newLane(p *Player, x *Exchange, s *server, name string) *lane {
	l := &lane{p: p, server: s, client: x.Client, name: name, parallel: max(1, x.Parallel), port: x.Port}
	if x.Version == HTTP1 {
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx, "http/1.1") }
		l.http1 = &http.Transport{
			DialContext: dial, DialTLSContext: dial, MaxConnsPerHost: l.parallel, MaxIdleConnsPerHost: l.parallel,
			DisableCompression: true, // what is sent is what is received
		}
		p.onEnd(l.http1.CloseIdleConnections)
	}
	return l
}

// dial opens a TCP connection, with TLS over it where that is asked for.
func (l *lane) dial(ctx context.Context, alpn string) (net.Conn, error) {
	l.mu.Lock()
	port := l.port
	l.port = 0
	l.mu.Unlock()
	conn, err := l.p.client.Dial(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return l.p.Dial(ctx, l.client, port, l.server.at)
	})(ctx, "tcp", l.server.at.String())
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.conns = append(l.conns, conn)
	l.mu.Unlock()
	if !l.p.TLS {
		return conn, nil
	}
	t := tls.Client(conn, l.tls(alpn))
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return t, nil
}

func (l *lane) tls(alpn string) *tls.Config {
	return &tls.Config{ServerName: l.name, RootCAs: l.p.trusted, NextProtos: []string{alpn}, KeyLogWriter: l.p, Time: l.p.now, MinVersion: tls.VersionTLS13}
}

// roundTripper is what sends requests; the connection of HTTP/2 or 3 is opened
// by the first.
func (l *lane) roundTripper(ctx context.Context) (http.RoundTripper, netip.AddrPort, error) {
	if l.http1 != nil {
		return l.http1, netip.AddrPort{}, nil
	}
	l.mu.Lock()
	t, mine := l.trip, l.trip == nil
	if mine {
		t = &trip{ready: make(chan struct{})}
		l.trip = t
	}
	l.mu.Unlock()
	if mine {
		if l.server.version == HTTP2 {
			t.err = l.http2(ctx, t)
		} else {
			t.err = l.http3(ctx, t)
		}
		close(t.ready)
	}
	select {
	case <-t.ready:
		return t.RoundTripper, t.local, t.err
	case <-ctx.Done():
		return nil, netip.AddrPort{}, context.Cause(ctx)
	}
}

func (l *lane) http2(ctx context.Context, t *trip) error {
	conn, err := l.dial(ctx, "h2")
	if err != nil {
		return err
	}
	t.local = plain(conn.LocalAddr())
	c, err := (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	t.RoundTripper, t.close = c, func() { _ = c.Close() }
	l.p.onEnd(t.close)
	return nil
}

func (l *lane) http3(ctx context.Context, t *trip) error {
	pc, err := l.p.ListenPacket(netip.AddrPortFrom(l.client, 0))
	if err != nil {
		return err
	}
	socket := witness.NewPacketConn(pc, l.p.Now)
	q := &quic.Transport{Conn: socket}
	l.p.onEnd(func() {
		_ = q.Close()
		_ = pc.Close()
	})
	t.local = socket.Local()
	conn, err := q.Dial(ctx, net.UDPAddrFromAddrPort(l.server.at), l.tls(http3.NextProtoH3), l.p.quicConfig())
	if err != nil {
		return err
	}
	t.RoundTripper = (&http3.Transport{DisableCompression: true, Logger: slog.New(slog.DiscardHandler)}).NewClientConn(conn)
	t.close = func() { _ = conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") }
	return nil
}

// plain is the address of a connection.
func plain(a net.Addr) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// settle is how long a client waits beside the round trip before it closes, so
// that what the server has still to acknowledge is acknowledged.
const settle = 10 * time.Millisecond

// leave closes the lane behind its last exchange.
func (l *lane) leave(ctx context.Context) {
	l.mu.Lock()
	l.left--
	over, t := l.left == 0, l.trip
	conns := l.conns
	l.mu.Unlock()
	switch {
	case !over:
	case l.http1 != nil:
		l.http1.CloseIdleConnections()
		for _, c := range conns {
			_ = c.Close() // the server may have closed it before
		}
	case t != nil && t.close != nil:
		if sleep(ctx, l.p.RTT+settle) == nil {
			t.close()
		}
	}
}

// exchange is a request and its response. asked is called when the request's
// head is written, heard when that of the response is read.
func (l *lane) exchange(ctx context.Context, x *Exchange, asked, heard func()) error {
	trip, local, err := l.roundTripper(ctx)
	if err != nil {
		return err
	}
	if l.http1 == nil {
		l.p.with(func() { x.Told.Client, x.Told.Server = local, l.server.at })
	}
	start := func() {
		now := l.p.now()
		l.p.with(func() { x.Told.Asked = l.p.end(x.Client, now, now) })
	}
	start()
	req := x.request(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if l.http1 == nil {
				return
			}
			start() // only now there is a connection
			l.p.with(func() { x.Told.Client, x.Told.Server = plain(i.Conn.LocalAddr()), l.server.at })
		},
		WroteHeaders: asked,
		WroteRequest: func(httptrace.WroteRequestInfo) {
			now := l.p.now()
			l.p.with(func() { x.Told.Asked.End = now })
		},
	}), l.p.scheme(x.Version))
	if before := l.server.expect(x); before != nil && l.http1 == nil && before.lane == l {
		// On one connection the server knows equal requests by their order.
		if err := await(ctx, before.found, before.done); err != nil {
			return err
		}
	}
	resp, err := trip.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	first := l.p.now()
	heard()
	n, err := io.Copy(io.Discard, resp.Body)
	end := l.p.now()
	l.p.with(func() {
		x.Told.Heard = l.p.end(x.Client, first, end)
		x.Told.Status, x.Told.Bytes = resp.StatusCode, n
	})
	if err == nil && (n != int64(len(x.Body)) || resp.StatusCode != x.Status) {
		err = fmt.Errorf("%s: status %d and %d bytes came, not %d and %d", x.URL(l.p.scheme(x.Version)), resp.StatusCode, n, x.Status, len(x.Body))
	}
	return err
}

// request is x for its library. Its target goes as it was written.
func (x *Exchange) request(ctx context.Context, scheme string) *http.Request {
	authority, target := x.aim(x.Version)
	// net/http tells servers apart by the host of the URL, which is not sent.
	u := &url.URL{Scheme: scheme, Host: x.lane.server.at.String(), Opaque: target}
	req := (&http.Request{Method: x.Method, URL: u, Host: authority, Header: header(x.Version, x.Fields), ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = []string{""} // so that the library names itself not
	}
	if len(x.Content) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(x.Content))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.Content)), nil }
		req.ContentLength = int64(len(x.Content))
		if x.Chunked {
			req.ContentLength = -1
		}
	}
	return req
}
