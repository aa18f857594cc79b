// Command traffic makes the base of a benchmark capture: clients and servers
// on a simulated network, with delays as between continents, recorded at the
// clients. It is for make-captures.sh, which multiplies what this writes.
//
//	traffic -kind dns|http -for 60s -o base.pcap
//
// Client addresses are 10.10.0.x and fd00:10::x, servers are 10.20.0.x and
// fd00:20::x, as the multiplying tool wants them. Payloads are made up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/replay/simnet"
)

func main() {
	kind := flag.String("kind", "", "dns or http")
	span := flag.Duration("for", time.Minute, "how long")
	rate := flag.Float64("rate", 0, "look-ups or page visits a second in all; 0 for the kind's own")
	out := flag.String("o", "", "pcap file to write")
	seed := flag.Uint64("seed", 1, "of all that is made up")
	flag.Parse()
	if err := run(*kind, *span, *rate, *out, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "traffic:", err)
		os.Exit(1)
	}
}

func run(kind string, span time.Duration, rate float64, out string, seed uint64) error {
	if out == "" {
		return errors.New("-o is missing")
	}
	var play func(context.Context, *world, time.Duration, float64) error
	switch kind {
	case "dns":
		play = dnsTraffic
	case "http":
		play = httpTraffic
	default:
		return fmt.Errorf("kind %q is none of dns, http", kind)
	}
	w, err := newWorld(seed)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), span+time.Minute)
	defer cancel()
	err = play(ctx, w, span, rate)
	if cerr := w.net.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return w.write(out)
}

// world is the network: every client has a link to every server.
type world struct {
	net     *simnet.Network
	seed    uint64
	clients []*simnet.Host
	servers []*simnet.Host
}

const (
	clientCount = 20
	// Every fourth client has an IPv6 address too, and prefers it.
	dualEvery = 4
)

// One-way delays to the servers, and a little more for each client.
var delays = []time.Duration{2, 5, 9, 20, 35, 60}

func newWorld(seed uint64) (*world, error) {
	n, err := simnet.New(simnet.Config{Seed: seed})
	if err != nil {
		return nil, err
	}
	w := &world{net: n, seed: seed}
	for i := range clientCount {
		addrs := []netip.Addr{netip.AddrFrom4([4]byte{10, 10, 0, byte(101 + i)})}
		if i%dualEvery == 0 {
			addrs = append(addrs, netip.MustParseAddr(fmt.Sprintf("fd00:10::%x", 0x101+i)))
		}
		h, err := n.AddHost(fmt.Sprintf("client%d", i), addrs...)
		if err != nil {
			return nil, err
		}
		w.clients = append(w.clients, h)
	}
	for i := range delays {
		h, err := n.AddHost(fmt.Sprintf("server%d", i),
			netip.AddrFrom4([4]byte{10, 20, 0, byte(11 + i)}), netip.MustParseAddr(fmt.Sprintf("fd00:20::%x", 0x11+i)))
		if err != nil {
			return nil, err
		}
		w.servers = append(w.servers, h)
	}
	for i, c := range w.clients {
		for j, s := range w.servers {
			way := simnet.Path{Delay: delays[j]*time.Millisecond + time.Duration(i)*130*time.Microsecond}
			if err := n.Connect(c, s, way, way); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// address is where client c reaches server s.
func (w *world) address(c, s int) netip.Addr {
	addrs := w.servers[s].Addrs()
	if len(w.clients[c].Addrs()) > 1 {
		return addrs[1]
	}
	return addrs[0]
}

func (w *world) write(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	out := capture.NewPcapWriter(f, capture.LinkEthernet, 0, false)
	r := w.net.Recording()
	for _, p := range r.Packets {
		if err := out.WritePacket(0, p); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "traffic: %d packets\n", len(r.Packets))
	return f.Close()
}
