// Package dnsresolution answers how resolvers find answers: for each question
// to a resolver that asked others for it, the tree of those queries, what each
// server is to the name, and the time spent on each. It must not say whether
// a cache could have answered: that is dns.cache.
package dnsresolution

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// Question is dns.resolution.
var Question = analyzers.Question{
	Name: "dns.resolution",
	Area: analyzers.DNS,
	Doc:  "whom a resolver asked for each answer: root, TLD, authoritative; iterative, recursive or hybrid; the time of each hop",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dns.resolution", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Resolution{},
}

type fold struct {
	limits *events.Limits
}

// state is one for the capture: which end of an event is the resolver shows
// only later (see dnsopen).
type state struct{ *tables }

type tables struct {
	open    *dnsopen.Table
	zones   *zones
	said    []said // what upstream answers said; from 1
	unused  []int32
	served  []served // by dnsopen.Host.User; from 1
	texts   map[events.Addr]string
	emit    analyzers.Emit
	samples int
}

// said is what is kept of one upstream query's answer.
type said struct {
	zone, to int32
	zoneBy   zoneBy
	result   result
	rcode    string
	aa       bool
	ra       bool
}

// served is what a resolver answered.
type served struct {
	questions   uint64
	first, last [2]uint64 // frames
}

type result uint8

const (
	noResult result = iota
	referral
	answer
	alias
	nxdomain
	nodata
	truncated
	otherRcode
)

var resultNames = [...]string{referral: "referral", answer: "answer", alias: "alias", nxdomain: "nxdomain", nodata: "nodata", truncated: "truncated"}

func (s *said) text() string {
	if s.result == otherRcode {
		return s.rcode
	}
	return resultNames[s.result]
}

func (*fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

func (*fold) Key(e *events.Event) (struct{}, bool) { return struct{}{}, dnsopen.Plain(e) }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, emit analyzers.Emit) {
	if s.tables == nil {
		t := &tables{texts: map[events.Addr]string{}, zones: newZones(16 * max(f.limits.FoldPending, 8)), said: make([]said, 1), served: make([]served, 1), samples: max(f.limits.FoldSamples, 1)}
		t.open = dnsopen.New(f.limits, t.over)
		t.open.Free = func(user int32) { t.unused = append(t.unused, user) }
		s.tables = t
	}
	t := s.tables
	t.emit = emit
	m := e.Body.(*events.DNSMessage)
	if m.Opcode != "QUERY" {
		return
	}
	if !m.Response {
		if n, _ := t.open.Query(e, m); n != nil && n.Match != dnsopen.Apart && n.User == 0 {
			t.sent(n)
		}
		return
	}
	if n := t.open.Response(e, m); n != nil {
		t.answered(n, m)
	}
}

func (f *fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	s.emit = emit
	s.open.Close()
	s.undecided()
}

// sent notes which zone the server of an upstream query is asked for.
func (t *tables) sent(n *dnsopen.Node) {
	if l := len(t.unused); l > 0 {
		n.User = t.unused[l-1]
		t.unused = t.unused[:l-1]
	} else {
		t.said = append(t.said, said{})
		n.User = int32(len(t.said) - 1)
	}
	x := &t.said[n.User]
	*x = said{}
	x.zone, x.zoneBy = t.zones.known(t.open.Host(n.Server).Addr, n.Name)
}

func (t *tables) answered(n *dnsopen.Node, m *events.DNSMessage) {
	switch {
	case n.User == dnsopen.Stray:
	case n.Match != dnsopen.Apart: // of a resolver
		t.learn(n, m)
	default:
		t.serves(n, m)
		for i := range m.Answer {
			if r := &m.Answer[i]; r.Type == "CNAME" && t.open.Host(n.Server).Sent > 0 {
				t.open.Adopt(n, t.open.Ask(r.Data, n.Type, r.Class))
			}
		}
		if n.First != dnsopen.None {
			t.row(n, m)
		}
	}
	t.open.Done(n)
}

// serves counts what a resolver answers to users.
func (t *tables) serves(n *dnsopen.Node, m *events.DNSMessage) {
	if !m.RA || m.AA || !n.RD {
		return
	}
	h := t.open.Host(n.Server)
	if h.User == 0 {
		t.served = append(t.served, served{first: [2]uint64{n.Frame, n.AnswerFrame}})
		h.User = int32(len(t.served) - 1)
	}
	s := &t.served[h.User]
	s.questions++
	s.last = [2]uint64{n.Frame, n.AnswerFrame}
}

// judge says what kind of answer m is.
func judge(m *events.DNSMessage) (result, *events.DNSRecord) {
	switch {
	case m.TC:
		return truncated, nil
	case m.Rcode == "NXDOMAIN":
		return nxdomain, nil
	case m.Rcode != "NOERROR":
		return otherRcode, nil
	case len(m.Answer) > 0:
		want := ""
		if len(m.Question) > 0 {
			want = m.Question[0].Type
		}
		for i := range m.Answer {
			if typ := m.Answer[i].Type; typ == want || want == "ANY" {
				return answer, nil
			}
		}
		if m.Answer[0].Type == "CNAME" {
			return alias, nil
		}
		return answer, nil
	}
	if !m.AA {
		for i := range m.Authority {
			if r := &m.Authority[i]; r.Type == "NS" {
				return referral, r
			}
		}
	}
	return nodata, nil
}

// learn takes the answer to an upstream query: what it is, and where it leads.
func (t *tables) learn(n *dnsopen.Node, m *events.DNSMessage) {
	if n.User <= 0 {
		return
	}
	x := &t.said[n.User]
	var ns *events.DNSRecord
	x.result, ns = judge(m)
	x.aa, x.ra = m.AA, m.RA
	if x.result == otherRcode {
		x.rcode = strings.ToLower(m.Rcode)
	}
	var asker *dnsopen.Node // the question that n was sent for
	if n.Parent != dnsopen.None {
		asker = t.open.At(n.Parent)
	}
	server := t.open.Host(n.Server).Addr
	if ns != nil {
		x.to = t.zones.of(ns.Name)
		if x.zone == 0 && x.to != 0 {
			// Whoever refers to a zone serves the one above it.
			x.zone, x.zoneBy = t.zones.of(parent(t.zones.list[x.to].name)), byAnswer
			t.zones.serve(server, x.zone, byAnswer)
		}
		if t.zones.refer(x.to, m) {
			t.glueless(asker, x.to, m)
		}
		return
	}
	if x.zone == 0 && m.AA {
		for i := range m.Authority {
			r := &m.Authority[i]
			if (r.Type == "SOA" || r.Type == "NS") && dnsopen.IsBelow(n.Name, []byte(r.Name)) {
				x.zone, x.zoneBy = t.zones.of(r.Name), byAnswer
				t.zones.serve(server, x.zone, byAnswer)
				break
			}
		}
	}
	if len(t.zones.servers) > 0 {
		if k := t.zones.servers[n.Question]; k != 0 && len(m.Answer) > 0 {
			t.zones.addresses(k, m.Answer)
		}
	}
	if asker == nil {
		return
	}
	for i := range m.Answer {
		if r := &m.Answer[i]; r.Type == "CNAME" {
			t.open.Lead(asker, t.open.Ask(r.Data, n.Type, r.Class))
		}
	}
}

// maxServers is how many names of servers of one zone are followed.
const maxServers = 8

// glueless expects the resolver to ask for the addresses of a zone's servers.
func (t *tables) glueless(asker *dnsopen.Node, zone int32, m *events.DNSMessage) {
	if len(t.zones.servers) > t.zones.limit {
		clear(t.zones.servers)
	}
	found := 0
	for i := range m.Authority {
		r := &m.Authority[i]
		if r.Type != "NS" {
			continue
		}
		for _, typ := range [...]string{"A", "AAAA"} {
			ask := t.open.Ask(r.Data, typ, r.Class)
			t.zones.servers[ask] = zone
			if asker != nil {
				t.open.Lead(asker, ask)
			}
		}
		if found++; found == maxServers {
			return
		}
	}
}

// over is told of a question without an answer.
func (t *tables) over(n *dnsopen.Node) {
	if n.First != dnsopen.None {
		t.row(n, nil)
	}
}
