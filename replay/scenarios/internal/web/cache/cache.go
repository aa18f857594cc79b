// Package cache is an HTTP cache (RFC 9111) in front of a way to servers: a
// private one, as in a browser, or a shared one, as in a proxy. It notes why it
// decided what it decided. It must not evict: scenarios are small.
package cache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// Outcomes of a decision, as in truth.CacheDecision.
const (
	Hit         = "hit"
	Miss        = "miss"
	Revalidated = "revalidated"
)

// Decision is what a cache did with a request.
type Decision struct {
	truth.CacheDecision
	// Forward is why the request went to the server, in the words of RFC 9211
	// section 2.2 (fwd); "" if it did not.
	Forward       string
	ForwardStatus int // of the server's response
	Stored        bool
}

// Cache stores responses by URL. Its zero value with Now and Next set is a
// private cache.
type Cache struct {
	Now    func() time.Time  // the host's clock
	Next   http.RoundTripper // to servers
	Shared bool              // RFC 9111 section 1
	// Note gets every decision; its Time and Host are left to it. nil: nobody.
	Note func(truth.CacheDecision)

	mu      sync.Mutex
	entries map[string]*entry
}

// entry is all that is known of one URL. Requests for it wait for each other,
// so that those that come while the first is under way are answered by its
// response (RFC 9111 section 4, collapsed requests).
type entry struct {
	turn   chan struct{} // holds one token while nobody is at it
	stored *stored
}

// stored is a response (RFC 9111 section 3).
type stored struct {
	status int
	header http.Header
	body   []byte
	vary   map[string]string // fields of the request that chose it

	requested, received time.Time // of it, or of the last validation
}

// RoundTrip answers from the store where it may.
func (c *Cache) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, d, err := c.Do(req)
	if err == nil && c.Note != nil {
		c.Note(d.CacheDecision)
	}
	return resp, err
}

// Do is like RoundTrip, but gives the decision to the caller, and not to Note.
func (c *Cache) Do(req *http.Request) (*http.Response, Decision, error) {
	d := Decision{CacheDecision: truth.CacheDecision{Key: req.URL.String(), Outcome: Miss}}
	if req.Method != http.MethodGet || req.Header.Get("Range") != "" {
		d.Why, d.Forward = "not a plain GET", "bypass"
		resp, err := c.Next.RoundTrip(req)
		return resp, d, err
	}
	e, err := c.enter(req.Context(), d.Key)
	if err != nil {
		return nil, d, err
	}
	defer e.leave()

	now := c.Now()
	s := e.stored
	if s != nil && !s.chosenBy(req) {
		s, d.Why, d.Forward = nil, "stored for other request fields (Vary)", "vary-miss"
	}
	forward := req.Clone(req.Context())
	// The client's own conditions are for the answer that it gets from here.
	dropConditions(forward.Header)
	if s == nil {
		if d.Why == "" {
			d.Why, d.Forward = "not stored", "uri-miss"
		}
		resp, err := c.fetch(e, forward, &d)
		return answer(req, resp), d, err
	}
	age, lifetime := s.age(now), s.lifetime(c.Shared)
	control := directives(s.header)
	switch {
	case has(directives(req.Header), "no-cache"):
		d.Why, d.Forward = "the client asks past the cache (no-cache)", "request"
	case has(control, "no-cache"):
		d.Why, d.Forward = "no-cache: to be validated each time", "stale"
	case age < lifetime:
		d.Outcome, d.Why = Hit, fmt.Sprintf("fresh: age %d s of %d s", seconds(age), seconds(lifetime))
		return answer(req, s.response(req, age)), d, nil
	default:
		d.Forward = "stale"
		d.Why = fmt.Sprintf("stale: age %d s of %d s", seconds(age), seconds(lifetime))
	}
	resp, err := c.validate(e, s, forward, &d)
	return answer(req, resp), d, err
}

// enter waits for the turn at a URL.
func (c *Cache) enter(ctx context.Context, key string) (*entry, error) {
	c.mu.Lock()
	e := c.entries[key]
	if e == nil {
		if c.entries == nil {
			c.entries = map[string]*entry{}
		}
		e = &entry{turn: make(chan struct{}, 1)}
		e.turn <- struct{}{}
		c.entries[key] = e
	}
	c.mu.Unlock()
	select {
	case <-e.turn:
		return e, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (e *entry) leave() { e.turn <- struct{}{} }

// fetch asks the server and stores what may be stored.
func (c *Cache) fetch(e *entry, req *http.Request, d *Decision) (*http.Response, error) {
	s, err := c.ask(req)
	if err != nil {
		return nil, err
	}
	d.ForwardStatus = s.status
	c.store(e, s, req, d)
	return s.response(req, s.age(c.Now())), nil
}

// ask is one exchange with the server, body and all.
func (c *Cache) ask(req *http.Request) (*stored, error) {
	s := &stored{requested: c.Now()}
	resp, err := c.Next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if s.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	s.status, s.header, s.received = resp.StatusCode, resp.Header.Clone(), c.Now()
	return s, nil
}

func (c *Cache) store(e *entry, s *stored, req *http.Request, d *Decision) {
	why := s.forbidden(req, c.Shared)
	if why != "" {
		d.Why += "; not kept: " + why
		if e.stored != nil && e.stored.chosenBy(req) {
			e.stored = nil // RFC 9111 section 4.4 asks for less, but it is older
		}
		return
	}
	s.vary = map[string]string{}
	for _, name := range listed(s.header.Values("Vary")) {
		s.vary[name] = req.Header.Get(name)
	}
	e.stored, d.Stored = s, true
}

// validate asks the server whether the stored response is still good (RFC 9111
// section 4.3).
func (c *Cache) validate(e *entry, s *stored, req *http.Request, d *Decision) (*http.Response, error) {
	var by []string
	if v := s.header.Get("ETag"); v != "" {
		req.Header.Set("If-None-Match", v)
		by = append(by, "ETag")
	}
	if v := s.header.Get("Last-Modified"); v != "" {
		req.Header.Set("If-Modified-Since", v)
		by = append(by, "Last-Modified")
	}
	if by == nil {
		d.Why += "; it has no validator"
		return c.fetch(e, req, d)
	}
	d.Why += "; validated by " + strings.Join(by, " and ")
	fresh, err := c.ask(req)
	if err != nil {
		return nil, err
	}
	d.ForwardStatus = fresh.status
	if fresh.status != http.StatusNotModified {
		d.Why += ": it has changed"
		dropConditions(req.Header)
		c.store(e, fresh, req, d)
		return fresh.response(req, fresh.age(c.Now())), nil
	}
	d.Outcome = Revalidated
	d.Why += ": not modified"
	// Section 4.3.4: what the 304 says replaces what was stored. It makes a new
	// one, for readers of the old may still be at it.
	next := *s
	next.header = s.header.Clone()
	for name, v := range fresh.header {
		if name != "Content-Length" {
			next.header[name] = v
		}
	}
	if _, ok := fresh.header["Age"]; !ok {
		next.header.Del("Age")
	}
	next.requested, next.received = fresh.requested, fresh.received
	e.stored = &next
	return next.response(req, next.age(c.Now())), nil
}

// response makes a copy for a client. Age is told where the response comes
// from the store (section 5.1).
func (s *stored) response(req *http.Request, age time.Duration) *http.Response {
	h := s.header.Clone()
	if n := seconds(age); n > 0 || h.Get("Age") != "" {
		h.Set("Age", strconv.FormatInt(n, 10))
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", s.status, http.StatusText(s.status)), StatusCode: s.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)), Request: req,
	}
}

// answer applies the client's own conditions to what it would get (section
// 4.3.2).
func answer(req *http.Request, resp *http.Response) *http.Response {
	if resp == nil || resp.StatusCode != http.StatusOK {
		return resp
	}
	same := false
	if match := req.Header.Get("If-None-Match"); match != "" {
		tag := strings.TrimPrefix(resp.Header.Get("ETag"), "W/")
		for part := range strings.SplitSeq(match, ",") {
			part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
			same = same || part == "*" || tag != "" && part == tag
		}
	} else if since, err := http.ParseTime(req.Header.Get("If-Modified-Since")); err == nil {
		modified, err := http.ParseTime(resp.Header.Get("Last-Modified"))
		same = err == nil && !modified.After(since)
	}
	if !same {
		return resp
	}
	resp.Status, resp.StatusCode = "304 Not Modified", http.StatusNotModified
	resp.Body, resp.ContentLength = http.NoBody, 0
	resp.Header.Del("Content-Length")
	resp.Header.Del("Content-Type")
	return resp
}

func dropConditions(h http.Header) {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range"} {
		h.Del(name)
	}
}
