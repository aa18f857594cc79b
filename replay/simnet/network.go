// Package simnet is a small network inside one process: hosts that are real
// TCP/IP stacks in user space (gVisor), joined by links with a delay, and a
// capture point that sees every packet go by. It needs no root, opens no real
// port and sends nothing to the outside. It must not know any application
// protocol, and it must not decide what a scenario does.
//
// The network runs in real time. Its clock is rebased, so that a run always
// begins at [Epoch] and no file it makes carries the date of the machine.
package simnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Epoch is the moment at which every network begins.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// DefaultMTU is the largest IP packet of a link, in bytes, where Config says
// nothing: Ethernet's.
const DefaultMTU = 1500

// The bounds of an MTU. What every IPv4 host must accept (RFC 1122 section
// 3.3.2) is the least; IPv6 asks for minMTU6 (RFC 8200 section 5).
const (
	MinMTU = 576
	MaxMTU = 65535

	minMTU6 = 1280
)

// Config is what all of a network has in common.
type Config struct {
	Seed uint64   // ports, initial sequence numbers, packet identifiers
	At   Position // where on each link the capture point is
	MTU  uint32   // bytes of the largest IP packet; 0 is DefaultMTU
	Real *Real    // the machine's own sockets instead; nil: simulated
}

// PathStats is what the network did on one direction of a link, counted by
// the network itself.
type PathStats struct {
	From, To string // names of hosts
	Path     Path
	Packets  uint64 // handed over by the sender
	Bytes    uint64 // of these, IP headers included
	Dropped  uint64 // of these
}

// Network is a set of hosts and links. Its methods may be called by several
// goroutines, but hosts and links are to be made before traffic flows.
type Network struct {
	cfg   Config
	start time.Time // with the monotonic clock; Epoch of this run
	rec   recorder
	real  *loopback // nil: simulated

	mu     sync.Mutex
	hosts  []*Host
	pipes  []*pipe
	drops  []Drop
	closed bool

	flying atomic.Int64 // packets between two hosts
	last   atomic.Int64 // events.Time of the last packet sent or delivered
	wg     sync.WaitGroup
}

// New makes an empty network. Its clock begins to run.
func New(cfg Config) (*Network, error) {
	if cfg.MTU == 0 {
		cfg.MTU = DefaultMTU
	}
	if cfg.MTU < MinMTU || cfg.MTU > MaxMTU {
		return nil, fmt.Errorf("simnet: MTU %d is not between %d and %d", cfg.MTU, MinMTU, MaxMTU)
	}
	if !cfg.At.valid() {
		return nil, fmt.Errorf("simnet: unknown position %d", cfg.At)
	}
	silence()
	n := &Network{cfg: cfg, start: time.Now()}
	if cfg.Real != nil {
		n.real = newLoopback(n, cfg.Real)
	}
	n.last.Store(int64(n.Now()))
	return n, nil
}

// Now is the moment on the network's clock: Epoch plus the time since New.
func (n *Network) Now() events.Time {
	return events.TimeOf(Epoch) + events.Time(time.Since(n.start))
}

// random is a source of made-up numbers for one purpose of one host. The same
// seed gives the same numbers.
func (n *Network) random(host int, purpose uint64) *lockedSource {
	return &lockedSource{pcg: rand.NewPCG(n.cfg.Seed, uint64(host)<<8|purpose)}
}

// Connect joins two hosts by a link. The roles matter to the capture point
// only: at AtClient it sits at the client's end of every link.
func (n *Network) Connect(client, server *Host, there, back Path) error {
	return n.ConnectAt(client, server, there, back, n.cfg.At)
}

// ConnectAt is Connect with capture points of this link's own: none, one or
// several, each with an interface of its own in the recording. With several, a
// packet is recorded as often as it passes one.
func (n *Network) ConnectAt(client, server *Host, there, back Path, at ...Position) error {
	for _, p := range []*Path{&there, &back} {
		if err := p.check(); err != nil {
			return fmt.Errorf("simnet: link %s to %s: %w", client.name, server.name, err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errors.New("simnet: closed")
	}
	if n.real != nil {
		if err := errors.Join(n.real.can(&there), n.real.can(&back)); err != nil {
			return fmt.Errorf("simnet: link %s to %s: %w", client.name, server.name, err)
		}
		return nil // the loopback joins all
	}
	for _, a := range server.addrs {
		if client.routes[a] != nil {
			return fmt.Errorf("simnet: link %s to %s: there is one already", client.name, server.name)
		}
	}
	var toServer, toClient []point
	for _, at := range at {
		if !at.valid() {
			return fmt.Errorf("simnet: link %s to %s: unknown position %d", client.name, server.name, at)
		}
		iface := n.rec.point(at, client, server)
		toServer = append(toServer, point{[...]place{AtClient: nearSender, AtMiddle: inMiddle, AtServer: nearReceiver}[at], iface})
		toClient = append(toClient, point{[...]place{AtClient: nearReceiver, AtMiddle: inMiddle, AtServer: nearSender}[at], iface})
	}
	if err := n.join(client, server, there, toServer); err != nil {
		return err
	}
	return n.join(server, client, back, toClient)
}

// join lays one direction of a link. The caller holds n.mu.
func (n *Network) join(from, to *Host, path Path, points []point) error {
	p, err := newPipe(n, from, to, path, points)
	if err != nil {
		return fmt.Errorf("simnet: link %s to %s: %w", from.name, to.name, err)
	}
	for _, a := range to.addrs {
		from.routes[a] = p
	}
	n.pipes = append(n.pipes, p)
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		p.run()
	}()
	return nil
}

// Quiet returns when no packet has been under way for d, so that the closing
// of the last connection is in the capture too.
func (n *Network) Quiet(ctx context.Context, d time.Duration) error {
	if n.real != nil {
		n.last.Store(int64(n.Now())) // nobody tells of packets here
	}
	tick := time.NewTicker(max(d/8, time.Millisecond))
	defer tick.Stop()
	for {
		if n.flying.Load() == 0 && time.Duration(int64(n.Now())-n.last.Load()) >= d {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("simnet: waiting for quiet: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Stats is what each direction of each link carried, in the order of Connect.
func (n *Network) Stats() []PathStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]PathStats, len(n.pipes))
	for i, p := range n.pipes {
		out[i] = p.stats()
	}
	return out
}

// Drops is every packet that was not delivered, in order of time.
func (n *Network) Drops() []Drop {
	n.mu.Lock()
	defer n.mu.Unlock()
	drops := append([]Drop(nil), n.drops...)
	slices.SortStableFunc(drops, func(a, b Drop) int { return cmp.Compare(a.Time, b.Time) })
	return drops
}

func (n *Network) drop(d Drop) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.drops = append(n.drops, d)
	}
}

// Close ends the capture, then every host and link, and waits for all their
// goroutines. What a stack still says while it is torn down is not recorded.
// The recording, statistics and drops stay readable.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return errors.New("simnet: closed already")
	}
	n.closed = true
	hosts, pipes := n.hosts, n.pipes
	n.mu.Unlock()

	n.rec.stop()
	for _, h := range hosts {
		h.cut()
	}
	for _, p := range pipes {
		p.close()
	}
	n.wg.Wait() // no packet reaches a stack after this
	for _, h := range hosts {
		h.sockets.close()
	}
	return nil
}

// lockedSource is a math/rand source and an io.Reader for several goroutines.
type lockedSource struct {
	mu  sync.Mutex
	pcg *rand.PCG
}

func (s *lockedSource) Int63() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.pcg.Uint64() >> 1)
}

// Seed does nothing: the seed was given once for all.
func (s *lockedSource) Seed(int64) {}

func (s *lockedSource) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b {
		b[i] = byte(s.pcg.Uint64())
	}
	return len(b), nil
}
