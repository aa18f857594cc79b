// Package dnsopen follows DNS queries until they are answered, and tells on
// behalf of which question a resolver sent each of its own. Questions about
// resolvers share it. It must not judge what answers say.
//
// An event has two ends, and one of them may be a resolver that is asked on
// one side and asks on the other; which one it is shows only later. So all
// resolvers of a capture are in one Table, whose parts are bounded.
package dnsopen

import (
	"bytes"
	"hash/maphash"
	"time"

	"github.com/wiretale/wiretale/events"
)

// None is no place.
const None int32 = 0

// Patience is how long a query waits for its answer.
const Patience = 60 * events.Duration(time.Second)

// copied is the spacing below which an equal query is the same packet,
// captured twice.
const copied = events.Duration(time.Millisecond)

// Match says why a query belongs to the question that it was sent for.
type Match uint8

// The reasons, the best first.
const (
	Apart    Match = iota // to none: it is a question of its own
	Same                  // it asks the same
	Led                   // it asks what an answer in this resolution led to: an alias, a name server
	Above                 // it asks about a name that the question's name lies below
	Only                  // no other question was open
	Orphaned              // several were open, and it fits none; see Adopt
)

// Phase is where a query stands.
type Phase uint8

// The phases of a query.
const (
	vacant   Phase = iota
	Open           // no answer yet
	Answered       // its answer came
	Silent         // none came in Patience
)

// Node is one query: of a user, or of a resolver on behalf of another.
type Node struct {
	flow     uint64 // of (flow, id, question)
	Question uint64 // Ask of its question

	Sent, Answered           events.Time
	Frame, AnswerFrame, Last uint64 // Last: of its last repetition
	last                     events.Time

	Client events.Addr
	Server int32 // a Host
	at     int32

	Parent, First, Next int32 // the query that it was sent for; those sent for it, in order
	tail                int32
	Children            int32
	User                int32 // for the fold

	nextOpen, prevOpen int32 // of one host
	nextAge, prevAge   int32 // of all, oldest first

	Stream  uint32
	Queries uint32 // sent, without copies
	ID      uint16
	Proto   uint8
	Phase   Phase
	Match   Match
	RD      bool
	indexed bool
	Name    []byte // of the question
	Type    string
	led     []uint64 // what its answers led to, as Ask
}

// Host is an address that was asked.
type Host struct {
	Addr events.Addr
	// Sent counts the queries that it sent while it was asked something.
	Sent       uint64
	User       int32 // for the fold
	open       int32
	head, tail int32 // open questions, oldest first
	orphans    int32 // by Next
	lastOrphan int32
	nOrphans   int32
}

// Table holds all queries that wait.
type Table struct {
	seed       uint64
	nodes      []*[chunk]Node
	made, free int32
	live       int
	maxLive    int
	maxTree    int32
	hosts      []Host // from 1
	maxHosts   int
	oldest     int32
	newest     int32
	flows      index
	byHost     index
	questions  index // open questions of hosts that ask themselves
	types      map[string]string
	// Limited counts what limits left out: queries given up early, and hosts
	// that were not followed.
	Limited uint64
	// Over is called for each query of its own (no Parent) that leaves
	// unanswered: after Patience, for a limit, or at the end. Its tree is
	// whole, and goes after it.
	Over func(n *Node)
	// Free, where set, is given each User above 0 that is of no use any more.
	Free func(user int32)
}

const chunk = 256

// Bounds of searches.
const (
	walkAbove  = 64 // open questions looked at for a name below
	maxOrphans = 64
	maxLed     = 64
)

// New makes a Table within limits.
func New(l *events.Limits, over func(*Node)) *Table {
	return &Table{
		seed: maphash.String(maphash.MakeSeed(), "dns"), made: 1, hosts: make([]Host, 1),
		maxLive: 16 * max(l.FoldPending, 1), maxHosts: 16 * max(l.FoldPending, 1), maxTree: int32(max(l.FoldSamples, 1)),
		types: map[string]string{}, Over: over,
	}
}

// At is the query at a place.
func (t *Table) At(i int32) *Node { return &t.nodes[i/chunk][i%chunk] }

// Host is the host at a place.
func (t *Table) Host(i int32) *Host { return &t.hosts[i] }

// Hosts is one more than how many there are; they are numbered from 1.
func (t *Table) Hosts() int { return len(t.hosts) }

// Ask is the hash of a question: the same for names that differ in case.
func (t *Table) Ask(name, typ, class string) uint64 {
	return t.ask(HashName(t.seed, name), typ, class)
}

func (t *Table) ask(name uint64, typ, class string) uint64 {
	return Mix(name, pack(typ)^pack(class)<<17)
}

// FindHost is the host of that address, or None.
func (t *Table) FindHost(a *events.Addr) int32 {
	return t.byHost.find(tagOf(HashAddr(t.seed, a)), func(i int32) bool { return t.hosts[i].Addr == *a })
}

func (t *Table) host(a *events.Addr) int32 {
	h := t.FindHost(a)
	if h == None && len(t.hosts) <= t.maxHosts {
		h = int32(len(t.hosts))
		t.hosts = append(t.hosts, Host{Addr: *a})
		t.byHost.put(tagOf(HashAddr(t.seed, a)), h)
	}
	return h
}

// Plain reports whether e is unicast DNS on port 53, or another port that is
// not that of a relative: mDNS, LLMNR, NetBIOS.
func Plain(e *events.Event) bool {
	for _, p := range [...]uint16{e.Flow.ServerPort, e.Flow.ClientPort} {
		switch p {
		case 53:
			return true
		case 137, 5353, 5355:
			return false
		}
	}
	return true
}

// ends are sender and receiver.
func ends(e *events.Event) (from, to *events.Addr) {
	if e.From == events.FromServer {
		return &e.Flow.Server, &e.Flow.Client
	}
	return &e.Flow.Client, &e.Flow.Server
}

func flowKey(question uint64, e *events.Event, id uint16) uint64 {
	return Mix(question, uint64(e.Stream)<<24|uint64(e.Flow.Proto)<<16|uint64(id))
}

// Query takes a query. It is None where a limit left it out, or where it is
// the repetition of one that is open: known is that one then.
func (t *Table) Query(e *events.Event, m *events.DNSMessage) (n, known *Node) {
	t.expire(e.Time)
	if len(m.Question) == 0 {
		return nil, nil
	}
	from, to := ends(e)
	q := &m.Question[0]
	name := HashName(t.seed, q.Name)
	ask := t.ask(name, q.Type, q.Class)
	key := flowKey(ask, e, m.ID)
	if i := t.flows.find(tagOf(key), func(i int32) bool { return t.At(i).flow == key }); i != None {
		n := t.At(i)
		if e.Time.Sub(n.last) >= copied {
			n.Queries++
			n.last, n.Last = e.Time, e.Pos.Frame
		}
		return nil, n
	}
	h := t.host(to)
	if h == None {
		t.Limited++
		return nil, nil
	}
	if t.live >= t.maxLive {
		t.Limited++
		t.silence(t.oldest)
	}
	n = t.take()
	n.flow, n.Question, n.Sent, n.last, n.Frame, n.Last = key, ask, e.Time, e.Time, e.Pos.Frame, e.Pos.Frame
	n.Client, n.Server, n.Stream, n.ID, n.Proto = *from, h, e.Stream, m.ID, e.Flow.Proto
	n.Queries, n.Phase, n.RD = 1, Open, m.RD
	n.Name = append(n.Name[:0], q.Name...)
	n.Type = t.typeOf(q.Type)
	t.flows.put(tagOf(key), n.at)
	t.pushAge(n)
	// What a host asks itself, no resolver asks on behalf of somebody.
	if c := t.FindHost(from); c != None && c != h && t.hosts[c].open > 0 {
		t.sendFor(c, n)
	}
	t.pushOpen(n)
	return n, nil
}

// typeOf is s in memory of its own.
func (t *Table) typeOf(s string) string {
	switch s {
	case "A":
		return "A"
	case "AAAA":
		return "AAAA"
	}
	k, ok := t.types[s]
	if !ok {
		k = string([]byte(s))
		t.types[k] = k
	}
	return k
}

// sendFor finds the question that host c sent n for.
func (t *Table) sendFor(c int32, n *Node) {
	h := &t.hosts[c]
	if h.Sent == 0 {
		for i := h.head; i != None; i = t.At(i).nextOpen {
			t.enlist(t.At(i))
		}
	}
	h.Sent++
	key := hostKey(c, n.Question)
	var same, led int32
	t.questions.find(tagOf(key), func(i int32) bool {
		x := t.At(i)
		switch {
		case x.Server != c:
		case x.Question == n.Question:
			// Of several that ask the same, the first one had it sent.
			if same == None || x.older(t.At(same)) {
				same = i
			}
		case led == None && x.ledTo(n.Question):
			led = i
		}
		return false
	})
	switch {
	case same != None:
		t.attach(t.At(same), n, Same)
	case led != None:
		t.attach(t.At(led), n, Led)
	default:
		if i := t.below(h, n.Name); i != None {
			t.attach(t.At(i), n, Above)
		} else if h.open == 1 {
			t.attach(t.At(h.head), n, Only)
		} else {
			t.orphan(h, n)
		}
	}
}

func hostKey(host int32, question uint64) uint64 { return Mix(question, uint64(host)) }

func (n *Node) older(o *Node) bool { return n.Frame < o.Frame }

func (n *Node) ledTo(q uint64) bool {
	for _, l := range n.led {
		if l == q {
			return true
		}
	}
	return false
}

// below is the oldest open question of h whose name is name or lies below it.
func (t *Table) below(h *Host, name []byte) int32 {
	i := h.head
	for range walkAbove {
		if i == None {
			break
		}
		n := t.At(i)
		if IsBelow(n.Name, name) {
			return i
		}
		i = n.nextOpen
	}
	return None
}

// IsBelow reports whether name is zone or lies in it.
func IsBelow(name, zone []byte) bool {
	if len(zone) == 1 && zone[0] == '.' {
		return true
	}
	d := len(name) - len(zone)
	return d >= 0 && (d == 0 || name[d-1] == '.') && bytes.EqualFold(name[d:], zone)
}

// root is the top of n's tree.
func (t *Table) root(n *Node) *Node {
	for n.Parent != None {
		n = t.At(n.Parent)
	}
	return n
}

func (t *Table) attach(parent, n *Node, why Match) {
	top := t.root(parent)
	if top.Children >= t.maxTree || top == n {
		t.Limited++
		n.User = Stray
		return
	}
	n.Parent, n.Match = parent.at, why
	if parent.First == None {
		parent.First = n.at
	} else {
		t.At(parent.tail).Next = n.at
	}
	parent.tail = n.at
	parent.Children++
	if top != parent {
		top.Children++
	}
}

func (t *Table) orphan(h *Host, n *Node) {
	if h.nOrphans >= maxOrphans {
		old := t.At(h.orphans)
		t.takeOrphan(h, None, old)
		old.Match = Apart
		t.strand(old)
	}
	n.Match = Orphaned
	if h.orphans == None {
		h.orphans = n.at
	} else {
		t.At(h.lastOrphan).Next = n.at
	}
	h.lastOrphan = n.at
	h.nOrphans++
}

// Adopt gives n, a question that was just answered, those queries of its
// server that fitted no open question then and ask what ask is.
func (t *Table) Adopt(n *Node, ask uint64) {
	h := &t.hosts[n.Server]
	before := None
	for i := h.orphans; i != None; {
		o := t.At(i)
		next := o.Next
		if o.Question != ask || o.Frame < n.Frame {
			before, i = i, next
			continue
		}
		t.takeOrphan(h, before, o)
		o.Match = Apart
		t.attach(n, o, Led)
		if o.Parent == None { // the tree is full
			t.strand(o)
		}
		i = next
	}
}

func (t *Table) takeOrphan(h *Host, before int32, o *Node) {
	if before == None {
		h.orphans = o.Next
	} else {
		t.At(before).Next = o.Next
	}
	if h.lastOrphan == o.at {
		h.lastOrphan = before
	}
	h.nOrphans--
	o.Next = None
}

// Lead says that an answer sent n's resolver on to ask ask.
func (t *Table) Lead(n *Node, ask uint64) {
	if len(n.led) >= maxLed || n.ledTo(ask) || n.Question == ask || n.Phase != Open {
		return
	}
	n.led = append(n.led, ask)
	if n.indexed {
		t.questions.put(tagOf(hostKey(n.Server, ask)), n.at)
	}
}

// Response takes an answer, and gives the query that it answers, or nil.
func (t *Table) Response(e *events.Event, m *events.DNSMessage) *Node {
	t.expire(e.Time)
	if len(m.Question) == 0 {
		return nil
	}
	q := &m.Question[0]
	ask := t.ask(HashName(t.seed, q.Name), q.Type, q.Class)
	key := flowKey(ask, e, m.ID)
	i := t.flows.find(tagOf(key), func(i int32) bool { return t.At(i).flow == key })
	if i == None {
		return nil
	}
	n := t.At(i)
	n.Answered, n.AnswerFrame = e.Time, e.Pos.Frame
	t.shut(n, Answered)
	return n
}

// shut ends the waiting of n.
func (t *Table) shut(n *Node, p Phase) {
	t.flows.drop(tagOf(n.flow), n.at)
	t.unlinkOpen(n)
	t.unlinkAge(n)
	n.Phase = p
}

// Done lets n go, once it is answered, unless it is part of a tree: that goes
// with its top.
func (t *Table) Done(n *Node) {
	t.rest(n.Server)
	if n.Parent != None || n.Match == Orphaned {
		return
	}
	t.release(n)
}

func (t *Table) release(n *Node) {
	for i := n.First; i != None; {
		c := t.At(i)
		next := c.Next
		c.Parent, c.Next, c.Match = None, None, Apart
		t.strand(c)
		i = next
	}
	t.freeUser(n)
	name, led := n.Name[:0], n.led[:0]
	if cap(name) > 128 {
		name = nil
	}
	at := n.at
	*n = Node{at: at, Next: t.free, Name: name, led: led}
	t.free = at
	t.live--
}

// strand lets go of a query that belongs to nobody any more. While it is open
// it waits for its answer, so that this is not taken for something else, and
// then goes.
func (t *Table) strand(c *Node) {
	if c.Phase != Open {
		t.release(c)
		return
	}
	t.freeUser(c)
	c.User = Stray
}

func (t *Table) freeUser(n *Node) {
	if n.User > 0 && t.Free != nil {
		t.Free(n.User)
	}
}

// Stray is the User of a query whose question was answered without it.
const Stray int32 = -1

// expire ends what has waited too long.
func (t *Table) expire(now events.Time) {
	for t.oldest != None {
		n := t.At(t.oldest)
		if now.Sub(n.Sent) <= Patience {
			return
		}
		t.silence(n.at)
	}
}

func (t *Table) silence(i int32) {
	n := t.At(i)
	t.shut(n, Silent)
	if n.Parent != None || n.Match == Orphaned {
		return
	}
	if n.User != Stray && t.Over != nil {
		t.Over(n)
	}
	t.release(n)
}

// Close ends all.
func (t *Table) Close() {
	for t.oldest != None {
		t.silence(t.oldest)
	}
}

func (t *Table) take() *Node {
	t.live++
	if i := t.free; i != None {
		n := t.At(i)
		t.free, n.Next = n.Next, None
		return n
	}
	if int(t.made)/chunk == len(t.nodes) {
		t.nodes = append(t.nodes, new([chunk]Node))
	}
	n := t.At(t.made)
	n.at = t.made
	t.made++
	return n
}

func (t *Table) enlist(n *Node) {
	n.indexed = true
	t.questions.put(tagOf(hostKey(n.Server, n.Question)), n.at)
	for _, l := range n.led {
		t.questions.put(tagOf(hostKey(n.Server, l)), n.at)
	}
}

func (t *Table) pushOpen(n *Node) {
	h := &t.hosts[n.Server]
	h.open++
	n.prevOpen = h.tail
	if h.tail != None {
		t.At(h.tail).nextOpen = n.at
	} else {
		h.head = n.at
	}
	h.tail = n.at
	if h.Sent > 0 {
		t.enlist(n)
	}
}

func (t *Table) unlinkOpen(n *Node) {
	h := &t.hosts[n.Server]
	h.open--
	if n.nextOpen != None {
		t.At(n.nextOpen).prevOpen = n.prevOpen
	} else {
		h.tail = n.prevOpen
	}
	if n.prevOpen != None {
		t.At(n.prevOpen).nextOpen = n.nextOpen
	} else {
		h.head = n.nextOpen
	}
	n.nextOpen, n.prevOpen = None, None
	if n.indexed {
		n.indexed = false
		t.questions.drop(tagOf(hostKey(n.Server, n.Question)), n.at)
		for _, l := range n.led {
			t.questions.drop(tagOf(hostKey(n.Server, l)), n.at)
		}
	}
}

// rest lets go of what a host sent for nobody, once no question of it is open.
func (t *Table) rest(host int32) {
	h := &t.hosts[host]
	if h.open > 0 || h.orphans == None {
		return
	}
	for i := h.orphans; i != None; {
		o := t.At(i)
		next := o.Next
		o.Next, o.Match = None, Apart
		t.strand(o)
		i = next
	}
	h.orphans, h.lastOrphan, h.nOrphans = None, None, 0
}

func (t *Table) pushAge(n *Node) {
	n.prevAge = t.newest
	if t.newest != None {
		t.At(t.newest).nextAge = n.at
	} else {
		t.oldest = n.at
	}
	t.newest = n.at
}

func (t *Table) unlinkAge(n *Node) {
	if n.nextAge != None {
		t.At(n.nextAge).prevAge = n.prevAge
	} else {
		t.newest = n.prevAge
	}
	if n.prevAge != None {
		t.At(n.prevAge).nextAge = n.nextAge
	} else {
		t.oldest = n.prevAge
	}
	n.nextAge, n.prevAge = None, None
}
