package p2pbound

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// leastFile is how long an object of HTTP must be to be looked at, in bytes:
// below that nobody waits for rates.
const leastFile = 16 << 10

// objects are those that a server sends now, or sent last. The same object is
// one of the same server and length.
type objects struct {
	most  int
	of    map[object]*group
	order []object
	next  int
}

type object struct {
	server events.Addr
	port   uint16
	bytes  int64
}

// group is an object that several received at the same time.
type group struct {
	first, last events.Time
	clients     []client
	more        int // beyond shownPeers
	frames      []uint64
	keys        []events.StreamKey
}

type client struct {
	addr events.Addr
	from events.Time
	Peer
}

func (o *objects) add(e *events.Event, b *events.HTTPBody, emit analyzers.Emit) {
	k := object{e.Flow.Server, e.Flow.ServerPort, b.Bytes}
	g := o.of[k]
	if g != nil && b.FirstTime > g.last {
		g.emit(k, emit) // nobody was receiving it any more
		*g = group{}
	}
	if g == nil {
		if o.of == nil {
			o.of = map[object]*group{}
		}
		if len(o.order) < o.most {
			o.order = append(o.order, k)
		} else {
			old := o.order[o.next]
			o.of[old].emit(old, emit)
			delete(o.of, old)
			o.order[o.next] = k
			o.next = (o.next + 1) % o.most
		}
		g = &group{}
		o.of[k] = g
	}
	g.add(e, b)
}

func (g *group) add(e *events.Event, b *events.HTTPBody) {
	if len(g.clients) == 0 || b.FirstTime < g.first {
		g.first = b.FirstTime
	}
	g.last = max(g.last, e.Time)
	for i := range g.clients {
		if g.clients[i].addr == e.Flow.Client {
			return // once more to the same one
		}
	}
	if len(g.clients) >= shownPeers {
		g.more++
		return
	}
	c := client{addr: e.Flow.Client, from: e.Time}
	c.Peer.Peer = netip.AddrPortFrom(e.Flow.Client.IP(), e.Flow.ClientPort).String()
	if d := e.Time.Sub(b.FirstTime); d > 0 {
		c.Down = float64(b.Bytes) / d.Std().Seconds()
	}
	g.clients = append(g.clients, c)
	if len(g.frames) < analyzers.MaxFrames {
		g.frames = append(g.frames, b.FirstFrame)
		g.keys = append(g.keys, e.Key())
	}
}

func (o *objects) close(emit analyzers.Emit) {
	for _, k := range o.order {
		o.of[k].emit(k, emit)
	}
}

// emit tells of an object that two or more received at the same time.
func (g *group) emit(k object, emit analyzers.Emit) {
	n := len(g.clients)
	if n < 2 {
		return
	}
	server := netip.AddrPortFrom(k.server.IP(), k.port).String()
	v := &Value{What: ByServer, Server: server, File: k.bytes, FileBy: "body", N: n + g.more, Complete: n + g.more, Frames: analyzers.Frames(g.frames...)}
	if g.more > 0 {
		v.Limited = fmt.Sprintf("only the first %d clients are looked at", shownPeers)
	}
	took := g.last.Sub(g.first)
	v.Took = &took
	if took <= 0 {
		v.Undecided = "it came in one moment"
	} else {
		v.SeedUp = float64(v.N) * float64(k.bytes) / took.Std().Seconds()
	}
	v.LeastDn = g.clients[0].Down
	quick := took
	for _, c := range g.clients {
		d := c.from.Sub(g.first)
		quick = min(quick, d)
		c.Took = &d
		v.LeastDn = min(v.LeastDn, c.Down)
		v.Peers = append(v.Peers, c.Peer)
	}
	v.First = &quick
	slices.SortStableFunc(v.Peers, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(*b.Took, *a.Took), strings.Compare(a.Peer, b.Peer))
	})
	for i, s := range g.keys {
		if i > 0 {
			v.Filter += " || "
		}
		v.Filter += s.Filter()
	}
	if v.Undecided == "" && v.LeastDn == 0 {
		v.Undecided = "to some it came in one moment"
	}
	if v.Undecided == "" {
		v.bounds()
	}
	emit(fmt.Sprintf("%s %d bytes", server, k.bytes), v)
}
