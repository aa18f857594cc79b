// Package web is what the scenarios of HTTP/1 share: a small world of named
// hosts that run net/http at both ends, and a ledger in which every host notes
// what it sent and received. It must not look at packets.
package web

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// World is a network with hosts that speak HTTP. Make it with New, end it with
// Close, and ask for its Result after that.
type World struct {
	Net *simnet.Network
	P   scenarios.Params

	hosts    []*simnet.Host
	roles    []string
	names    map[string]netip.Addr
	dialed   witness.Side
	accepted witness.Side
	ledger   ledger

	mu      sync.Mutex
	stepped time.Time // what the hosts' clocks show; zero: the network's time
	stops   []func()
	lanes   []*Lane
	cache   []truth.CacheDecision
	choices []truth.Choice
	facts   map[string]any
}

// New makes an empty world.
func New(p scenarios.Params) (*World, error) {
	n, err := simnet.New(p.Network())
	if err != nil {
		return nil, err
	}
	w := &World{Net: n, P: p, names: map[string]netip.Addr{}, facts: map[string]any{}}
	w.dialed.Now, w.accepted.Now = n.Now, n.Now
	return w, nil
}

// Host adds a host with one address. names are the DNS names of that address:
// every host of this world knows them without asking.
func (w *World) Host(name, role, addr string, names ...string) (*simnet.Host, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	a = w.P.Addr(a)
	h, err := w.Net.AddHost(name, a)
	if err != nil {
		return nil, err
	}
	w.hosts, w.roles = append(w.hosts, h), append(w.roles, role)
	for _, n := range names {
		w.names[n] = a
	}
	return h, nil
}

// Link joins a client and a server by a link that does what the parameters
// ask for.
func (w *World) Link(client, server *simnet.Host, rtt time.Duration) error {
	way := w.P.Path(rtt)
	return w.Net.Connect(client, server, way, way)
}

// Now is the moment on the clocks of the hosts (Date, Age, freshness).
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stepped.IsZero() {
		return w.Net.Now().Std()
	}
	return w.stepped
}

// At waits until so much time of the scenario has gone by, and sets the clocks
// of all hosts to that moment, where they stay until the next At. So what
// caches decide does not depend on how busy the machine is.
func (w *World) At(ctx context.Context, d time.Duration) error {
	moment := simnet.Epoch.Add(d)
	at := simnet.Epoch.Add(time.Duration(float64(d) / w.Scale()))
	if err := w.Until(ctx, at); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stepped = moment
	return nil
}

// Until waits for a moment of the network's clock.
func (w *World) Until(ctx context.Context, at time.Time) error {
	select {
	case <-time.After(at.Sub(w.Net.Now().Std())):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Scale is how many seconds of the scenario's own timers go by in a second.
func (w *World) Scale() float64 {
	if w.P.TimeScale > 0 {
		return w.P.TimeScale
	}
	return 1
}

// Decide notes what a cache decided; the time is set here.
func (w *World) Decide(d truth.CacheDecision) {
	d.Time = w.Net.Now().Std()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cache = append(w.cache, d)
}

// Choose notes a choice; where its time is not set, it is now.
func (w *World) Choose(c truth.Choice) {
	if c.Time.IsZero() {
		c.Time = w.Net.Now().Std()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.choices = append(w.choices, c)
}

// Fact notes a figure of the whole run.
func (w *World) Fact(name string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[name] = value
}

// Settle hangs up on all lanes and waits until the last packet is gone.
func (w *World) Settle(ctx context.Context) error {
	w.mu.Lock()
	lanes := slices.Clone(w.lanes)
	w.mu.Unlock()
	for _, l := range lanes {
		l.Close()
	}
	return w.Net.Quiet(ctx, w.P.RTT+2*w.P.Jitter+50*time.Millisecond)
}

// Close stops all servers and then the network.
func (w *World) Close() error {
	w.mu.Lock()
	stops := w.stops
	w.stops = nil
	w.mu.Unlock()
	for _, stop := range slices.Backward(stops) {
		stop()
	}
	return w.Net.Close()
}

// dialer connects from a host to names of this world.
func (w *World) dialer(h *simnet.Host) witness.Dialer {
	return w.dialed.Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
		to, err := w.resolve(address)
		if err != nil {
			return nil, err
		}
		return h.DialContext(ctx, network, to)
	})
}

// Dial connects from a host to "name:port" or "IP:port", under the eyes of a
// witness, for those who write to the socket themselves. The scenario has to
// tell what was said on it with AddMessages.
func (w *World) Dial(ctx context.Context, h *simnet.Host, address string) (net.Conn, error) {
	return w.dialer(h)(ctx, "tcp", address)
}

// Listen is like Dial for servers.
func (w *World) Listen(h *simnet.Host, port string) (net.Listener, error) {
	l, err := h.Listen("tcp", ":"+port)
	if err != nil {
		return nil, err
	}
	return w.accepted.Listener(l), nil
}

// OnClose is called by Close, the last one first.
func (w *World) OnClose(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stops = append(w.stops, f)
}

func (w *World) resolve(address string) (string, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if a, ok := w.names[name]; ok {
		return net.JoinHostPort(a.String(), port), nil
	}
	if _, err := netip.ParseAddr(name); err != nil {
		return "", fmt.Errorf("web: no host is called %s", name)
	}
	return address, nil
}

// hostOf is the name of the host with an address.
func (w *World) hostOf(a netip.Addr) string {
	for _, h := range w.hosts {
		if slices.Contains(h.Addrs(), a) {
			return h.Name()
		}
	}
	return a.String()
}

// Result puts the accounts of hosts and network together, after Close.
func (w *World) Result() (*scenarios.Result, error) {
	var t truth.Truth
	for i, h := range w.hosts {
		t.Hosts = append(t.Hosts, truth.Host{Name: h.Name(), Role: w.roles[i], MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
	}
	pairs, err := witness.Join(&w.dialed, &w.accepted)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(pairs, func(a, b witness.Pair) int {
		return a.Client.Account().Opened.Compare(b.Client.Account().Opened)
	})
	for id, pair := range pairs {
		t.Connections = append(t.Connections, pair.Connection(id))
		m, err := w.messages(id, pair)
		if err != nil {
			return nil, err
		}
		t.Messages = append(t.Messages, m...)
	}
	t.SortMessages()

	w.mu.Lock()
	defer w.mu.Unlock()
	t.Cache, t.Choices = w.cache, w.choices
	slices.SortStableFunc(t.Cache, func(a, b truth.CacheDecision) int { return a.Time.Compare(b.Time) })
	slices.SortStableFunc(t.Choices, func(a, b truth.Choice) int { return a.Time.Compare(b.Time) })
	if len(w.facts) > 0 {
		t.Facts = w.facts
	}
	return &scenarios.Result{Recording: w.Net.Recording(), Truth: t}, nil
}

// Play builds a world, plays in it, waits for silence and tells. build and
// play return errors of their own; the network is closed in any case.
func Play(ctx context.Context, p scenarios.Params, limit time.Duration, play func(context.Context, *World) error) (*scenarios.Result, error) {
	// The connections, not the wall clock, end a scenario; this is for
	// networks that were asked to be absurd.
	ctx, cancel := context.WithTimeout(ctx, limit+200*p.RTT)
	defer cancel()
	w, err := New(p)
	if err != nil {
		return nil, err
	}
	err = play(ctx, w)
	if err == nil {
		err = w.Settle(ctx)
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return w.Result()
}
