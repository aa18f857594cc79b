package dnsnet

import (
	"fmt"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// entry is what a cache knows about a name and type: records, or that there
// are none.
type entry struct {
	rcode   int
	rrs     []mdns.RR // with their signatures; TTLs as they came
	soa     []mdns.RR // of a negative answer
	ttl     time.Duration
	stored  time.Duration // on the clock of World.Age
	aa      bool          // told by an authoritative server as its answer, not glue
	checked bool          // its signatures were verified
	turns   int           // how often it was told
}

// left is how much of its time it has; 0 or less: none.
func (e *entry) left(now time.Duration) time.Duration { return e.stored + e.ttl - now }

// cache keeps answers for their TTL (RFC 1035 section 7.4, RFC 2308).
type cache struct {
	mu      sync.Mutex
	entries map[setKey]*entry
}

// state is what a cache can say about a question.
type state uint8

const (
	absent  state = iota // never asked
	live                 // known
	expired              // was known
)

func (c *cache) get(k setKey, now time.Duration) (*entry, state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[k]
	switch {
	case e == nil:
		return nil, absent
	case e.left(now) <= 0:
		return e, expired
	}
	return e, live
}

// put keeps e unless something better is still good: glue does not replace
// an answer (RFC 2181 section 5.4.1).
func (c *cache) put(k setKey, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[setKey]*entry{}
	}
	if old := c.entries[k]; old != nil && old.aa && !e.aa && old.left(e.stored) > 0 {
		return
	}
	c.entries[k] = e
}

// aged are copies of rrs with the TTL that is left after age.
func aged(rrs []mdns.RR, age time.Duration) []mdns.RR {
	out := make([]mdns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = mdns.Copy(rr)
		h := out[i].Header()
		h.Ttl -= min(h.Ttl, uint32(age/time.Second))
	}
	return out
}

// seconds is a span as people say it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
