// Package httphosting answers where sites live: the names at one address, the
// addresses of one name, and by which means clients come to a content delivery
// network. It must not follow how DNS spreads load: that is dns.mapping.
package httphosting

import (
	"net/netip"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/analyzers/sites"
	"github.com/wiretale/wiretale/events"
)

// Question is http.hosting.
var Question = analyzers.Question{
	Name: "http.hosting",
	Area: analyzers.Web,
	Doc:  "virtual hosts of each address, addresses of each name, and how clients come to a CDN",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.hosting", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Hosting{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: names and addresses are each other's.
type state struct{ *world }

type world struct {
	open    *httpopen.Table[job]
	places  map[events.Addr]*place
	names   map[string]*name
	order   []*place
	listed  []*name
	most    int    // places, and names
	members int    // of one of them
	left    uint64 // messages about places and names beyond the limit
	leftAt  []uint64

	dns        *httpfresh.Store[lookup]
	redirected *httpfresh.Store[struct{}] // client and URL that a redirect led to
}

// job is where the figures of an exchange go.
type job struct{ member *Member }

// place is an address.
type place struct {
	addr     events.Addr
	members  []*Member
	last     *Member // the one used last
	requests uint64
	nameless uint64 // TLS without SNI
	unasked  uint64 // responses whose request was not captured
	leftOff  uint64
	frames   []uint64
	tls      bool
}

// name is a host.
type name struct {
	host     string
	site     string
	members  []*spot
	last     *spot
	means    []means
	edgeOf   []string
	requests uint64
	leftOff  uint64
	frames   []uint64
}

// spot is a Member of a name, by address.
type spot struct {
	Member
	addr events.Addr
}

// means is a mechanism while the capture is read.
type means struct {
	Mechanism
	clients map[events.Addr]struct{}
	took    events.Duration
}

// mostClients is how many clients of a mechanism are told apart.
const mostClients = 256

// lookup is what DNS told of a name.
type lookup struct {
	alias string
	addrs []events.Addr
	count uint64 // answers with the alias
	frame uint64
}

// mostTold is how many addresses of one name are kept.
const mostTold = 64

func (*fold) Kinds() []events.Kind {
	return append(httpopen.Kinds(), events.KindDNSMessage, events.KindTLSClientHello)
}

func (*fold) Key(*events.Event) (struct{}, bool) { return struct{}{}, true }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.world == nil {
		if e.Body.Kind() == events.KindFlowEnd {
			return
		}
		n := 16 * max(f.limits.FoldPending, 1)
		w := &world{places: map[events.Addr]*place{}, names: map[string]*name{}, most: n, members: max(f.limits.FoldSamples, 1),
			dns: httpfresh.NewStore[lookup](n), redirected: httpfresh.NewStore[struct{}](n)}
		w.open = httpopen.New[job](f.limits, w)
		s.world = w
	}
	switch b := e.Body.(type) {
	case *events.DNSMessage:
		s.told(e, b)
	case *events.TLSClientHello:
		s.hello(e, b)
	default:
		s.open.Step(e)
	}
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.world == nil {
		return
	}
	s.open.Close()
	for _, p := range s.order {
		emit(p.addr.String(), p.row(s.world))
	}
	for _, n := range s.listed {
		emit(n.host, n.row(s.world))
	}
	if len(s.leftAt) > 0 {
		emit("all others", &Hosting{Of: Name, Undecided: "limit fold-pending: addresses and names beyond it are not told", LeftOff: s.left,
			Frames: analyzers.Frames(s.leftAt...), Filter: "http.host || http2.headers.authority || tls.handshake.extensions_server_name"})
	}
}

// told takes an answer of DNS.
func (w *world) told(e *events.Event, m *events.DNSMessage) {
	if !m.Response || len(m.Answer) == 0 {
		return
	}
	for i := range m.Answer {
		switch r := &m.Answer[i]; r.Type {
		case "CNAME":
			l := w.dns.Put(w.open.Text(plain(r.Name)))
			if to := plain(r.Data); l.alias != to {
				l.alias = strings.Clone(to)
			}
			l.see(e)
		case "A", "AAAA":
			a, err := netip.ParseAddr(r.Data)
			if err != nil {
				continue
			}
			l := w.dns.Put(w.open.Text(plain(r.Name)))
			l.see(e)
			l.add(events.AddrOf(a))
		}
	}
}

func (l *lookup) see(e *events.Event) {
	l.count++
	if l.frame == 0 {
		l.frame = e.Pos.Frame
	}
}

func (l *lookup) add(a events.Addr) {
	for _, have := range l.addrs {
		if have == a {
			return
		}
	}
	if len(l.addrs) < mostTold {
		l.addrs = append(l.addrs, a)
	}
}

// plain is a name of DNS as Host has it.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// hello takes the name that a TLS client asks for (RFC 6066 section 3).
func (w *world) hello(e *events.Event, h *events.TLSClientHello) {
	p := w.place(e.Flow.Server, e.Pos.Frame)
	if p == nil {
		return
	}
	p.tls = true
	p.frame(e.Pos.Frame)
	if h.SNI == "" {
		p.nameless++
		return
	}
	host := plain(h.SNI)
	if m := p.member(host, e.Flow.ServerPort, w.members, e.Pos.Frame); m != nil {
		m.Handshakes++
	}
	if n := w.name(host, e.Pos.Frame); n != nil {
		n.frame(e.Pos.Frame)
		if m := n.member(e.Flow.Server, w.members, e.Pos.Frame); m != nil {
			m.Handshakes++
		}
	}
}

func (w *world) place(a events.Addr, frame uint64) *place {
	if p := w.places[a]; p != nil {
		return p
	}
	if len(w.places) >= w.most {
		w.leave(frame)
		return nil
	}
	p := &place{addr: a}
	w.places[a] = p
	w.order = append(w.order, p)
	return p
}

func (w *world) name(host string, frame uint64) *name {
	if n := w.names[host]; n != nil {
		return n
	}
	if len(w.names) >= w.most {
		w.leave(frame)
		return nil
	}
	host = strings.Clone(host)
	n := &name{host: host, site: sites.Of(host)}
	w.names[host] = n
	w.listed = append(w.listed, n)
	return n
}

// leave counts what has no place for a limit.
func (w *world) leave(frame uint64) {
	w.left++
	if frame != 0 && len(w.leftAt) < analyzers.MaxFrames {
		w.leftAt = append(w.leftAt, frame)
	}
}

func (p *place) frame(f uint64) {
	if len(p.frames) < analyzers.MaxFrames {
		p.frames = append(p.frames, f)
	}
}

func (n *name) frame(f uint64) {
	if len(n.frames) < analyzers.MaxFrames {
		n.frames = append(n.frames, f)
	}
}

func (p *place) member(host string, port uint16, most int, frame uint64) *Member {
	if m := p.last; m != nil && m.Name == host && m.Port == port {
		return m
	}
	for _, m := range p.members {
		if m.Name == host && m.Port == port {
			p.last = m
			return m
		}
	}
	if len(p.members) >= most {
		p.leftOff++
		return nil
	}
	m := &Member{Name: strings.Clone(host), Port: port, FirstFrame: frame}
	p.members, p.last = append(p.members, m), m
	return m
}

func (n *name) member(a events.Addr, most int, frame uint64) *Member {
	if m := n.last; m != nil && m.addr == a {
		return &m.Member
	}
	for _, m := range n.members {
		if m.addr == a {
			n.last = m
			return &m.Member
		}
	}
	if len(n.members) >= most {
		n.leftOff++
		return nil
	}
	m := &spot{Member{Address: a.String(), FirstFrame: frame}, a}
	n.members, n.last = append(n.members, m), m
	return &m.Member
}

// literal reports whether a host is an address: it names nobody.
func literal(host string) bool {
	if host == "" {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(sites.Name(host), "[]"))
	return err == nil
}

// Opened takes a request. Who asks a proxy says nothing of what is at the
// proxy's address.
func (w *world) Opened(x *httpopen.Exchange[job]) {
	if x.Form != httpopen.Origin {
		return
	}
	p := w.place(x.Flow.Server, x.RequestFrame)
	if p == nil {
		return
	}
	if x.RequestFrame == 0 {
		p.unasked++
		return
	}
	p.requests++
	p.frame(x.RequestFrame)
	if x.Site.Rest {
		w.leave(x.RequestFrame)
		return
	}
	if literal(x.Site.Host) {
		return
	}
	if m := p.member(x.Site.Host, x.Flow.ServerPort, w.members, x.RequestFrame); m != nil {
		m.Requests++
		x.User.member = m
	}
	n := w.name(x.Site.Host, x.RequestFrame)
	if n == nil {
		return
	}
	n.requests++
	n.frame(x.RequestFrame)
	if m := n.member(x.Flow.Server, w.members, x.RequestFrame); m != nil {
		m.Requests++
	}
}

// Answered takes a response's status and what it tells of caches.
func (w *world) Answered(x *httpopen.Exchange[job]) {
	if x.Form != httpopen.Origin {
		return
	}
	if x.RequestFrame == 0 {
		if p := w.places[x.Flow.Server]; p != nil {
			p.frame(x.ResponseFrame)
		}
		return
	}
	if m := x.User.member; m != nil {
		switch s := x.Response.Status; {
		case s == 404, s == 410, s == 421:
			m.Missing++
		default:
			m.Found++
		}
	}
	n := w.names[x.Site.Host]
	if n == nil {
		return
	}
	if to, ok := cacheBefore(x.Response); ok {
		n.shown(w.members, ByHeaders, to, x.Flow.Client, x.ResponseFrame)
	}
}

// Over takes what shows only when it is known what the server did upstream.
func (w *world) Over(x *httpopen.Exchange[job]) {
	if x.RequestFrame == 0 || x.Form != httpopen.Origin {
		return
	}
	n := w.names[x.Site.Host]
	if n == nil {
		return
	}
	if f := x.Forward; f.Host != "" && f.Host != n.host {
		n.edge(f.Host)
	}
	if x.Response != nil && x.Response.Status >= 300 && x.Response.Status < 400 {
		w.redirect(n, x)
	}
	w.rewritten(n, x)
}

// redirect: the same object, at another site.
func (w *world) redirect(n *name, x *httpopen.Exchange[job]) {
	scheme, host, path, ok := httpopen.Split(events.Get(x.Response.Headers, "Location"))
	if !ok || sites.Of(host) == n.site {
		return
	}
	w.redirected.Put(w.key(x.Flow.Client, w.open.Hash(scheme, host, path)))
	own := x.Path()
	if len(own) <= 1 || !strings.HasSuffix(path, own) {
		return
	}
	if m := n.shown(w.members, ByRedirect, host, x.Flow.Client, x.ResponseFrame); m != nil {
		m.took += x.Took()
	}
}

// rewritten: a page of another site named this. It is that site's own if its
// name is in the path, or if this server fetches from there.
func (w *world) rewritten(n *name, x *httpopen.Exchange[job]) {
	ref := events.Get(x.Request.Headers, "Referer")
	if ref == "" {
		return
	}
	_, host, _, ok := httpopen.Split(ref)
	if !ok || host == n.host {
		return
	}
	page := w.names[host]
	if page == nil || page.site == n.site || w.redirected.Get(w.key(x.Flow.Client, x.URL)) != nil {
		return
	}
	if n.isEdgeOf(host) || within(x.Path(), host) {
		page.shown(w.members, ByRewriting, n.host, x.Flow.Client, x.RequestFrame)
	}
}

// within reports whether a path has a host as one of its parts.
func within(path, host string) bool {
	path, _, _ = strings.Cut(path, "?") // there, those who count visits are told of the page
	i := strings.Index(path, host)
	return i > 0 && path[i-1] == '/' && (i+len(host) == len(path) || path[i+len(host)] == '/')
}

func (w *world) key(client events.Addr, url uint64) uint64 {
	return url*0x9e3779b97f4a7c15 ^ w.open.Client(client)
}

// mostEdges is how many names one edge is followed for.
const mostEdges = 256

func (n *name) edge(of string) {
	if !n.isEdgeOf(of) && len(n.edgeOf) < mostEdges {
		n.edgeOf = append(n.edgeOf, of)
	}
}

func (n *name) isEdgeOf(host string) bool {
	for _, e := range n.edgeOf {
		if e == host {
			return true
		}
	}
	return false
}

// shown counts what shows a mechanism.
func (n *name) shown(most int, how How, to string, client events.Addr, frame uint64) *means {
	var m *means
	for i := range n.means {
		if n.means[i].How == how && n.means[i].To == to {
			m = &n.means[i]
			break
		}
	}
	if m == nil {
		if len(n.means) >= most {
			n.leftOff++
			return nil
		}
		n.means = append(n.means, means{Mechanism: Mechanism{How: how, To: strings.Clone(to), FirstFrame: frame}, clients: map[events.Addr]struct{}{}})
		m = &n.means[len(n.means)-1]
	}
	m.Count++
	if len(m.clients) < mostClients {
		m.clients[client] = struct{}{}
	}
	return m
}
