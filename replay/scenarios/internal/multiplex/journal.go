package multiplex

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// journal is what both ends note of requests and responses. A URL is asked
// for once in a run, so it names a request.
type journal struct {
	now func() time.Time

	mu    sync.Mutex
	calls []*Call // in the order of asking
	byURL map[string]*Call
}

// Call is one request and its response. What is the client's and what is the
// server's is noted by that host alone; the truth is told only when they agree.
type Call struct {
	journal *journal
	origin  *Origin
	method  string
	url     string
	// pushed: the server made the request up (RFC 9113 section 8.4).
	pushed bool

	client struct {
		ends
		opened    bool
		asked     truth.End // of a pushed request: when it was received
		heard     truth.End
		done      bool
		status    int
		mediaType string
		bytes     int64
		sum       string
		reads     []Read
	}
	server struct {
		ends
		opened    bool
		asked     truth.End // of a pushed request: when it was sent
		ready     time.Time
		said      truth.End
		done      bool
		status    int
		mediaType string
		bytes     int64
		sum       string
	}
}

// Read is a moment at which a client got more of a response.
type Read struct {
	Time  time.Time
	Bytes int
}

// call is the one of that URL; it opens it where there is none yet.
func (j *journal) call(o *Origin, method, url string) *Call {
	if j.byURL == nil {
		j.byURL = map[string]*Call{}
	}
	c := j.byURL[url]
	if c == nil {
		c = &Call{journal: j, origin: o, method: method, url: url}
		j.byURL[url] = c
		j.calls = append(j.calls, c)
	}
	return c
}

// with runs f while nobody else writes to the journal.
func (c *Call) with(f func()) {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	f()
}

// Ask opens a request at the client, at this moment.
func (w *World) Ask(o *Origin, c *Conn, method, url string) *Call {
	j := &w.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	call := j.call(o, method, url)
	call.client.opened, call.client.ends = true, c.ends
	t := j.now()
	call.client.asked = truth.End{Host: w.Browser.Name(), Start: t, End: t}
	return call
}

// Promised opens a request that a server made up, as the client got it.
func (w *World) Promised(o *Origin, c *Conn, method, url string) *Call {
	call := w.Ask(o, c, method, url)
	call.with(func() { call.pushed = true })
	return call
}

// Sent notes that the request is out.
func (c *Call) Sent() { c.with(func() { c.client.asked.End = c.journal.now() }) }

// Head notes that the response begins.
func (c *Call) Head(status int, mediaType string) {
	c.with(func() {
		t := c.journal.now()
		c.client.status, c.client.mediaType = status, mediaType
		c.client.heard = truth.End{Host: c.client.asked.Host, Start: t, End: t}
	})
}

// Got notes that n more bytes of the response were read.
func (c *Call) Got(n int) {
	c.with(func() {
		t := c.journal.now()
		c.client.heard.End = t
		c.client.reads = append(c.client.reads, Read{t, n})
	})
}

// Done notes that the response is whole.
func (c *Call) Done(body []byte) {
	sum := digest(body)
	c.with(func() {
		c.client.heard.End = c.journal.now()
		c.client.done, c.client.bytes, c.client.sum = true, int64(len(body)), sum
	})
}

// Reads are the moments at which the client got bytes of the response.
func (c *Call) Reads() (out []Read) {
	c.with(func() { out = append(out, c.client.reads...) })
	return out
}

// Asked is when the client asked for it.
func (c *Call) Asked() (at time.Time) {
	c.with(func() { at = c.client.asked.End })
	return at
}

// URL is what was asked for.
func (c *Call) URL() string { return c.url }

// tell adds all calls to the truth. ids are the TCP connections.
func (j *journal) tell(t *truth.Truth, ids map[ends]int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	ordinals := map[ends]int{}
	for _, c := range j.calls {
		k, s := &c.client, &c.server
		if !k.opened || !s.opened || !k.done || !s.done {
			return fmt.Errorf("multiplex: %s: not known to both ends as done (asked %t, %t; done %t, %t)", c.url, k.opened, s.opened, k.done, s.done)
		}
		if k.ends != s.ends || k.status != s.status || k.mediaType != s.mediaType || k.bytes != s.bytes || k.sum != s.sum {
			return fmt.Errorf("multiplex: %s: the client received %+v, the server sent %+v", c.url, *k, *s)
		}
		ordinals[k.ends]++
		m := truth.Message{Transport: "udp", Client: k.ends.client, Server: k.ends.server}
		if id, ok := ids[k.ends]; ok {
			m.Transport, m.Connection = "tcp", &id
		}
		req := m
		req.Kind, req.Sender, req.Receiver = truth.HTTPRequest, k.asked, s.asked
		if c.pushed {
			req.Sender, req.Receiver = s.asked, k.asked
		}
		req.HTTP = &truth.HTTP{Ordinal: ordinals[k.ends], Method: c.method, URL: c.url}
		resp := m
		resp.Kind, resp.Sender, resp.Receiver = truth.HTTPResponse, s.said, k.heard
		resp.HTTP = &truth.HTTP{Ordinal: ordinals[k.ends], Method: c.method, URL: c.url,
			Status: s.status, ContentType: s.mediaType, BodyBytes: s.bytes, SHA256: s.sum, Ready: &s.ready}
		if c.origin.sealing == clear {
			t.Messages = append(t.Messages, req, resp)
		} else {
			t.Protected = append(t.Protected, req, resp)
		}
	}
	slices.SortStableFunc(t.Protected, func(a, b truth.Message) int { return a.Sender.Start.Compare(b.Sender.Start) })
	return nil
}

// digest is the SHA-256 in hex, and nothing for nothing.
func digest(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func at(host string, t time.Time) truth.End { return truth.End{Host: host, Start: t, End: t} }

// addrPort is a as a plain address of IPv4 or IPv6.
func addrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
