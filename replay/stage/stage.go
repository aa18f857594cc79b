// Package stage is what scenarios of byte-stream protocols have in common:
// hosts joined by links, connections that keep what their ends wrote and read,
// and the truth made from both. It must not know any protocol, nor look at
// packets.
package stage

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// silence is how long nothing must be under way at the end of a run, beside
// the round-trip time.
const silence = 50 * time.Millisecond

// Stage is a network with its hosts.
type Stage struct {
	Params scenarios.Params
	Net    *simnet.Network
	hosts  []truth.Host
	// keys are the TLS secrets that Keys collected.
	keys lockedBuffer

	mu      sync.Mutex
	over    bool
	closers []func() error
}

// Actor is one host and the connections of one of its applications.
type Actor struct {
	*simnet.Host
	Side *Side
	st   *Stage
}

// Play builds a stage, runs play on it, waits until all is quiet, and gives
// what result makes of it. When ctx ends, or limit is over, all connections
// are closed, so that no application waits for ever.
func Play(ctx context.Context, p scenarios.Params, limit time.Duration,
	build func(*Stage) error, play func(context.Context) error, result func(*Result) error) (*scenarios.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	network, err := simnet.New(p.Network())
	if err != nil {
		return nil, err
	}
	st := &Stage{Params: p, Net: network}
	if err = build(st); err == nil {
		stop := context.AfterFunc(ctx, st.closeAll)
		if err = play(ctx); err == nil {
			err = network.Quiet(ctx, p.RTT+silence)
		} else if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", err, cause)
		}
		stop()
		st.closeAll()
	}
	if cerr := network.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	r := &Result{st: st}
	r.Keys = st.keys.bytes()
	r.Truth.Hosts = st.hosts
	if err := result(r); err != nil {
		return nil, err
	}
	r.finish()
	return &r.Result, nil
}

// Add makes a host. role is what it is to the scenario, in words.
func (st *Stage) Add(name, role string, addrs ...netip.Addr) (*Actor, error) {
	own := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		own[i] = st.Params.Addr(a)
	}
	h, err := st.Net.AddHost(name, own...)
	if err != nil {
		return nil, err
	}
	st.hosts = append(st.hosts, truth.Host{Name: h.Name(), Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
	return &Actor{Host: h, Side: newSide(st, name), st: st}, nil
}

// Join joins two hosts by a link of which each direction is way; the capture
// point counts a as the client.
func (st *Stage) Join(a, b *Actor, way simnet.Path) error {
	return st.Net.Connect(a.Host, b.Host, way, way)
}

// Dial connects, and keeps what is said.
func (a *Actor) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return a.Side.dial(ctx, a.Host.DialContext, network, address)
}

// DialFrom is Dial from a local address, "IP:port" or ":port".
func (a *Actor) DialFrom(ctx context.Context, network, local, address string) (net.Conn, error) {
	return a.Side.dial(ctx, func(ctx context.Context, network, address string) (net.Conn, error) {
		return a.Host.DialFrom(ctx, network, local, address)
	}, network, address)
}

// Listen waits for connections, and keeps what is said on them.
func (a *Actor) Listen(address string) (net.Listener, error) {
	l, err := a.Host.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := a.st.onEnd(l.Close); err != nil {
		return nil, err
	}
	return a.Side.listener(l), nil
}

// onEnd has f called at the end of the run. After the end it is called at
// once, and net.ErrClosed returned.
func (st *Stage) onEnd(f func() error) error {
	st.mu.Lock()
	over := st.over
	if !over {
		st.closers = append(st.closers, f)
	}
	st.mu.Unlock()
	if over {
		_ = f()
		return net.ErrClosed
	}
	return nil
}

// closeAll closes what is still open; twice does no harm.
func (st *Stage) closeAll() {
	st.mu.Lock()
	st.over = true
	closers := st.closers
	st.closers = nil
	st.mu.Unlock()
	for _, c := range closers {
		_ = c() // it may have been closed by its application
	}
}

// Now is the moment on the network's clock.
func (st *Stage) Now() time.Time { return st.Net.Now().Std() }

// Wait lets d go by, or less when ctx ends.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Limit is a span that no run needs that is not asked to be absurd: so many
// round trips, and half a minute for the machine.
func Limit(p scenarios.Params, roundTrips int) time.Duration {
	d := 30*time.Second + time.Duration(roundTrips)*(p.RTT+2*p.Jitter)
	if p.Loss > 0 {
		d += time.Minute // retransmissions double their distance
	}
	return d
}
