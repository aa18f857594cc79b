package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/authority"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// Stage is where exchanges are played.
type Stage struct {
	Seed uint64
	TLS  bool // what is not QUIC goes under TLS
	MTU  uint32
	RTT  time.Duration // the longest there is
	// Limit is longer than all.
	Limit time.Duration
	Now   func() events.Time

	// Dial connects from a host and, where port is not 0 and free, from that
	// port.
	Dial   func(ctx context.Context, from netip.Addr, port uint16, to netip.AddrPort) (net.Conn, error)
	Listen func(at netip.AddrPort) (net.Listener, error)
	// ListenPacket opens a UDP socket; port 0 is any.
	ListenPacket func(at netip.AddrPort) (net.PacketConn, error)
	Name         func(netip.Addr) string // of the host with this address
}

// Player plays exchanges.
type Player struct {
	Stage
	exchanges      []*Exchange
	servers        map[place]*server
	lanes          []*lane
	client, server witness.Side
	trusted        *x509.CertPool

	mu      sync.Mutex // also guards all Told while it plays
	closers []func()
	keys    strings.Builder
}

// place is a server's address and what it speaks there.
type place struct {
	at      netip.AddrPort
	version Version
}

// New starts the servers. The exchanges are in an order in which none waits
// for a later one. Close ends it, after an error too.
func New(st Stage, xs []*Exchange) (*Player, error) {
	p := &Player{Stage: st, exchanges: xs, servers: map[place]*server{}}
	p.client.Now, p.server.Now = st.Now, st.Now
	ca, err := authority.New(st.Seed)
	if err != nil {
		return p, err
	}
	p.trusted = ca.Pool()
	type key struct {
		client  netip.Addr
		server  netip.AddrPort
		lane    int
		version Version
	}
	lanes := map[key]*lane{}
	var order []*server
	for _, x := range xs {
		x.sent, x.found, x.head, x.done = make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		at := place{p.port(x), x.Version}
		s := p.servers[at]
		if s == nil {
			s = &server{p: p, place: at, waiting: map[question][]*Exchange{}, certificates: map[string]*tls.Certificate{}}
			p.servers[at] = s
			order = append(order, s)
		}
		authority, _ := x.aim(x.Version)
		name := serverName(authority, x.Server.Addr())
		if p.secure(x.Version) && s.certificates[name] == nil {
			cert, err := ca.Issue(name)
			if err != nil {
				return p, err
			}
			s.certificates[name] = &cert
		}
		k := key{x.Client, at.at, x.Lane, x.Version}
		l := lanes[k]
		if l == nil {
			l = newLane(p, x, s, name)
			lanes[k] = l
			p.lanes = append(p.lanes, l)
		}
		x.lane, x.prev = l, l.last
		l.last = x
		l.left++
	}
	for _, s := range order {
		if err := s.start(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *Player) secure(v Version) bool { return v == HTTP3 || p.TLS }

// scheme is that of the URLs of a version.
func (p *Player) scheme(v Version) string {
	if p.secure(v) {
		return "https"
	}
	return "http"
}

// port is where the server of x listens now.
func (p *Player) port(x *Exchange) netip.AddrPort {
	if p.secure(x.Version) && x.Server.Port() == 80 {
		return netip.AddrPortFrom(x.Server.Addr(), 443)
	}
	return x.Server
}

// serverName is the name in certificates: that of the authority, or, where it
// can be none, the server's address.
func serverName(authority string, addr netip.Addr) string {
	name := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		name = h
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.String()
	}
	if len(name) == 0 || len(name) > 253 {
		return addr.String()
	}
	for label := range strings.SplitSeq(strings.ToLower(name), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(label, "-") != label {
			return addr.String()
		}
	}
	return strings.ToLower(name)
}

// Run plays all; begin is when Start is counted from. What fails is told in
// its exchange; an error means that it was given up.
func (p *Player) Run(ctx context.Context, begin time.Time) error {
	stop := context.AfterFunc(ctx, p.hangUp)
	defer stop()
	var wg sync.WaitGroup
	for _, x := range p.exchanges {
		wg.Go(func() { p.play(ctx, x, begin) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

// play is one exchange, from waiting on.
func (p *Player) play(ctx context.Context, x *Exchange, begin time.Time) {
	defer close(x.done)
	var sent, head sync.Once
	heard := func() { head.Do(func() { close(x.head) }) }
	asked := func() { sent.Do(func() { close(x.sent) }) }
	defer heard()
	defer asked()
	err := p.wait(ctx, x, begin)
	if err == nil {
		err = x.lane.exchange(ctx, x, asked, heard)
	}
	p.with(func() { x.Told.Err = err })
	x.lane.leave(ctx)
}

// wait lets x begin when it is due.
func (p *Player) wait(ctx context.Context, x *Exchange, begin time.Time) error {
	until := func(c <-chan struct{}) error { return await(ctx, c, nil) }
	pause := time.Until(begin.Add(x.Start))
	if x.After != nil {
		over := x.After.done
		if x.Head {
			over = x.After.head
		}
		if err := until(over); err != nil {
			return err
		}
		pause = x.Think
	}
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	if x.Version == HTTP1 && x.Behind != nil {
		if err := until(x.Behind.done); err != nil {
			return err
		}
	}
	if y := x.prev; y != nil {
		switch {
		case x.Version == HTTP1 && x.lane.parallel == 1:
			return until(y.done)
		case y.After == x.After && y.Head == x.Head && y.Start <= x.Start && y.Think <= x.Think:
			return until(y.sent) // so that requests go in their order
		}
	}
	return nil
}

// await waits for one of two.
func await(ctx context.Context, a, b <-chan struct{}) error {
	select {
	case <-a:
	case <-b:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// with runs f while nobody else notes something.
func (p *Player) with(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// onEnd has f called at the end.
func (p *Player) onEnd(f func()) { p.with(func() { p.closers = append(p.closers, f) }) }

// hangUp closes all connections, so that nobody waits for ever.
func (p *Player) hangUp() {
	for _, side := range []*witness.Side{&p.client, &p.server} {
		for _, c := range side.Conns() {
			_ = c.Close() // most are closed already
		}
	}
}

// Close ends all. Nothing runs afterwards.
func (p *Player) Close() {
	p.hangUp()
	var closers []func()
	p.with(func() { closers, p.closers = p.closers, nil })
	for i := len(closers) - 1; i >= 0; i-- {
		closers[i]()
	}
}

// Write takes the secrets of TLS and QUIC, line by line.
func (p *Player) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys.Write(line)
}

// Keys are the secrets of TLS and QUIC in NSS key log form.
func (p *Player) Keys() []byte { return []byte(p.keys.String()) }

// end is a span at the host with that address.
func (p *Player) end(a netip.Addr, start, end time.Time) truth.End {
	return truth.End{Host: p.Name(a), Start: start, End: end}
}

func (p *Player) now() time.Time { return p.Now().Std() }

// Of a packet of IPv6, headers are those of IP and UDP.
const headers = 40 + 8

// MinQUIC is the smallest MTU that QUIC can do with (RFC 9000 section 14).
const MinQUIC = 1200 + headers

// quicPayload is what a datagram holds at first: what quic-go takes, and never
// more than fits into a packet.
func (p *Player) quicPayload() uint16 {
	const usual = 1280
	if p.MTU == 0 {
		return usual
	}
	return uint16(min(usual, max(p.MTU, MinQUIC)-headers))
}
