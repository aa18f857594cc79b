package rerun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// buffer is how much is read at once.
const buffer = 64 << 10

// stage is a script while it is played.
type stage struct {
	net      *simnet.Network
	hosts    map[netip.Addr]*simnet.Host
	p        scenarios.Params
	patience time.Duration // for a datagram that may be lost

	between map[[2]netip.Addr]time.Duration // round trips that are not p.RTT
	cast    map[ends]*role
	of      map[*Conversation]*role
	sockets map[netip.AddrPort]*socket
	mouths  map[netip.AddrPort]*mouth
	web     *web.Player    // nil: the libraries play nothing
	wg      sync.WaitGroup // of those who listen

	mu      sync.Mutex
	closers []func() error
	over    bool
	used    map[ends]bool // TCP connections, by the ports that they have
}

// ends name a conversation as it is played.
type ends struct{ client, server netip.AddrPort }

// role is one conversation with what becomes of its messages.
type role struct {
	*Conversation
	start     time.Duration // after the beginning of the run
	think     time.Duration // at most
	sent, got []truth.End   // by index of Messages
	// said and heard are closed when a message of TCP was sent and received.
	said, heard []chan struct{}
	connection  truth.Connection
	accepted    chan net.Conn
	boxes       [2]chan []byte // datagrams, by events.Dir of the receiver
}

// play runs the script and tells what was said.
func (s *Script) play(ctx context.Context, p scenarios.Params, think time.Duration, between map[[2]netip.Addr]time.Duration) (*scenarios.Result, error) {
	longest := p.RTT
	for _, d := range between {
		longest = max(longest, min(d, replay.MaxRTT))
	}
	roles, used, limit := s.roles(think)
	limit += s.bound(&p, len(roles), longest)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("rerun: not over after %s", limit.Round(time.Second)))
	defer cancel()
	network, err := simnet.New(simnet.Config{Seed: p.Seed, At: p.At, MTU: p.MTU})
	if err != nil {
		return nil, err
	}
	st := &stage{net: network, hosts: map[netip.Addr]*simnet.Host{}, p: p, patience: 10 * time.Second, between: between, used: used,
		cast: map[ends]*role{}, of: map[*Conversation]*role{}, sockets: map[netip.AddrPort]*socket{}, mouths: map[netip.AddrPort]*mouth{}}
	if p.Loss > 0 {
		st.patience = time.Second + 2*longest + 2*p.Jitter
	}
	r := &scenarios.Result{}
	if err = st.build(roles, s.exchanges, r); err == nil && len(s.exchanges) > 0 {
		err = st.openWeb(s.played(), longest, limit)
	}
	if err == nil {
		stop := context.AfterFunc(ctx, st.closeAll)
		if err = st.run(ctx, roles); err == nil {
			err = network.Quiet(ctx, longest+50*time.Millisecond)
		}
		stop()
	}
	if st.web != nil {
		st.web.Close()
	}
	st.closeAll()
	if cerr := network.Close(); err == nil {
		err = cerr
	}
	st.wg.Wait()
	if err != nil {
		return nil, err
	}
	if err := st.tell(roles, &r.Truth); err != nil {
		return nil, err
	}
	if st.web != nil {
		r.Keys = st.web.Keys()
	}
	r.Recording = network.Recording()
	return r, nil
}

// bound is longer than the network and this machine can need, beside the
// thinking of the hosts that are played message by message.
func (s *Script) bound(p *scenarios.Params, roles int, longest time.Duration) time.Duration {
	d := time.Minute
	trips := 20 * roles
	depth := map[*web.Exchange]int{}
	deepest := 0
	for _, x := range s.played() {
		d += x.Think + x.Ready
		depth[x] = 1 + max(depth[x.After], depth[x.Behind])
		deepest = max(deepest, depth[x])
	}
	trips += 20 * (deepest + 1)
	d += time.Duration(trips) * (longest + 2*p.Jitter)
	if p.Rate > 0 {
		var bytes int64
		for _, c := range s.Conversations {
			for _, m := range c.Messages {
				bytes += int64(len(m.Bytes))
			}
		}
		for _, x := range s.played() {
			bytes += int64(len(x.Content) + len(x.Body))
		}
		d += time.Duration(float64(bytes) * 8 * 3 / float64(p.Rate) * float64(time.Second))
	}
	if p.Loss > 0 {
		d += time.Minute + time.Duration(deepest+1)*5*time.Second // retransmissions double their distance
	}
	return d
}

// played are the exchanges for the libraries.
func (s *Script) played() []*web.Exchange {
	out := make([]*web.Exchange, len(s.exchanges))
	for i, n := range s.exchanges {
		out[i] = n.played
	}
	return out
}

// openWeb starts the servers of the libraries.
func (st *stage) openWeb(xs []*web.Exchange, longest, limit time.Duration) (err error) {
	st.web, err = web.New(web.Stage{
		Seed: st.p.Seed, TLS: st.p.TLS, MTU: st.p.MTU, RTT: longest, Limit: limit, Now: st.net.Now, Dial: st.dial,
		Listen: func(at netip.AddrPort) (net.Listener, error) { return st.listen(at) },
		ListenPacket: func(at netip.AddrPort) (net.PacketConn, error) {
			return st.hosts[at.Addr()].ListenPacket("udp", at.String())
		},
		Name: func(a netip.Addr) string { return st.hosts[a].Name() },
	}, xs)
	return err
}

// roles gives each conversation its beginning and its ports: those of the
// capture, but that a port which is used twice is made up the second time. The
// result is in order of time.
func (s *Script) roles(think time.Duration) (out []*role, used map[ends]bool, longest time.Duration) {
	type port struct {
		udp bool
		at  netip.AddrPort
	}
	taken := map[port]bool{}
	for _, c := range s.Conversations {
		taken[port{c.Proto == "udp", c.Server}] = true
		if c.Proto == "tcp" {
			continue
		}
		taken[port{true, c.Client}] = true
	}
	used = map[ends]bool{}
	begin := s.beginnings(think)
	for _, c := range s.Conversations {
		r := newRole(c, begin[c], think)
		c.from = c.Client
		udp := c.Proto == "udp"
		for n := uint16(firstPort); ; n++ {
			k := ends{c.from, c.Server}
			free := !used[k]
			if !udp {
				free = !taken[port{udp, c.from}]
			}
			if free && c.from.Port() != 0 {
				used[k] = true
				taken[port{udp, c.from}] = true
				break
			}
			c.from = netip.AddrPortFrom(c.Client.Addr(), n)
		}
		total := begin[c]
		for _, m := range c.Messages {
			total += min(m.Think, think)
		}
		longest = max(longest, total)
		out = append(out, r)
	}
	s.shortened = 0
	for _, n := range s.exchanges {
		s.shortened += n.when(begin[n.c], think)
		longest = max(longest, n.played.Start)
	}
	for _, c := range s.Conversations {
		for _, m := range c.Messages {
			if m.Think > think {
				s.shortened++
			}
		}
	}
	return out, used, longest
}

// beginnings is when each conversation begins, after the first: as it was, but
// that nothing happens for no longer than a host thinks.
func (s *Script) beginnings(think time.Duration) map[*Conversation]time.Duration {
	all := append(slices.Clone(s.Conversations), s.talks...)
	slices.SortStableFunc(all, func(a, b *Conversation) int { return cmp.Compare(a.Start, b.Start) })
	out := map[*Conversation]time.Duration{}
	var at time.Duration
	for i, c := range all {
		if i > 0 {
			at += min(c.Start.Sub(all[i-1].Start).Std(), think)
		}
		out[c] = at
	}
	return out
}

func newRole(c *Conversation, start, think time.Duration) *role {
	n := len(c.Messages)
	r := &role{Conversation: c, start: start, think: think, accepted: make(chan net.Conn, 1), sent: make([]truth.End, n), got: make([]truth.End, n)}
	r.boxes = [2]chan []byte{make(chan []byte, n+16), make(chan []byte, n+16)}
	for range n {
		r.said, r.heard = append(r.said, make(chan struct{})), append(r.heard, make(chan struct{}))
	}
	return r
}

// build makes hosts, links and servers.
func (st *stage) build(roles []*role, exchanges []*exchange, r *scenarios.Result) error {
	joined := map[[2]netip.Addr]bool{}
	host := func(a netip.Addr, role string) error {
		if st.hosts[a] != nil {
			return nil
		}
		h, err := st.net.AddHost(a.String(), a)
		if err != nil {
			return err
		}
		st.hosts[a] = h
		r.Truth.Hosts = append(r.Truth.Hosts, truth.Host{Name: h.Name(), Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
		return nil
	}
	join := func(a, b netip.Addr) error {
		if err := errors.Join(host(a, "asks"), host(b, "answers")); err != nil {
			return err
		}
		if !joined[[2]netip.Addr{a, b}] {
			joined[[2]netip.Addr{a, b}], joined[[2]netip.Addr{b, a}] = true, true
			rtt := st.p.RTT
			if d, ok := st.between[[2]netip.Addr{a, b}]; ok {
				rtt = min(d, replay.MaxRTT)
			}
			way := st.p.Path(rtt)
			if err := st.net.Connect(st.hosts[a], st.hosts[b], way, way); err != nil {
				return err
			}
		}
		return nil
	}
	for _, x := range roles {
		if err := join(x.from.Addr(), x.Server.Addr()); err != nil {
			return err
		}
	}
	for _, n := range exchanges {
		if err := join(n.played.Client, n.played.Server.Addr()); err != nil {
			return err
		}
	}
	for _, x := range roles {
		st.cast[ends{x.from, x.Server}] = x
		st.of[x.Conversation] = x
		if x.Proto == "udp" {
			for _, at := range []netip.AddrPort{x.from, x.Server} {
				if err := st.socket(at); err != nil {
					return err
				}
			}
			continue
		}
	}
	for _, x := range roles {
		if x.Proto == "tcp" {
			if _, err := st.listen(x.Server); err != nil {
				return err
			}
		}
	}
	for _, s := range st.sockets {
		st.wg.Go(func() { s.read(st) })
	}
	return nil
}

// onEnd has f called when the play is over.
func (st *stage) onEnd(f func() error) {
	st.mu.Lock()
	over := st.over
	if !over {
		st.closers = append(st.closers, f)
	}
	st.mu.Unlock()
	if over {
		_ = f()
	}
}

func (st *stage) closeAll() {
	st.mu.Lock()
	closers := st.closers
	st.closers, st.over = nil, true
	st.mu.Unlock()
	for _, f := range closers {
		_ = f() // most are closed already
	}
}

// run plays all roles, each from its beginning on.
func (st *stage) run(ctx context.Context, roles []*role) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	begin := time.Now()
	if st.web != nil {
		wg.Go(func() {
			if err := st.web.Run(ctx, begin); err != nil {
				cancel(err)
				st.closeAll()
			}
		})
	}
	for _, x := range roles {
		for _, dir := range []events.Dir{events.FromClient, events.FromServer} {
			wg.Go(func() {
				var err error
				if x.opens == nil {
					err = wait(ctx, x.start-time.Since(begin))
				}
				switch {
				case err != nil:
				case x.Proto == "udp":
					err = st.datagrams(ctx, x, dir)
				default:
					err = st.connection(ctx, x, dir)
				}
				if err != nil {
					cancel(fmt.Errorf("rerun: %s to %s: %s: %w", x.Client, x.Server, dir, err))
					st.closeAll()
				}
			})
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}
