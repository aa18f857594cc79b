// Package dnssec answers which signatures of DNSSEC (RFC 4033 to 4035) in a
// capture hold: each signed set of records against the keys that the capture
// has, and the chain from there up to a trust anchor. It must not guess: what
// lacks a link is undecided, and the link is named.
package dnssec

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// Question is dnssec.
var Question = analyzers.Question{
	Name: "dnssec",
	Area: analyzers.DNS,
	Doc:  "each signed set of DNS records: does its signature hold, and the chain up to a trust anchor",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dnssec", o, &fold{anchors: o.TrustAnchors, pending: max(o.Limits.FoldPending, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Set{},
}

type fold struct {
	anchors []string // zone-file lines; none: the root's own
	pending int
}

func (*fold) Kinds() []events.Kind { return []events.Kind{events.KindDNSMessage} }

// all is the only key: keys and what they sign come from different servers.
type all struct{}

// Key: only answers bear signatures, and those that do say so (RFC 3225).
func (*fold) Key(e *events.Event) (all, bool) {
	m, ok := e.Body.(*events.DNSMessage)
	return all{}, ok && m.Response && signed(m)
}

// signed: there is a signature, or a key, among the records.
func signed(m *events.DNSMessage) bool {
	return holds(m.Answer) || holds(m.Authority)
}

func holds(rs []events.DNSRecord) bool {
	for i := range rs {
		switch rs[i].Type {
		case "RRSIG", "DNSKEY":
			return true
		}
	}
	return false
}

func (*fold) Idle() time.Duration { return analyzers.Never }

// state is all that is kept of the capture.
type state struct {
	index   map[uint64]int // of sets, by hash
	sets    []*set
	keys    map[string][]string // DNSKEY data by zone, in lower case
	keyed   int                 // keys in all
	limited int
	first   uint64 // frame of what was not kept
}

// set is a set of records with one signature.
type set struct {
	owner, typ, class string
	data              []string
	sig               string
	ttl               uint32
	partial           bool // every message that held it was cut off
	seen              int
	first, last       sight
}

// sight is one message with the set.
type sight struct {
	frame uint64
	time  events.Time
	flow  events.StreamKey
}

// How much of one zone and one set is kept.
const (
	maxKeys    = 64
	maxRecords = 256
)

func (f *fold) Step(_ all, s *state, e *events.Event, _ analyzers.Emit) {
	m := e.Body.(*events.DNSMessage)
	if s.index == nil {
		s.index, s.keys = map[uint64]int{}, map[string][]string{}
	}
	for _, section := range [...][]events.DNSRecord{m.Answer, m.Authority, m.Additional} {
		for i := range section {
			switch r := &section[i]; r.Type {
			case "RRSIG":
				f.signature(s, e, m, section, r)
			case "DNSKEY":
				f.key(s, e, r)
			}
		}
	}
}

// key keeps a key, signed or not.
func (f *fold) key(s *state, e *events.Event, r *events.DNSRecord) {
	list, ok := s.keys[r.Name]
	zone := r.Name
	if !ok {
		zone = strings.ToLower(r.Name)
		list = s.keys[zone]
	}
	for _, k := range list {
		if k == r.Data {
			return
		}
	}
	if len(list) >= maxKeys || s.keyed >= f.pending {
		f.drop(s, e)
		return
	}
	s.keyed++
	s.keys[strings.Clone(zone)] = append(list, strings.Clone(r.Data))
}

func (f *fold) drop(s *state, e *events.Event) {
	if s.limited++; s.first == 0 {
		s.first = e.Pos.Frame
	}
}

// covered is the type that a signature is over: the first word of its data.
func covered(r *events.DNSRecord) string {
	t, _, _ := strings.Cut(r.Data, " ")
	return t
}

// in reports whether r is of the set that sig signs.
func in(r, sig *events.DNSRecord, typ string) bool {
	return r.Type == typ && r.Class == sig.Class && (r.Name == sig.Name || strings.EqualFold(r.Name, sig.Name))
}

// signature keeps the set that sig signs, the first time it comes.
func (f *fold) signature(s *state, e *events.Event, m *events.DNSMessage, section []events.DNSRecord, sig *events.DNSRecord) {
	typ := covered(sig)
	h := dnsopen.HashName(dnsopen.HashName(0, typ), sig.Name)
	h = dnsopen.Mix(h, textHash(sig.Data))
	n, sum := 0, uint64(0)
	for i := range section {
		if r := &section[i]; in(r, sig, typ) {
			n++
			sum += textHash(r.Data) // servers turn sets round
		}
	}
	if n == 0 {
		return // a signature without its set
	}
	h = dnsopen.Mix(h, sum+uint64(n))
	at := sight{e.Pos.Frame, e.Time, e.Key()}
	partial := m.TC || e.Truncated
	if i, ok := s.index[h]; ok {
		x := s.sets[i]
		x.seen++
		x.last = at
		x.partial = x.partial && partial
		return
	}
	if len(s.sets) >= f.pending || n > maxRecords {
		f.drop(s, e)
		return
	}
	x := &set{
		owner: strings.ToLower(sig.Name), typ: strings.Clone(typ), class: strings.Clone(sig.Class), sig: strings.Clone(sig.Data),
		ttl: sig.TTL, partial: partial, seen: 1, first: at, last: at,
	}
	for i := range section {
		if r := &section[i]; in(r, sig, typ) {
			x.data = append(x.data, strings.Clone(r.Data))
		}
	}
	s.index[h] = len(s.sets)
	s.sets = append(s.sets, x)
}

// textHash tells texts apart, case too.
func textHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Close judges all sets: a key may come after what it signed.
func (f *fold) Close(_ all, s *state, emit analyzers.Emit) {
	j := newJudge(s, f.anchors)
	for i := range s.sets {
		v := j.row(i)
		emit(v.Name+" "+v.Type, v)
	}
	if s.limited > 0 {
		emit("fold-pending", &Limited{Limit: "fold-pending", Value: f.pending, Count: s.limited, Frames: []uint64{s.first}, Filter: "dns.resp.type == 46 || dns.resp.type == 48"})
	}
}
