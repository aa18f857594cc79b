package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/witness"
)

// Lane is a way out of a host on which requests follow each other: net/http's
// client with one connection for each server at most. Several lanes are
// parallel connections. Which request takes which connection is thereby the
// caller's choice and no race.
type Lane struct {
	w *World
	t *http.Transport
}

// LaneOptions say how a lane's connections are used.
type LaneOptions struct {
	// Once: every request has a connection of its own (RFC 9112 section 9.6).
	Once bool
	// Proxy is "name:port" of a proxy; "" for none.
	Proxy string
}

// Lane makes one; it is closed by Settle, or before.
func (w *World) Lane(h *simnet.Host, o LaneOptions) *Lane {
	dial := w.dialer(h)
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		},
		DisableKeepAlives:   o.Once,
		DisableCompression:  true, // what is sent is what is received
		MaxConnsPerHost:     1,
		MaxIdleConnsPerHost: 1,
	}
	if o.Proxy != "" {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: o.Proxy})
	}
	l := &Lane{w: w, t: t}
	w.OnClose(l.Close)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes = append(w.lanes, l)
	return l
}

// Close hangs up.
func (l *Lane) Close() { l.t.CloseIdleConnections() }

// RoundTrip is one request and its response; both are noted. The response's
// body must be read to its end.
func (l *Lane) RoundTrip(req *http.Request) (*http.Response, error) {
	// Noted when the connection is given to this request, which is the order
	// of requests on it, and filled in when all is known.
	t := &transfer{method: req.Method, url: req.URL.String(), asked: tell(req.Header)}
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if conn, ok := i.Conn.(*witness.Conn); ok {
				l.w.ledger.addClient(conn, t)
			}
		},
	})
	resp, err := l.t.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	l.w.ledger.fill(func() {
		t.status, t.mediaType, t.answered = resp.StatusCode, resp.Header.Get("Content-Type"), tell(resp.Header)
	})
	resp.Body = &bodyReader{ReadCloser: resp.Body, l: l, t: t}
	return resp, nil
}

// bodyReader adds up what is read.
type bodyReader struct {
	io.ReadCloser
	l       *Lane
	t       *transfer
	content content
	once    sync.Once
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.content.add(p[:n])
	if err != nil {
		b.done()
	}
	return n, err
}

func (b *bodyReader) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

func (b *bodyReader) done() {
	b.once.Do(func() {
		b.l.w.ledger.fill(func() { b.t.bytes, b.t.sha256 = b.content.bytes, b.content.digest() })
	})
}
