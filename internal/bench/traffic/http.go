package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
)

const (
	visitRate = 40 // page visits a second

	smallestBody = 200    // bytes
	largestBody  = 10_000 // bytes
)

// httpTraffic is clients that visit sites of small objects: over persistent
// and non-persistent connections, one to six at a time; GET, HEAD and POST;
// found, moved, not changed and not found; plain, chunked and compressed.
func httpTraffic(ctx context.Context, w *world, span time.Duration, rate float64) error {
	if rate == 0 {
		rate = visitRate
	}
	var servers, clients sync.WaitGroup
	site := &site{world: w}
	var stops []*http.Server
	for _, s := range w.servers {
		for _, a := range s.Addrs() {
			l, err := s.Listen("tcp", netip.AddrPortFrom(a, 80).String())
			if err != nil {
				return err
			}
			srv := &http.Server{Handler: site, ErrorLog: log.New(io.Discard, "", 0)}
			stops = append(stops, srv)
			servers.Go(func() { _ = srv.Serve(l) }) // ends by Close
		}
	}
	errs := make([]error, len(w.clients))
	for c := range w.clients {
		clients.Go(func() { errs[c] = visits(ctx, w, c, span, rate/float64(len(w.clients))) })
	}
	clients.Wait()
	quiet := w.net.Quiet(ctx, 300*time.Millisecond)
	for _, s := range stops {
		s.Close()
	}
	servers.Wait()
	return errors.Join(append(errs, quiet)...)
}

func visits(ctx context.Context, w *world, c int, span time.Duration, rate float64) error {
	rnd := rand.New(rand.NewPCG(w.seed, uint64(c)))
	end := time.Now().Add(span)
	next := time.Now()
	var pending sync.WaitGroup
	errs := make(chan error, 1)
	for {
		next = next.Add(time.Duration(rnd.ExpFloat64() / rate * 1e9))
		if next.After(end) {
			break
		}
		time.Sleep(time.Until(next))
		seed := rnd.Uint64()
		pending.Go(func() {
			if err := visit(ctx, w, c, rand.New(rand.NewPCG(seed, 1))); err != nil {
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

// visit fetches some objects of one site and hangs up.
func visit(ctx context.Context, w *world, c int, rnd *rand.Rand) error {
	s := rnd.IntN(len(w.servers))
	at := netip.AddrPortFrom(w.address(c, s), 80).String()
	host := w.clients[c]
	parallel := 1 + rnd.IntN(6)
	transport := &http.Transport{
		DialContext:         dialTo(host, at),
		MaxConnsPerHost:     parallel,
		MaxIdleConnsPerHost: parallel,
		DisableKeepAlives:   rnd.IntN(3) == 0, // non-persistent
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}

	type get struct {
		method, url string
		headers     [][2]string
		body        []byte
	}
	var queue []get
	name := fmt.Sprintf("www%d.site-%d.example", rnd.IntN(5), s)
	for range 1 + rnd.IntN(16) {
		g := get{method: http.MethodGet, url: fmt.Sprintf("http://%s/%s/%d", name, words[rnd.IntN(len(words))], rnd.IntN(5000))}
		g.headers = append(g.headers,
			[2]string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) made-up/1.0 bench"},
			[2]string{"Accept", "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8"},
			[2]string{"Accept-Language", "en-GB,en;q=0.7"},
			[2]string{"Cookie", fmt.Sprintf("session=%016x", rnd.Uint64())})
		switch n := rnd.IntN(20); {
		case n == 0:
			g.method = http.MethodHead
		case n == 1:
			g.method = http.MethodPost
			g.body = make([]byte, 20+rnd.IntN(600))
			for i := range g.body {
				g.body[i] = "abcdefghijklmnopqrstuvwxyz=&0123"[rnd.IntN(32)]
			}
		case n < 5:
			g.headers = append(g.headers, [2]string{"If-None-Match", `"same"`})
		}
		queue = append(queue, g)
	}

	todo := make(chan get, len(queue))
	for _, g := range queue {
		todo <- g
	}
	close(todo)
	errs := make([]error, parallel)
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() {
			for g := range todo {
				req, err := http.NewRequestWithContext(ctx, g.method, g.url, bytes.NewReader(g.body))
				if err != nil {
					errs[i] = err
					return
				}
				for _, h := range g.headers {
					req.Header.Set(h[0], h[1])
				}
				resp, err := client.Do(req)
				if err != nil {
					errs[i] = err
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func dialTo(h *simnet.Host, at string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) { return h.DialContext(ctx, network, at) }
}

// site answers for all servers; what it says depends on the path only.
type site struct{ world *world }

func (s *site) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	n, _ := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	rnd := rand.New(rand.NewPCG(uint64(n), uint64(len(r.URL.Path))))
	h := rw.Header()
	h.Set("Date", s.world.net.Now().Std().Format(http.TimeFormat))
	h.Set("Server", "made-up/2.4")
	h.Set("Cache-Control", "max-age=600")
	h.Set("ETag", `"same"`)
	kinds := []string{"text/html; charset=utf-8", "text/css", "application/javascript", "application/json", "text/plain", "application/octet-stream"}
	h.Set("Content-Type", kinds[n%len(kinds)])
	switch {
	case r.Header.Get("If-None-Match") == `"same"` && r.Method == http.MethodGet:
		rw.WriteHeader(http.StatusNotModified)
		return
	case n%40 == 7:
		h.Set("Location", "http://"+r.Host+r.URL.Path+"1")
		rw.WriteHeader(http.StatusFound)
		return
	}
	// Sizes are spread evenly over their logarithm: many small, few large.
	size := int(smallestBody * math.Pow(largestBody/smallestBody, rnd.Float64()))
	body := make([]byte, size)
	for i := range body {
		body[i] = " etaoinshrdlucmfwypvbgkjqxz<>/\"=\n"[rnd.IntN(33)]
	}
	status := http.StatusOK
	if n%25 == 3 {
		status = http.StatusNotFound
	}
	if n%5 == 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(body) // into memory
		_ = z.Close()
		body = packed.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	if n%4 != 0 {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	rw.WriteHeader(status)
	for len(body) > 0 { // without a length, and flushed: chunks
		part := body
		if n%4 == 0 && len(part) > 2000 {
			part = part[:2000]
		}
		if _, err := rw.Write(part); err != nil {
			return
		}
		body = body[len(part):]
		if n%4 == 0 {
			rw.(http.Flusher).Flush()
		}
	}
}
