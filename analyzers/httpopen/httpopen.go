// Package httpopen follows HTTP requests until their responses are over, and
// tells on behalf of which request a server sent each of its own: a proxy's,
// or the edge of a content network's. Questions about caches and hosts share
// it. It must not judge what messages say.
//
// An event has two ends, and one of them may be asked on one side and ask on
// the other; which one it is shows only later. So all requests of a capture
// are in one Table, whose parts are bounded.
package httpopen

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/sites"
	"github.com/wiretale/wiretale/events"
)

// Watcher is told what becomes of each exchange. Over comes exactly once, after
// Opened; Answered at most once between them.
type Watcher[U any] interface {
	Opened(x *Exchange[U])
	Answered(x *Exchange[U])
	Over(x *Exchange[U])
}

// Kinds are the events that Step needs.
func Kinds() []events.Kind {
	return []events.Kind{events.KindFlowEnd, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody}
}

// searched is how many open requests of one server are looked at to find the
// one that a request was sent for.
const searched = 1024

// Table holds the exchanges that are under way.
type Table[U any] struct {
	watch   Watcher[U]
	seed    maphash.Seed
	pending int // of one connection
	most    int // of all
	open    int
	conns   map[events.StreamKey][]*Exchange[U]
	lists   [][]*Exchange[U] // of connections that are over, to be used again
	free    []*Exchange[U]
	servers map[events.Addr][]*Exchange[U] // not answered yet, oldest first
	oldest  *Exchange[U]
	newest  *Exchange[U]

	sites    map[siteKey]*Site
	maxSites int
	rest     *Site

	// Limited counts the exchanges that were given up early for a limit.
	Limited uint64
}

type siteKey struct {
	server events.Addr
	host   string
}

// New makes a Table within limits.
func New[U any](l *events.Limits, w Watcher[U]) *Table[U] {
	n := max(l.FoldPending, 1)
	return &Table[U]{
		watch: w, seed: maphash.MakeSeed(), pending: n, most: 16 * n, maxSites: 16 * n,
		conns: map[events.StreamKey][]*Exchange[U]{}, servers: map[events.Addr][]*Exchange[U]{}, sites: map[siteKey]*Site{},
	}
}

// Step takes the next event of the capture, in Pos order.
func (t *Table[U]) Step(e *events.Event) {
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		t.request(e, b)
	case *events.HTTPResponse:
		t.response(e, b)
	case *events.HTTPBody:
		t.body(e, b)
	case *events.FlowEnd:
		if list := t.conns[e.Key()]; list != nil {
			for len(list) > 0 {
				t.over(list[0])
				list = t.conns[e.Key()]
			}
		}
	}
}

// Close ends all that is under way.
func (t *Table[U]) Close() {
	for t.oldest != nil {
		t.over(t.oldest)
	}
}

// Hash is that of a URL, as in Exchange.URL.
func (t *Table[U]) Hash(scheme, host, path string) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.WriteString(scheme) // never fails
	_ = h.WriteByte(0)
	_, _ = h.WriteString(host)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(path)
	return h.Sum64()
}

// Client is the hash of an address.
func (t *Table[U]) Client(a events.Addr) uint64 { return maphash.Bytes(t.seed, a[:]) }

// Text is the hash of any text.
func (t *Table[U]) Text(s string) uint64 { return maphash.String(t.seed, s) }

func (t *Table[U]) site(server events.Addr, host string) *Site {
	if s := t.sites[siteKey{server, host}]; s != nil {
		return s
	}
	if len(t.sites) >= t.maxSites {
		if t.rest == nil {
			t.rest = &Site{Rest: true}
		}
		return t.rest
	}
	host = strings.Clone(host) // it is a part of a head
	s := &Site{Server: server, Host: host, Domain: sites.Of(host)}
	t.sites[siteKey{server, host}] = s
	return s
}

func (t *Table[U]) add(x *Exchange[U]) {
	for t.open >= t.most {
		t.Limited++
		t.over(t.oldest)
	}
	k := x.Key()
	list := t.conns[k]
	if len(list) >= t.pending {
		t.Limited++
		t.over(list[0])
		list = t.conns[k]
	}
	if list == nil {
		list = t.list()
	}
	t.conns[k] = append(list, x)
	t.open++
	if x.older = t.newest; t.newest != nil {
		t.newest.newer = x
	} else {
		t.oldest = x
	}
	t.newest = x
}

// list is an empty one, used before where there is such.
func (t *Table[U]) list() []*Exchange[U] {
	if n := len(t.lists); n > 0 {
		l := t.lists[n-1]
		t.lists = t.lists[:n-1]
		return l
	}
	return nil
}

func (t *Table[U]) spare(l []*Exchange[U]) {
	if len(t.lists) < 1024 && cap(l) <= 8 {
		clear(l)
		t.lists = append(t.lists, l[:0])
	}
}

func (t *Table[U]) take() *Exchange[U] {
	if n := len(t.free); n > 0 {
		x := t.free[n-1]
		t.free = t.free[:n-1]
		return x
	}
	return &Exchange[U]{}
}

func (t *Table[U]) request(e *events.Event, r *events.HTTPRequest) {
	x := t.take()
	x.Request, x.Flow, x.Stream, x.Layer = r, e.Flow, e.Stream, e.Layer
	x.RequestFrame, x.Asked, x.Truncated = e.Pos.Frame, r.FirstTime, e.Truncated
	switch {
	case r.Method == "CONNECT":
		x.Form = Tunnel
	case absolute(r.Target) > 0:
		x.Form = Absolute
	}
	scheme := x.Scheme()
	host := Authority(scheme, r.Host)
	if host == "" {
		host = e.Flow.Server.String()
	}
	x.Site = t.site(e.Flow.Server, host)
	x.URL = t.Hash(scheme, host, x.Path())
	if open := t.servers[e.Flow.Client]; open != nil {
		t.behalf(x, open)
	}
	open := t.servers[e.Flow.Server]
	for _, o := range open[:min(len(open), searched)] {
		if o.URL == x.URL && (o.Forward.Progress != NotForwarded || o.Joined) {
			x.Joined = true
			break
		}
	}
	if open == nil {
		open = t.list()
	}
	t.servers[e.Flow.Server] = append(open, x)
	t.add(x)
	t.watch.Opened(x)
}

// likeness is how sure it is that a request was sent for another one.
type likeness uint8

const (
	unlike likeness = iota
	again           // the same URL, for which one was sent already
	tail            // the path upstream ends that downstream, or it has the host in it: a rewritten URL
	target          // the same path at another host
	equal           // the same URL
)

func (t *Table[U]) like(x, of *Exchange[U]) likeness {
	switch {
	case x.Request.Method != of.Request.Method && x.Request.Method != "GET":
		return unlike
	case x.URL == of.URL:
		if of.Forward.Progress != NotForwarded {
			return again
		}
		return equal
	case of.Forward.Progress != NotForwarded:
		return unlike
	}
	// A path that says nothing could be anybody's.
	up, down := x.Path(), of.Path()
	switch {
	case len(up) <= 1 || len(down) <= 1:
		return unlike
	case up == down:
		return target
	case strings.HasSuffix(down, up), strings.HasSuffix(up, down):
		return tail
	}
	return unlike
}

// behalf finds the open request that x was sent for.
func (t *Table[U]) behalf(x *Exchange[U], open []*Exchange[U]) {
	var best *Exchange[U]
	sure := unlike
	for _, o := range open[:min(len(open), searched)] {
		if l := t.like(x, o); l > sure {
			best, sure = o, l
		}
	}
	if best == nil {
		return
	}
	x.Account = ForReverse
	if best.Form != Origin {
		x.Account = ForProxy
	}
	best.Site.Forwarded++
	tag, since := Conditions(x.Request.Headers)
	if best.child != nil {
		best.child.parent = nil
	}
	f := Forward{Progress: Sent, Conditional: tag != "" || since != "", Frame: x.RequestFrame, Host: x.Site.Host, Server: x.Flow.Server}
	if best.Forward.Frame != 0 {
		f.Frame = best.Forward.Frame
	}
	best.Forward, best.child, x.parent = f, x, best
}

// find is the exchange that a message on a stream belongs to; frame is that of
// its request.
func (t *Table[U]) find(list []*Exchange[U], httpStream, frame uint64, answered bool) int {
	for i, x := range list {
		if x.Request.HTTPStream == httpStream && x.RequestFrame == frame && (x.Response != nil) == answered {
			return i
		}
	}
	return -1
}

func (t *Table[U]) response(e *events.Event, r *events.HTTPResponse) {
	if r.Interim && r.Status != 101 {
		return
	}
	k := e.Key()
	list := t.conns[k]
	i := -1
	if r.RequestFrame != 0 {
		i = t.find(list, r.HTTPStream, r.RequestFrame, false)
	}
	// HTTP/1 answers in order (RFC 9112 section 9.3.2).
	for ; i > 0 && r.HTTPStream == 0; i-- {
		t.over(list[0])
		list = t.conns[k]
	}
	var x *Exchange[U]
	if i >= 0 {
		x = list[i]
	} else {
		// Its request was not captured.
		x = t.take()
		x.Request, x.Flow, x.Stream, x.Layer = &events.HTTPRequest{HTTPStream: r.HTTPStream}, e.Flow, e.Stream, e.Layer
		x.Site, x.Asked = t.site(e.Flow.Server, ""), r.FirstTime
		t.add(x)
		t.watch.Opened(x)
	}
	x.Response, x.ResponseFrame, x.EndFrame = r, e.Pos.Frame, e.Pos.Frame
	x.FirstByte, x.Ended = r.FirstTime, e.Time
	x.Truncated = x.Truncated || e.Truncated
	if x.Forward.Progress == Sent {
		x.Forward.Progress = Late
	}
	if p := x.parent; p != nil && p.Forward.Progress == Sent {
		p.Forward.Progress, p.Forward.Status = Answered, r.Status
	}
	t.leave(x)
	t.settle(x)
	t.watch.Answered(x)
	if !r.HasBody {
		x.Ending = Complete
		t.over(x)
	}
}

// settle finds out for which of several that wait for the same URL a request
// was sent upstream, when x, one of them, is answered: not for one that is told
// to be from the cache; else for the one that is answered first, for the others
// wait for its answer.
func (t *Table[U]) settle(x *Exchange[U]) {
	if x.RequestFrame == 0 || x.Forward.Progress != NotForwarded && x.Forward.Progress != Answered {
		return
	}
	open := t.servers[x.Flow.Server]
	for _, o := range open[:min(len(open), searched)] {
		if o.URL != x.URL || o.RequestFrame == 0 {
			continue
		}
		mine, other := &x.Forward, &o.Forward
		hit := httpfresh.Tell(x.Response).Outcome == httpfresh.Hit
		switch {
		case mine.Progress == NotForwarded && other.Progress == Answered && x.RequestFrame < other.Frame && !hit:
			t.move(o, x)
			return
		case mine.Progress == Answered && other.Progress == NotForwarded && o.RequestFrame < mine.Frame && hit:
			t.move(x, o)
			return
		}
	}
}

// move makes what was sent for one request be sent for another.
func (t *Table[U]) move(from, to *Exchange[U]) {
	to.Forward, from.Forward = from.Forward, Forward{}
	to.Joined, from.Joined = false, true
	if to.child = from.child; to.child != nil {
		to.child.parent = to
	}
	from.child = nil
}

func (t *Table[U]) body(e *events.Event, b *events.HTTPBody) {
	if b.Of != "response" {
		return
	}
	list := t.conns[e.Key()]
	i := t.find(list, b.HTTPStream, b.RequestFrame, true)
	if i < 0 {
		return
	}
	x := list[i]
	x.WireBytes, x.Missing, x.Ended, x.EndFrame = b.WireBytes, b.Missing, e.Time, e.Pos.Frame
	if x.Ending = Incomplete; b.Complete {
		x.Ending = Complete
	}
	t.over(x)
}

// leave takes x from those that wait for an answer.
func (t *Table[U]) leave(x *Exchange[U]) {
	open := t.servers[x.Flow.Server]
	i := slices.Index(open, x)
	switch {
	case i < 0:
	case len(open) == 1:
		delete(t.servers, x.Flow.Server)
		t.spare(open)
	default:
		t.servers[x.Flow.Server] = slices.Delete(open, i, i+1)
	}
}

// over ends x and takes it out.
func (t *Table[U]) over(x *Exchange[U]) {
	if x.Ending == Open {
		if x.Ending = Incomplete; x.Response == nil {
			x.Ending = Unanswered
		}
	}
	if x.Response == nil {
		t.leave(x)
	}
	k := x.Key()
	list := t.conns[k]
	if i := slices.Index(list, x); len(list) == 1 && i == 0 {
		delete(t.conns, k)
		t.spare(list)
	} else if i >= 0 {
		t.conns[k] = slices.Delete(list, i, i+1)
	}
	if x.older != nil {
		x.older.newer = x.newer
	} else {
		t.oldest = x.newer
	}
	if x.newer != nil {
		x.newer.older = x.older
	} else {
		t.newest = x.older
	}
	t.open--
	t.watch.Over(x)
	if x.child != nil {
		x.child.parent = nil
	}
	if x.parent != nil {
		x.parent.child = nil
	}
	*x = Exchange[U]{}
	if len(t.free) < 1024 {
		t.free = append(t.free, x)
	}
}
