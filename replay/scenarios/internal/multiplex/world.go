// Package multiplex is what scenarios of HTTP/2 and HTTP/3 have in common: a
// browser and origins on a simulated network, connections in clear, under TLS
// and over QUIC, and the truth made of what both ends note. It must not look
// at packets, nor know what a scenario is about.
package multiplex

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// World is a browser, origins, and the network between them.
type World struct {
	Params  scenarios.Params
	Net     *simnet.Network
	Browser *simnet.Host

	hosts     []truth.Host
	origins   []*Origin
	authority *Authority
	trusted   *tls.Config // of the browser, to be cloned
	journal   journal

	mu      sync.Mutex
	keys    []*keyLog
	closers []func() // at the end of the run, last one first
	choices []truth.Choice
	facts   map[string]any
	told    []truth.Message // what a scenario tells besides
}

// silence is how long nothing must be under way at the end of a run, beside
// the round-trip time.
const silence = 50 * time.Millisecond

// New makes the network and the browser's host. It is to be closed.
func New(p scenarios.Params, browser netip.Addr) (*World, error) {
	w := &World{Params: p, facts: map[string]any{}}
	var err error
	if w.authority, err = NewAuthority(p.Seed); err != nil {
		return nil, err
	}
	if w.Net, err = simnet.New(p.Network()); err != nil {
		return nil, err
	}
	w.journal.now = w.Now
	w.trusted = &tls.Config{RootCAs: w.authority.Pool(), Time: w.Now, MinVersion: tls.VersionTLS13}
	if w.Browser, err = w.Host("client", "browser", browser); err != nil {
		_ = w.Net.Close()
		return nil, err
	}
	return w, nil
}

// Host adds a host. role is what it is to the scenario, in words.
func (w *World) Host(name, role string, addr netip.Addr) (*simnet.Host, error) {
	h, err := w.Net.AddHost(name, w.Params.Addr(addr))
	if err != nil {
		return nil, err
	}
	w.hosts = append(w.hosts, truth.Host{Name: name, Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
	return h, nil
}

// Now is the moment on the network's clock.
func (w *World) Now() time.Time { return w.Net.Now().Std() }

// Limit is a span that no run needs that is not asked to be absurd.
func (w *World) Limit() time.Duration {
	d := 30*time.Second + 200*(w.Params.RTT+2*w.Params.Jitter)
	if w.Params.Loss > 0 || w.Params.Rate > 0 {
		d += time.Minute
	}
	return d
}

// Play runs play, waits until all is quiet, ends the network, and puts the
// truth together.
func (w *World) Play(ctx context.Context, play func(context.Context) error) (*scenarios.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, w.Limit())
	defer cancel()
	err := play(ctx)
	if err == nil {
		err = w.Net.Quiet(ctx, w.Params.RTT+silence)
	} else if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	w.closeAll()
	if cerr := w.Net.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return w.result()
}

// onEnd has f called at the end of the run.
func (w *World) onEnd(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closers = append(w.closers, f)
}

func (w *World) closeAll() {
	w.mu.Lock()
	closers := w.closers
	w.closers = nil
	w.mu.Unlock()
	for _, f := range slices.Backward(closers) {
		f()
	}
}

// OnEnd has f called at the end of the run, when all is quiet.
func (w *World) OnEnd(f func()) { w.onEnd(f) }

// Chose notes a decision for the truth.
func (w *World) Chose(c truth.Choice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.choices = append(w.choices, c)
}

// Fact notes a figure for the truth.
func (w *World) Fact(name string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[name] = value
}

// Tell adds messages that are not of an origin to the truth.
func (w *World) Tell(m ...truth.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, m...)
}

// result puts the accounts of hosts and network together.
func (w *World) result() (*scenarios.Result, error) {
	t := truth.Truth{Hosts: w.hosts, Messages: w.told, Choices: w.choices}
	if len(w.facts) > 0 {
		t.Facts = w.facts
	}
	ids, err := w.connections(&t)
	if err != nil {
		return nil, err
	}
	if err := w.journal.tell(&t, ids); err != nil {
		return nil, err
	}
	t.SortMessages()
	var keys strings.Builder
	for _, k := range w.keys {
		keys.WriteString(k.String())
	}
	return &scenarios.Result{Recording: w.Net.Recording(), Truth: t, Keys: []byte(keys.String())}, nil
}

// ends are the two addresses of a connection.
type ends struct{ client, server netip.AddrPort }

// connections tells of all TCP connections, in the order in which they were
// dialled, and of what was sealed on any connection.
func (w *World) connections(t *truth.Truth) (map[ends]int, error) {
	type talk struct {
		o *Origin
		c *Conn
		truth.Connection
	}
	var talks []talk
	for _, o := range w.origins {
		found, err := o.pairs()
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			talks = append(talks, talk{o, f.conn, f.pair.Connection(0)})
		}
	}
	slices.SortStableFunc(talks, func(a, b talk) int { return a.ConnectStart.Compare(b.ConnectStart) })
	ids := map[ends]int{}
	for i, k := range talks {
		k.Connection.ID = i
		t.Connections = append(t.Connections, k.Connection)
		ids[ends{k.Client, k.Server}] = i
	}
	for _, o := range w.origins {
		m, err := o.sealed(ids)
		if err != nil {
			return nil, err
		}
		t.Messages = append(t.Messages, m...)
	}
	return ids, nil
}

// keyLog collects the secrets of one connection in NSS key log form.
type keyLog struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (k *keyLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(p)
}

func (k *keyLog) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.String()
}

// random is the client random that the log names, in hex.
func (k *keyLog) random() (string, error) {
	line, _, _ := strings.Cut(k.String(), "\n")
	f := strings.Fields(line)
	if len(f) != 3 {
		return "", fmt.Errorf("multiplex: key log line %q has no client random", line)
	}
	return f[1], nil
}

func (w *World) newKeyLog() *keyLog {
	k := new(keyLog)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = append(w.keys, k)
	return k
}
