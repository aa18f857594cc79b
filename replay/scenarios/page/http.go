package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"sync"

	"golang.org/x/net/html"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// transfer is one request and its response, as one end saw them.
type transfer struct {
	method, url string
	status      int
	mediaType   string
	bytes       int64
	sha256      string // hex; empty when there was no body
}

// fetches holds the transfers of each connection, in order, told by each end.
type fetches struct {
	mu     sync.Mutex
	client map[*witness.Conn][]*transfer
	server map[*witness.Conn][]*transfer
}

func (f *fetches) add(ends *map[*witness.Conn][]*transfer, c *witness.Conn, t *transfer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *ends == nil {
		*ends = map[*witness.Conn][]*transfer{}
	}
	(*ends)[c] = append((*ends)[c], t)
}

type connKey struct{}

// serveWeb runs the web server until stop.
func (v *visit) serveWeb() (stop func(), err error) {
	l, err := v.web.Listen("tcp", ":80")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{
		Handler:     http.HandlerFunc(v.serve),
		ErrorLog:    log.New(io.Discard, "", 0), // errors show at the client
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(v.site.Listener(l)) }()
	return func() {
		_ = srv.Close() // closing twice does no harm
		<-done
	}, nil
}

func (v *visit) serve(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	c, ok := v.pages.byPath[r.URL.Path]
	if !ok {
		status, c = http.StatusNotFound, content{mediaType: "text/plain", body: []byte("not found\n")}
	}
	if conn, ok := r.Context().Value(connKey{}).(*witness.Conn); ok {
		v.fetched.add(&v.fetched.server, conn, &transfer{
			method: r.Method, url: "http://" + r.Host + r.URL.RequestURI(), status: status,
			mediaType: c.mediaType, bytes: int64(len(c.body)), sha256: digest(c.body),
		})
	}
	h := w.Header()
	// The network's date: no file carries the one of this machine.
	h.Set("Date", v.net.Now().Std().Format(http.TimeFormat))
	h.Set("Server", "wiretale-replay")
	h.Set("Content-Type", c.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(c.body)))
	h.Set("Cache-Control", "max-age=3600")
	w.WriteHeader(status)
	_, _ = w.Write(c.body) // the client sees it missing
}

// browse fetches the page and what it shows, as a browser does.
func (v *visit) browse(ctx context.Context, addr netip.Addr) error {
	dial := v.browser.Dial(v.client.DialContext)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, netip.AddrPortFrom(addr, 80).String())
		},
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	page, err := v.fetch(ctx, client, siteURL)
	if err != nil {
		return err
	}
	found, err := imagesOf(siteURL, page)
	if err != nil {
		return err
	}
	if len(found) != images {
		return fmt.Errorf("the page shows %d images, not %d", len(found), images)
	}

	// As many at a time as there are connections, in the order of the page.
	queue := make(chan string, len(found))
	for _, u := range found {
		queue <- u
	}
	close(queue)
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for u := range queue {
				if _, err := v.fetch(ctx, client, u); err != nil {
					errs[i] = err
					return
				}
			}
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fetch is one GET.
func (v *visit) fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	// Noted when the connection is given to this request, which is the order
	// of requests on it, and filled in when all is known.
	t := &transfer{method: http.MethodGet, url: url}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if conn, ok := i.Conn.(*witness.Conn); ok {
				v.fetched.add(&v.fetched.client, conn, t)
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, t.method, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "wiretale-replay")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	t.status, t.mediaType = resp.StatusCode, resp.Header.Get("Content-Type")
	t.bytes, t.sha256 = int64(len(body)), digest(body)
	if t.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return body, nil
}

// imagesOf are the addresses of the images of a page, in its order.
func imagesOf(base string, page []byte) ([]string, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	var out []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return out, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if t.Data != "img" {
				continue
			}
			for _, a := range t.Attr {
				if a.Key != "src" {
					continue
				}
				u, err := at.Parse(a.Val)
				if err != nil {
					return nil, err
				}
				out = append(out, u.String())
			}
		}
	}
}

// exchanges puts the accounts of both ends of a connection together. HTTP/1.1
// without pipelining takes turns: run 0 of each end is the first request, run
// 1 its response, and so on.
func (v *visit) exchanges(id int, pair witness.Pair) ([]truth.Message, error) {
	client, server := pair.Client.Account(), pair.Server.Account()
	said, heard := v.fetched.client[pair.Client], v.fetched.server[pair.Server]
	if len(said) != len(heard) || len(client.Runs) != 2*len(said) || len(server.Runs) != 2*len(said) {
		return nil, fmt.Errorf("connection %d: %d requests, %d answered, in %d and %d turns",
			id, len(said), len(heard), len(client.Runs), len(server.Runs))
	}
	var out []truth.Message
	for i, t := range said {
		if *t != *heard[i] {
			return nil, fmt.Errorf("connection %d: the client received %+v, the server sent %+v", id, *t, *heard[i])
		}
		m := truth.Message{Transport: "tcp", Client: client.Local, Server: client.Remote, Connection: &id}

		req := m
		req.Kind = truth.HTTPRequest
		req.Sender = end(v.client.Name(), client.Runs[2*i])
		req.Receiver = end(v.web.Name(), server.Runs[2*i])
		req.HTTP = &truth.HTTP{Ordinal: i + 1, Method: t.method, URL: t.url}

		resp := m
		resp.Kind = truth.HTTPResponse
		resp.Sender = end(v.web.Name(), server.Runs[2*i+1])
		resp.Receiver = end(v.client.Name(), client.Runs[2*i+1])
		resp.HTTP = &truth.HTTP{Ordinal: i + 1, Method: t.method, URL: t.url,
			Status: t.status, ContentType: t.mediaType, BodyBytes: t.bytes, SHA256: t.sha256}

		out = append(out, req, resp)
	}
	return out, nil
}

func end(host string, r witness.Run) truth.End {
	return truth.End{Host: host, Start: r.Start, End: r.End}
}

// digest is the SHA-256 in hex, and nothing for nothing.
func digest(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func localAddrPort(c net.Conn) netip.AddrPort {
	switch a := c.LocalAddr().(type) {
	case *net.UDPAddr:
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
