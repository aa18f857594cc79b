// Package dnsthreat answers what in a capture's DNS looks like an attack:
// poisoned caches, amplifiers, floods of random names, and names that leak to
// servers that cannot know them. It names what it saw; it must not say who
// did it.
package dnsthreat

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// Question is dns.threat.
var Question = analyzers.Question{
	Name: "dns.threat",
	Area: analyzers.DNS,
	Doc:  "what looks like an attack: poisoning, amplification, floods of random names, invalid TLDs",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dns.threat", o, fold{o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Threat{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: one message counts for an exchange, a client,
// a zone and a top-level domain.
type state struct{ *tables }

type tables struct {
	exchanges exchanges
	suspects  []*suspect
	clients   table[client]
	loud      []*client // that passed the first threshold, in this order
	zones     table[zone]
	busy      []*zone
	tlds      map[uint64]*tld
	leaks     []*tld
	most      int
	samples   int
	lastAddr  events.Addr
	lastOne   *client
}

func (fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

func (fold) Key(e *events.Event) (struct{}, bool) { return struct{}{}, dnsopen.Plain(e) }

func (fold) Idle() time.Duration { return analyzers.Never }

func (f fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	m := e.Body.(*events.DNSMessage)
	if m.Opcode != "QUERY" || len(m.Question) == 0 {
		return
	}
	if s.tables == nil {
		most := max(f.limits.FoldPending, 1)
		s.tables = &tables{most: most, samples: max(f.limits.FoldSamples, 1), tlds: map[uint64]*tld{},
			clients: newTable[client](4 * most), zones: newTable[zone](most)}
		s.exchanges.most = 8 * most
	}
	asker, server := &e.Flow.Client, &e.Flow.Server
	port := e.Flow.ClientPort
	if m.Response != (e.From == events.FromServer) {
		asker, server, port = server, asker, e.Flow.ServerPort
	}
	name := dnsopen.HashName(0, m.Question[0].Name)
	s.size(asker, m, e.Pos.Frame)
	x := s.exchanges.get(exchangeKey(asker, server, name, m.Question[0].Type))
	if !m.Response {
		x.ask(e, m, port)
		s.topLevel(e, m)
		return
	}
	s.answer(x, e, m, asker, server, port)
	if m.Rcode == "NXDOMAIN" {
		s.missing(e, m, asker, name)
	}
}

// client is how much one address asked for and got.
type client struct {
	addr                       events.Addr
	queries, responses         uint64
	queryBytes, responseBytes  uint64
	first, last, longest, size uint64 // frames; longest is that of the longest answer, of size bytes
	loud                       bool
}

// Amplification is worth a row from here on: a normal client gets back two to
// eight times what it sends.
const (
	leastResponses = 10
	leastBytes     = 10_000
	leastFactor    = 10
)

func (t *tables) size(asker *events.Addr, m *events.DNSMessage, frame uint64) {
	c := t.lastOne
	if c == nil || t.lastAddr != *asker {
		h := dnsopen.HashAddr(0, asker)
		if c = t.clients.find(h); c == nil {
			c = &client{addr: *asker, first: frame}
			t.clients.put(h, c)
		}
		t.lastAddr, t.lastOne = *asker, c
	}
	c.last = frame
	if !m.Response {
		c.queries++
		c.queryBytes += uint64(m.Size)
		return
	}
	c.responses++
	c.responseBytes += uint64(m.Size)
	if uint64(m.Size) > c.size {
		c.longest, c.size = frame, uint64(m.Size)
	}
	if !c.loud && c.amplified() && len(t.loud) < t.most {
		c.loud = true
		t.loud = append(t.loud, c)
	}
}

func (c *client) amplified() bool {
	return c.responses >= leastResponses && c.responseBytes >= leastBytes && c.responseBytes >= leastFactor*c.queryBytes
}

// zone is one below which names are not there.
type zone struct {
	name        string
	missing     uint64
	names       map[uint64]struct{}
	more        bool
	clients     map[events.Addr]struct{}
	from, to    events.Time
	first, last uint64
	busy        bool
}

// A flood is worth a row from so many different names on; a program that asks
// the same few names again and again is none.
const (
	leastNames = 20
	repeats    = 3 // answers a name at most, on average: both sides of a resolver, and a retry
	maxClients = 64
)

func (t *tables) missing(e *events.Event, m *events.DNSMessage, asker *events.Addr, name uint64) {
	q := m.Question[0].Name
	dot := strings.IndexByte(q, '.')
	if dot < 0 || dot+1 >= len(q) {
		return // a top-level domain
	}
	above := dnsopen.HashName(0, q[dot+1:])
	z := t.zones.find(above)
	if z == nil {
		z = &zone{name: strings.ToLower(q[dot+1:]), names: map[uint64]struct{}{}, clients: map[events.Addr]struct{}{}, from: e.Time, first: e.Pos.Frame}
		t.zones.put(above, z)
	}
	z.missing++
	z.to, z.last = e.Time, e.Pos.Frame
	if _, ok := z.names[name]; !ok {
		if len(z.names) < t.samples {
			z.names[name] = struct{}{}
		} else {
			z.more = true
		}
	}
	if m.RD && len(z.clients) < maxClients {
		z.clients[*asker] = struct{}{}
	}
	if !z.busy && len(z.names) >= leastNames && len(t.busy) < t.most {
		z.busy = true
		t.busy = append(t.busy, z)
	}
}

// tld is the last label of names.
type tld struct {
	name        string
	valid       bool
	queries     uint64
	first, last uint64
}

// maxTLDs: there are fewer than 1,500 of them.
const maxTLDs = 8192

func (t *tables) topLevel(e *events.Event, m *events.DNSMessage) {
	n := strings.TrimSuffix(m.Question[0].Name, ".")
	if n == "" {
		return
	}
	n = n[strings.LastIndexByte(n, '.')+1:]
	h := dnsopen.HashName(0, n)
	x := t.tlds[h]
	if x == nil {
		if len(t.tlds) >= maxTLDs {
			return
		}
		x = &tld{name: strings.ToLower(n), first: e.Pos.Frame}
		x.valid = isPublic(x.name)
		t.tlds[h] = x
		if !x.valid {
			t.leaks = append(t.leaks, x)
		}
	}
	x.queries++
	x.last = e.Pos.Frame
}
