package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// told are the fields of which the truth tells the values: those that steer
// caches, redirects and cookies. Canonical names.
var told = []string{
	"Age", "Cache-Control", "Cache-Status", "Cookie", "Etag", "Expires", "If-Modified-Since", "If-None-Match",
	"Last-Modified", "Location", "Range", "Referer", "Set-Cookie", "Vary", "Via",
}

// tell picks the fields that are told, by lower-case name.
func tell(h http.Header) map[string]string {
	var out map[string]string
	for _, name := range told {
		if v := h.Values(name); len(v) > 0 {
			if out == nil {
				out = map[string]string{}
			}
			out[strings.ToLower(name)] = strings.Join(v, ", ")
		}
	}
	return out
}

// transfer is one request and its response, as one end knows them.
type transfer struct {
	method, url string
	asked       map[string]string // fields of the request that are told
	status      int
	mediaType   string
	answered    map[string]string
	bytes       int64
	sha256      string    // hex; empty when there was no content
	ready       time.Time // of the response, where the server tells; the client cannot know
}

func (t *transfer) equal(o *transfer) bool {
	return t.method == o.method && t.url == o.url && t.status == o.status && t.mediaType == o.mediaType &&
		t.bytes == o.bytes && t.sha256 == o.sha256 && maps.Equal(t.asked, o.asked) && maps.Equal(t.answered, o.answered)
}

// ledger holds the transfers of each connection, in order, told by each end.
type ledger struct {
	mu       sync.Mutex
	client   map[*witness.Conn][]*transfer
	server   map[*witness.Conn][]*transfer
	raw      map[*witness.Conn][]half // by those who write to the socket themselves
	received map[*witness.Conn][]half
}

// addClient notes a request on a connection; what is not known yet is filled
// in under the lock.
func (l *ledger) addClient(c *witness.Conn, t *transfer) { l.add(&l.client, c, t) }
func (l *ledger) addServer(c *witness.Conn, t *transfer) { l.add(&l.server, c, t) }

func (l *ledger) add(ends *map[*witness.Conn][]*transfer, c *witness.Conn, t *transfer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *ends == nil {
		*ends = map[*witness.Conn][]*transfer{}
	}
	(*ends)[c] = append((*ends)[c], t)
}

// fill changes a transfer that was added.
func (l *ledger) fill(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// messages puts the accounts of both ends of a connection together. HTTP/1.1
// without pipelining takes turns: run 0 of each end is the first request, run
// 1 its response, and so on.
func (w *World) messages(id int, pair witness.Pair) ([]truth.Message, error) {
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	client, server := pair.Client.Account(), pair.Server.Account()
	m := truth.Message{Transport: "tcp", Client: client.Local, Server: client.Remote, Connection: &id}
	clientName, serverName := w.hostOf(client.Local.Addr()), w.hostOf(client.Remote.Addr())

	if raw, ok := l.raw[pair.Client]; ok {
		return joinHalves(m, clientName, serverName, raw, l.received[pair.Client], l.raw[pair.Server], l.received[pair.Server])
	}

	said, heard := l.client[pair.Client], l.server[pair.Server]
	if len(said) != len(heard) || len(client.Runs) != 2*len(said) || len(server.Runs) != 2*len(said) {
		return nil, fmt.Errorf("web: connection %d: %d requests, %d answered, in %d and %d turns",
			id, len(said), len(heard), len(client.Runs), len(server.Runs))
	}
	var out []truth.Message
	for i, t := range said {
		if !t.equal(heard[i]) {
			return nil, fmt.Errorf("web: connection %d: the client received %+v, the server sent %+v", id, *t, *heard[i])
		}
		req, resp := m, m
		req.Kind = truth.HTTPRequest
		req.Sender = end(clientName, client.Runs[2*i])
		req.Receiver = end(serverName, server.Runs[2*i])
		req.HTTP = t.request(i + 1)
		resp.Kind = truth.HTTPResponse
		resp.Sender = end(serverName, server.Runs[2*i+1])
		resp.Receiver = end(clientName, client.Runs[2*i+1])
		resp.HTTP = heard[i].response(i + 1)
		out = append(out, req, resp)
	}
	return out, nil
}

func (t *transfer) request(ordinal int) *truth.HTTP {
	return &truth.HTTP{Ordinal: ordinal, Method: t.method, URL: t.url, Fields: t.asked}
}

func (t *transfer) response(ordinal int) *truth.HTTP {
	h := &truth.HTTP{Ordinal: ordinal, Method: t.method, URL: t.url, Status: t.status,
		ContentType: t.mediaType, BodyBytes: t.bytes, SHA256: t.sha256, Fields: t.answered}
	if !t.ready.IsZero() {
		ready := t.ready
		h.Ready = &ready
	}
	return h
}

func end(host string, r witness.Run) truth.End {
	return truth.End{Host: host, Start: r.Start, End: r.End}
}

// content adds up what a body holds.
type content struct {
	bytes int64
	sum   hash.Hash
}

func (c *content) add(b []byte) {
	if len(b) == 0 {
		return
	}
	if c.sum == nil {
		c.sum = sha256.New()
	}
	c.sum.Write(b)
	c.bytes += int64(len(b))
}

// digest is the SHA-256 in hex, and nothing for nothing.
func (c *content) digest() string {
	if c.sum == nil {
		return ""
	}
	return hex.EncodeToString(c.sum.Sum(nil))
}
