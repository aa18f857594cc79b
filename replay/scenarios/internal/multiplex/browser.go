package multiplex

//lint:file-ignore SA1019 golang.org/x/net/http2 is the reference that this scenario runs

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"

	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/replay/witness"
)

// Conn is the browser's end of a connection to an origin.
type Conn struct {
	ends
	net.Conn // TCP, or TLS over it; nil of QUIC
	o        *Origin
	trip     http.RoundTripper
	keys     *keyLog // nil in clear
	state    tls.ConnectionState
	socket   *witness.PacketConn // of QUIC
}

// Dial connects to an origin that serves HTTP/2, and shakes hands where that is
// under TLS. The caller closes the connection.
func (o *Origin) Dial(ctx context.Context) (*Conn, error) {
	conn, err := o.client.Dial(o.w.Browser.DialContext)(ctx, "tcp", o.Addr().String())
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: conn, o: o}
	// Nothing waits for ever when the context ends.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	o.w.onEnd(func() { stop() })
	if c.ends, err = endsOf(conn, false); err != nil {
		return nil, err
	}
	if o.sealing == overTLS {
		config := o.w.trusted.Clone()
		c.keys = o.w.newKeyLog()
		config.ServerName, config.NextProtos, config.KeyLogWriter = o.Name, []string{"h2"}, c.keys
		t := tls.Client(conn, config)
		if err := t.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		c.Conn, c.state = t, t.ConnectionState()
	}
	o.mu.Lock()
	o.conns = append(o.conns, c)
	o.mu.Unlock()
	return c, nil
}

// HTTP2 connects to the origin and makes golang.org/x/net/http2 its client.
func (o *Origin) HTTP2(ctx context.Context) (*Conn, error) {
	c, err := o.Dial(ctx)
	if err != nil {
		return nil, err
	}
	t := &http2.Transport{AllowHTTP: true, DisableCompression: true}
	if c.trip, err = t.NewClientConn(c.Conn); err != nil {
		c.Conn.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection as a browser does that has all it wants.
func (c *Conn) Close() error {
	switch t := c.trip.(type) {
	case *http2.ClientConn:
		return t.Close()
	case http3Conn:
		return t.end()
	}
	return c.Conn.Close()
}

// Fetch is one GET on the connection. wrote, where set, is called once when
// the request is written, or has failed.
func (c *Conn) Fetch(ctx context.Context, path string, wrote func()) (*Call, []byte, error) {
	call := c.o.w.Ask(c.o, c, http.MethodGet, c.o.URL(path))
	var once sync.Once
	said := func() {
		once.Do(func() {
			call.Sent()
			if wrote != nil {
				wrote()
			}
		})
	}
	defer said()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: said})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, call.url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "wiretale-replay")
	resp, err := c.trip.RoundTrip(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", call.url, err)
	}
	defer resp.Body.Close()
	call.Head(resp.StatusCode, resp.Header.Get("Content-Type"))
	var body []byte
	buf := make([]byte, 32<<10)
	for err == nil {
		var n int
		if n, err = resp.Body.Read(buf); n > 0 {
			call.Got(n)
			body = append(body, buf[:n]...)
		}
	}
	if err != io.EOF {
		return nil, nil, fmt.Errorf("%s: %w", call.url, err)
	}
	call.Done(body)
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s: %s", call.url, resp.Status)
	}
	return call, body, nil
}

// FetchAll asks for several paths at once, in their order.
func (c *Conn) FetchAll(ctx context.Context, paths ...string) ([]*Call, error) {
	calls, errs := make([]*Call, len(paths)), make([]error, len(paths))
	var wg sync.WaitGroup
	for i, p := range paths {
		written := make(chan struct{})
		wg.Go(func() { calls[i], _, errs[i] = c.Fetch(ctx, p, func() { close(written) }) })
		<-written // so that streams are numbered in this order
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return calls, nil
}
