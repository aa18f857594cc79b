// Package dnsmapping answers what names stand for: aliases, several addresses
// and how load is spread over them, mail servers, content networks. It must
// not ask whether an answer is true.
package dnsmapping

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// Question is dns.mapping.
var Question = analyzers.Question{
	Name: "dns.mapping",
	Area: analyzers.DNS,
	Doc:  "what names stand for: aliases, load spread over addresses, mail servers, content networks",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dns.mapping", o, fold{})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Mapping{},
}

type fold struct{}

// key is a name by its hash, the same for names that differ in case. What two
// names of one hash say is told apart by the name in the state.
type key uint64

type state struct{ *mapping }

func (fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

func (fold) Key(e *events.Event) (key, bool) {
	m := e.Body.(*events.DNSMessage)
	if len(m.Question) == 0 || m.Opcode != "QUERY" || m.Question[0].Class != "IN" || !dnsopen.Plain(e) {
		return 0, false
	}
	if m.Response {
		if len(m.Answer) == 0 || m.TC {
			return 0, false
		}
	} else if subnetOf(m) == "" {
		return 0, false
	}
	switch m.Question[0].Type {
	case "A", "AAAA", "MX", "CNAME":
		return key(dnsopen.HashName(0, m.Question[0].Name)), true
	}
	return 0, false
}

func (fold) Idle() time.Duration { return analyzers.Never }

// subnetOf is the client subnet that m tells of, or empty.
func subnetOf(m *events.DNSMessage) string {
	if m.EDNS != nil {
		for i := range m.EDNS.Options {
			if o := &m.EDNS.Options[i]; o.Name == "SUBNET" {
				return o.Data
			}
		}
	}
	return ""
}

// mapping is what is known of one name.
type mapping struct {
	name        string
	replies     uint64
	first, last uint64 // frames
	latest      uint64 // digest of the last reply
	latestView  *view
	latestFirst int // its first address, -1: none
	latestAll   []int

	aliases   []string
	aliasHash uint64
	chains    int
	addresses []Address
	leftOff   uint64
	mail      []Exchange
	ttl       uint32
	hasTTL    bool
	views     []*view
	turned    [8]uint64 // frames at which the first address changed
	turns     int
	subnets   [4]waiting // of queries whose answer is awaited
	next      int
}

// waiting is a query that told of a subnet.
type waiting struct {
	stream uint32
	id     uint16
	subnet string
}

// view is what one asker was told: who asks an authority, or whom users ask.
type view struct {
	resolver events.Addr
	subnet   string
	typ      byte // A or AAAA: '1', '2'
	frame    uint64
	replies  uint64
	set      uint64 // digest, whatever the order
	firstOne int
	turned   uint64
	changed  uint64
	addrs    []int // of the first reply
}

func (fold) Step(_ key, s *state, e *events.Event, _ analyzers.Emit) {
	m := e.Body.(*events.DNSMessage)
	q := &m.Question[0]
	if s.mapping == nil {
		s.mapping = &mapping{name: strings.ToLower(q.Name), latestFirst: -1}
	}
	n := s.mapping
	if len(n.name) != len(q.Name) || n.name != q.Name && !strings.EqualFold(n.name, q.Name) {
		return // another name of the same hash
	}
	if !m.Response {
		n.subnets[n.next%len(n.subnets)] = waiting{e.Stream, m.ID, strings.Clone(subnetOf(m))}
		n.next++
		return
	}
	n.reply(e, m)
}

func (n *mapping) reply(e *events.Event, m *events.DNSMessage) {
	resolver := &e.Flow.Server
	if m.AA {
		resolver = &e.Flow.Client
	}
	if e.From == events.FromClient { // the roles of the flow were guessed wrong
		resolver = &e.Flow.Client
		if m.AA {
			resolver = &e.Flow.Server
		}
	}
	subnet := n.subnet(e, m)
	d := dnsopen.HashAddr(uint64(len(m.Question[0].Type)), resolver)
	for i := range m.Answer {
		d = dnsopen.HashName(d+uint64(len(m.Answer[i].Type)), m.Answer[i].Data)
	}
	if subnet != "" {
		d = dnsopen.HashName(d, subnet)
	}
	n.replies++
	if n.first == 0 {
		n.first = e.Pos.Frame
	}
	n.last = e.Pos.Frame
	n.leastTTL(m)
	if d == n.latest {
		// As before: only counts change.
		if v := n.latestView; v != nil {
			v.replies++
			for _, i := range n.latestAll {
				n.addresses[i].Replies++
			}
			if n.latestFirst >= 0 {
				n.addresses[n.latestFirst].First++
			}
		}
		return
	}
	n.latest, n.latestView, n.latestFirst, n.latestAll = d, nil, -1, n.latestAll[:0]
	n.records(e, m, resolver, subnet)
}

// subnet is that of the query, or of the reply.
func (n *mapping) subnet(e *events.Event, m *events.DNSMessage) string {
	if n.next > 0 {
		for i := range n.subnets {
			if w := &n.subnets[i]; w.subnet != "" && w.stream == e.Stream && w.id == m.ID {
				return w.subnet
			}
		}
	}
	return subnetOf(m)
}

func (n *mapping) leastTTL(m *events.DNSMessage) {
	for i := range m.Answer {
		if r := &m.Answer[i]; (r.Type == "A" || r.Type == "AAAA") && (!n.hasTTL || r.TTL < n.ttl) {
			n.ttl, n.hasTTL = r.TTL, true
		}
	}
}

// records takes a reply that is not as the one before.
func (n *mapping) records(e *events.Event, m *events.DNSMessage, resolver *events.Addr, subnet string) {
	var set, chain uint64
	aliases := 0
	for i := range m.Answer {
		switch r := &m.Answer[i]; r.Type {
		case "CNAME":
			chain = dnsopen.HashName(chain, r.Data)
			aliases++
		case "MX":
			n.exchange(r.Data)
		case "A", "AAAA":
			if r.Type != m.Question[0].Type {
				continue
			}
			set += dnsopen.HashName(1, r.Data)
			at := n.address(r.Data)
			if at < 0 {
				continue
			}
			n.addresses[at].Replies++
			if n.latestFirst < 0 {
				n.latestFirst = at
				n.addresses[at].First++
			}
			n.latestAll = append(n.latestAll, at)
		}
	}
	if aliases > 0 && chain != n.aliasHash {
		if n.aliasHash != 0 {
			n.chains++
		}
		n.aliasHash = chain
		n.aliases = n.aliases[:0]
		for i := range m.Answer {
			if r := &m.Answer[i]; r.Type == "CNAME" && len(n.aliases) < maxAliases {
				n.aliases = append(n.aliases, strings.ToLower(strings.Clone(r.Data)))
			}
		}
	}
	if n.latestFirst >= 0 {
		n.latestView = n.view(e, m, resolver, subnet, set)
	}
}

// address is the place of an address, -1 where there are too many.
func (n *mapping) address(a string) int {
	for i := range n.addresses {
		if n.addresses[i].Address == a {
			return i
		}
	}
	if len(n.addresses) == maxAddresses {
		n.leftOff++
		return -1
	}
	n.addresses = append(n.addresses, Address{Address: strings.Clone(a)})
	return len(n.addresses) - 1
}

// view counts what this asker was told this time against the time before; nil
// where there are too many.
func (n *mapping) view(e *events.Event, m *events.DNSMessage, resolver *events.Addr, subnet string, set uint64) *view {
	typ := byte('1')
	if m.Question[0].Type == "AAAA" {
		typ = '2'
	}
	for _, v := range n.views {
		if v.resolver != *resolver || v.subnet != subnet || v.typ != typ {
			continue
		}
		v.replies++
		switch {
		case v.set != set:
			v.changed++
			n.remember(e.Pos.Frame)
		case v.firstOne != n.latestFirst:
			v.turned++
			n.remember(e.Pos.Frame)
		}
		v.set, v.firstOne = set, n.latestFirst
		return v
	}
	if len(n.views) == maxViews {
		return nil
	}
	v := &view{resolver: *resolver, subnet: strings.Clone(subnet), typ: typ, frame: e.Pos.Frame, replies: 1, set: set, firstOne: n.latestFirst}
	v.addrs = append(v.addrs, n.latestAll...)
	n.views = append(n.views, v)
	return v
}

func (n *mapping) remember(frame uint64) {
	if n.turns < len(n.turned) {
		n.turned[n.turns] = frame
		n.turns++
	}
}
