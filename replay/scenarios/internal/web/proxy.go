package web

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/wiretale/wiretale/replay/scenarios/internal/web/cache"
)

// Proxy is a caching proxy (RFC 9110 section 7.6): one that clients are told
// of, which they ask for whole URLs, or one that stands for servers.
type Proxy struct {
	W     *World
	Name  string // in Via and Cache-Status
	Cache *cache.Cache
	// Upstream is where a request is to go; nil: where the client says.
	Upstream func(*http.Request) (*url.URL, bool)
}

// perHop are the fields that are for one connection only (RFC 9110 section
// 7.6.1).
var perHop = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (p *Proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	to, ok := p.upstream(r)
	if !ok {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(rw, "no server for this")
		return
	}
	req := r.Clone(r.Context())
	req.URL, req.Host, req.RequestURI = to, to.Host, ""
	for _, name := range perHop {
		req.Header.Del(name)
	}
	via := "1.1 " + p.Name
	req.Header.Add("Via", via)

	resp, d, err := p.Cache.Do(req)
	if err != nil {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.WriteHeader(http.StatusBadGateway)
		fmt.Fprintln(rw, "the server does not answer")
		return
	}
	defer resp.Body.Close()
	d.Host = p.Name
	p.W.Decide(d.CacheDecision)

	h := rw.Header()
	for name, v := range resp.Header {
		h[name] = v
	}
	for _, name := range perHop {
		h.Del(name)
	}
	h.Add("Via", via)
	h.Add("Cache-Status", status(p.Name, d))
	rw.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(rw, resp.Body) // the client sees it missing
}

func (p *Proxy) upstream(r *http.Request) (*url.URL, bool) {
	if p.Upstream != nil {
		return p.Upstream(r)
	}
	return r.URL, r.URL.IsAbs()
}

// status is the decision in the words of RFC 9211.
func status(name string, d cache.Decision) string {
	if d.Forward == "" {
		return name + "; hit"
	}
	s := fmt.Sprintf("%s; fwd=%s; fwd-status=%d", name, d.Forward, d.ForwardStatus)
	if d.Stored {
		s += "; stored"
	}
	return s
}

// Pool is a number of lanes of which each request takes a free one, the last
// used first.
type Pool struct {
	free chan struct{} // as many as lanes are idle
	lane chan []*Lane  // the idle ones, last used last
}

// NewPool makes one.
func NewPool(lanes ...*Lane) *Pool {
	p := &Pool{free: make(chan struct{}, len(lanes)), lane: make(chan []*Lane, 1)}
	for range lanes {
		p.free <- struct{}{}
	}
	p.lane <- lanes
	return p
}

// RoundTrip waits for a lane and keeps it until the response's body is closed.
func (p *Pool) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-p.free:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	idle := <-p.lane
	l := idle[len(idle)-1]
	p.lane <- idle[:len(idle)-1]
	back := func() {
		idle := <-p.lane
		p.lane <- append(idle[:len(idle):len(idle)], l)
		p.free <- struct{}{}
	}
	resp, err := l.RoundTrip(req)
	if err != nil {
		back()
		return nil, err
	}
	resp.Body = &laneBody{resp.Body, back}
	return resp, nil
}

// laneBody gives the lane back.
type laneBody struct {
	io.ReadCloser
	back func()
}

func (b *laneBody) Close() error {
	err := b.ReadCloser.Close()
	if b.back != nil {
		b.back()
		b.back = nil
	}
	return err
}
