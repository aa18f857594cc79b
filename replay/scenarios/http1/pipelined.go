package http1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
)

const (
	// The object that all others wait for: its number, its size in bytes, and
	// how long the server takes to make it.
	slowObject = 3
	slowSize   = 40_000
	slowThink  = 60 * time.Millisecond
)

// runPipelined fetches the page, and then sends the requests for all objects
// before it reads the first answer. The server makes all answers at once, but
// has to send them in the order of the requests (RFC 9112 section 9.3.2).
func runPipelined(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	return web.Play(ctx, p, time.Minute, func(ctx context.Context, w *web.World) error {
		sizes := small(p.Seed)
		sizes[slowObject-1] = slowSize
		s, err := build(w, sizes)
		if err != nil {
			return err
		}
		slow := fmt.Sprintf("/images/%02d.png", slowObject)
		o, _ := s.site.Find(slow)
		o.Think = slowThink
		s.site.Put(slow, o)

		l, err := w.Listen(s.server, "80")
		if err != nil {
			return err
		}
		served := make(chan error, 1)
		go func() { served <- s.serveOne(ctx, l) }()
		err = s.fetchPipelined(ctx)
		if err != nil {
			l.Close()
		}
		return errors.Join(err, <-served)
	})
}

// serveOne serves one connection to its end.
func (s *setting) serveOne(ctx context.Context, l net.Listener) error {
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	conn, err := l.Accept()
	if err != nil {
		return fmt.Errorf("http1: server: %w", err)
	}
	defer conn.Close()
	stopConn := context.AfterFunc(ctx, func() { conn.Close() })
	defer stopConn()
	line, err := s.NewLine(conn)
	if err != nil {
		return err
	}

	// The answers, each in the making, in the order in which they are due.
	due := make(chan chan *answer, 2*objects)
	sent := make(chan error, 1)
	var writing sync.WaitGroup
	writing.Go(func() { sent <- s.sendInOrder(line, due) })
	err = s.readRequests(ctx, line, due)
	close(due)
	writing.Wait()
	return errors.Join(err, <-sent)
}

// answer is a response when it is ready to be sent.
type answer struct {
	exchange web.Exchange
	bytes    []byte
}

// readRequests starts an answer for each request.
func (s *setting) readRequests(ctx context.Context, line *web.Line, due chan<- chan *answer) error {
	clocked := &clock{r: line, now: line.Now}
	in := bufio.NewReader(clocked)
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil // the client is done
		}
		clocked.mark(in)
		req, err := http.ReadRequest(in)
		if err != nil {
			return fmt.Errorf("http1: server: %w", err)
		}
		line.Received(web.Exchange{Method: req.Method, URL: web.RequestURL(req), Header: req.Header, Start: clocked.first(), End: clocked.last(in)})
		made := make(chan *answer, 1)
		due <- made
		go func() { made <- s.answer(ctx, line, req) }()
	}
}

// answer makes the response to a request.
func (s *setting) answer(ctx context.Context, line *web.Line, req *http.Request) *answer {
	resp := &http.Response{
		Status: "404 Not Found", StatusCode: http.StatusNotFound, ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Date": {s.Now().Format(http.TimeFormat)}, "Server": {agent}, "Content-Type": {"text/plain"}},
	}
	var body []byte
	if o, ok := s.site.Find(req.URL.Path); ok {
		if o.Think > 0 {
			select {
			case <-time.After(o.Think):
			case <-ctx.Done():
			}
		}
		resp.Status, resp.StatusCode, body = "200 OK", http.StatusOK, o.Body
		resp.Header.Set("Content-Type", o.Type)
	}
	resp.ContentLength = int64(len(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var out bytes.Buffer
	_ = resp.Write(&out) // a buffer takes all
	return &answer{bytes: out.Bytes(), exchange: web.Exchange{
		Method: req.Method, URL: web.RequestURL(req), Header: resp.Header, Status: resp.StatusCode, Body: body, Ready: line.Now()}}
}

// sendInOrder sends each answer when its turn has come and it is ready.
func (s *setting) sendInOrder(line *web.Line, due <-chan chan *answer) error {
	var sizes []int
	defer func() { s.Fact("response_bytes", sizes) }()
	for made := range due {
		a := <-made
		sizes = append(sizes, len(a.bytes))
		a.exchange.Start = line.Now()
		if _, err := line.Write(a.bytes); err != nil {
			return fmt.Errorf("http1: server: %w", err)
		}
		a.exchange.End = line.Now()
		line.Sent(a.exchange)
	}
	return nil
}

// fetchPipelined is the client.
func (s *setting) fetchPipelined(ctx context.Context) error {
	start := s.Net.Now()
	conn, err := s.Dial(ctx, s.client, net.JoinHostPort(siteName, "80"))
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	line, err := s.NewLine(conn)
	if err != nil {
		return err
	}
	clocked := &clock{r: line, now: line.Now}
	in := bufio.NewReader(clocked)

	pages, err := s.pipeline(line, clocked, in, []string{siteURL})
	if err != nil {
		return err
	}
	found, err := web.ObjectsOf(siteURL, pages[0].Body)
	if err != nil {
		return err
	}
	shown, err := s.pipeline(line, clocked, in, found)
	if err != nil {
		return err
	}
	s.Fact("page_seconds", time.Duration(s.Net.Now()-start).Seconds())
	s.Fact("slow_object", siteURL+"images/"+fmt.Sprintf("%02d.png", slowObject))
	return check(append(pages, shown...))
}

// pipeline sends all requests in one write and reads all answers.
func (s *setting) pipeline(line *web.Line, clocked *clock, in *bufio.Reader, urls []string) ([]*web.Page, error) {
	var out bytes.Buffer
	reqs := make([]*http.Request, len(urls))
	for i, u := range urls {
		req, err := http.NewRequest(http.MethodGet, u, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", agent)
		if u != siteURL {
			req.Header.Set("Referer", siteURL)
		}
		if err := req.Write(&out); err != nil {
			return nil, err
		}
		reqs[i] = req
	}
	start := line.Now()
	if _, err := line.Write(out.Bytes()); err != nil {
		return nil, err
	}
	end := line.Now()
	for i, req := range reqs {
		line.Sent(web.Exchange{Method: req.Method, URL: urls[i], Header: req.Header, Start: start, End: end})
	}

	var pages []*web.Page
	for i, req := range reqs {
		if _, err := in.Peek(1); err != nil {
			return nil, fmt.Errorf("http1: %s: %w", urls[i], err)
		}
		clocked.mark(in)
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, fmt.Errorf("http1: %s: %w", urls[i], err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("http1: %s: %w", urls[i], err)
		}
		if n, err := strconv.Atoi(resp.Header.Get("Content-Length")); err != nil || n != len(body) {
			return nil, fmt.Errorf("http1: %s: %d bytes of %q", urls[i], len(body), resp.Header.Get("Content-Length"))
		}
		line.Received(web.Exchange{Method: req.Method, URL: urls[i], Header: resp.Header, Status: resp.StatusCode, Body: body,
			Start: clocked.first(), End: clocked.last(in)})
		pages = append(pages, &web.Page{URL: urls[i], Status: resp.StatusCode, Header: resp.Header, Body: body})
	}
	return pages, nil
}
