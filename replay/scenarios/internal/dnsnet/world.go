// Package dnsnet is what the DNS scenarios share: hosts on a simulated network
// that speak DNS through miekg/dns, as stub resolvers, recursive resolvers
// with a cache, and authoritative servers; and the account of all that they
// said. It must not know any one scenario, and must not look at packets.
package dnsnet

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// World is one scenario while it runs: its network, its hosts, and what they
// said. Hosts and links are made before anybody speaks.
type World struct {
	P   scenarios.Params
	Net *simnet.Network

	scale    float64 // scenario's seconds in one second
	log      log
	busy     atomic.Int64 // questions that servers are working on
	dialled  witness.Side // TCP connections of all clients
	accepted witness.Side // the same of all servers

	mu      sync.Mutex
	hosts   []truth.Host
	ports   map[port]bool    // bound by sockets
	fixed   map[port]*Socket // of clients that always use the same port
	asked   map[string]int   // how often a host asked a question
	cache   []truth.CacheDecision
	choices []truth.Choice
	facts   map[string]any
	stops   []func() // ends servers and sockets, last first
}

// New makes an empty world. scale is what the scenario chooses as
// Params.TimeScale where that says nothing.
func New(p scenarios.Params, scale float64) (*World, error) {
	if p.TimeScale > 0 {
		scale = p.TimeScale
	}
	net, err := simnet.New(p.Network())
	if err != nil {
		return nil, err
	}
	w := &World{P: p, Net: net, scale: scale,
		ports: map[port]bool{}, fixed: map[port]*Socket{}, asked: map[string]int{}, facts: map[string]any{}}
	w.dialled.Now, w.accepted.Now = net.Now, net.Now
	return w, nil
}

// Play makes a world, lets play speak in it and tells what came of it. The
// network is closed in any case.
func Play(ctx context.Context, p scenarios.Params, scale float64, play func(ctx context.Context, w *World) error) (*scenarios.Result, error) {
	// Not the wall clock but the last answer ends a scenario; this is for
	// networks that were asked to be absurd.
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second+200*p.RTT)
	defer cancel()
	w, err := New(p, scale)
	if err != nil {
		return nil, err
	}
	if err = play(ctx, w); err == nil {
		err = w.settle(ctx)
	}
	cancel() // of servers that still ask for somebody
	w.stop()
	if cerr := w.Net.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return w.result()
}

// settle waits until no server works and all that was sent is read.
func (w *World) settle(ctx context.Context) error {
	const pause = 20 * time.Millisecond
	unread := 10 * time.Second // what nobody reads is told by log.messages
	for {
		if err := w.Net.Quiet(ctx, w.calm()); err != nil {
			return err
		}
		if w.busy.Load() == 0 {
			if w.log.settled(w.Net.Drops()) || unread < 0 {
				return nil
			}
			unread -= pause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// calm is how long nothing is under way when all is over: longer than a stack
// takes to answer, and where packets are lost longer than TCP waits before it
// sends the end of a connection again.
func (w *World) calm() time.Duration {
	d := 60 * time.Millisecond
	if w.Lossy() {
		d = 400*time.Millisecond + 2*w.P.RTT
	}
	return d
}

// Lossy reports whether the network was asked to lose packets.
func (w *World) Lossy() bool { return w.P.Loss > 0 }

// Poor reports whether the network was asked to be such that answers may not
// come at all.
func (w *World) Poor() bool { return w.Lossy() || w.P.Rate > 0 }

// Host adds a machine. role says in words what it is to the scenario.
func (w *World) Host(name, role, addr string) (*simnet.Host, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	h, err := w.Net.AddHost(name, a)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, truth.Host{Name: name, Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
	return h, nil
}

// Near joins two hosts by a link of its own that nothing else is asked of.
func (w *World) Near(client, server *simnet.Host, rtt time.Duration) error {
	way := simnet.Path{Delay: rtt / 2}
	return w.Net.Connect(client, server, way, way)
}

// Far joins two hosts by a link that suffers all that Params ask for.
func (w *World) Far(client, server *simnet.Host, rtt time.Duration) error {
	way := w.P.Path(rtt)
	return w.Net.Connect(client, server, way, way)
}

// Now is the moment on the network's clock.
func (w *World) Now() time.Time { return w.Net.Now().Std() }

// Age is how much of the scenario's own time has gone by since the beginning:
// what TTLs are counted in.
func (w *World) Age() time.Duration {
	return time.Duration(float64(w.Now().Sub(simnet.Epoch)) * w.scale)
}

// Sleep waits for d of the scenario's own time.
func (w *World) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(w.Real(d))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Real is how long d of the scenario's own time takes.
func (w *World) Real(d time.Duration) time.Duration { return time.Duration(float64(d) / w.scale) }

// Decide notes what a cache did with a question.
func (w *World) Decide(host, key, outcome, why string) {
	t := w.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cache = append(w.cache, truth.CacheDecision{Time: t, Host: host, Key: key, Outcome: outcome, Why: why})
}

// Choose notes a decision that no message shows by itself.
func (w *World) Choose(host, what, of, why string) {
	t := w.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.choices = append(w.choices, truth.Choice{Time: t, Host: host, What: what, Of: of, Why: why})
}

// Fact notes a figure of the scenario, told in its README.
func (w *World) Fact(name string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[name] = value
}

// Decisions are those noted so far. The caller may change what they say
// before the world is over.
func (w *World) Decisions(each func(d *truth.CacheDecision)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.cache {
		each(&w.cache[i])
	}
}

// Number is made up from the seed and from what it is for: the same in each
// run, whichever goroutine comes first.
func (w *World) Number(purpose ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, w.P.Seed, purpose)
	n := h.Sum64() // its low bits alone are not well mixed
	n ^= n >> 31
	n *= 0x9e3779b97f4a7c15
	return n ^ n>>29
}

// turn is how often this was asked before.
func (w *World) turn(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[what]++
	return w.asked[what] - 1
}

// atEnd has f called when the world stops.
func (w *World) atEnd(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stops = append(w.stops, f)
}

func (w *World) stop() {
	w.mu.Lock()
	stops := w.stops
	w.stops = nil
	w.mu.Unlock()
	for _, f := range slices.Backward(stops) {
		f()
	}
}

// result puts the accounts of the hosts together. Those of the network are in
// the recording.
func (w *World) result() (*scenarios.Result, error) {
	t := truth.Truth{Hosts: w.hosts, Cache: w.cache, Choices: w.choices}
	if len(w.facts) > 0 {
		t.Facts = w.facts
	}
	pairs, err := witness.Join(&w.dialled, &w.accepted)
	if err != nil {
		return nil, err
	}
	ids := map[connection]int{}
	for id, pair := range pairs {
		c := pair.Connection(id)
		t.Connections = append(t.Connections, c)
		ids[connection{c.Client, c.Server}] = id
	}
	if t.Messages, err = w.log.messages(w.Net.Drops(), ids); err != nil {
		return nil, err
	}
	t.SortMessages()
	return &scenarios.Result{Recording: w.Net.Recording(), Truth: t}, nil
}

// connection names a TCP connection.
type connection struct{ client, server netip.AddrPort }

// Scaled is how much of the scenario's own time goes by in d of real time.
func (w *World) Scaled(d time.Duration) time.Duration { return time.Duration(float64(d) * w.scale) }
