package simnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Real asks for a network of the machine's own sockets on its loopback, where
// any tool that watches it sees the packets. Hosts keep the addresses and ports
// of the scenario, and see no others; the packets bear those of the loopback.
type Real struct {
	// Announce is told of all that is there before the first packet is sent;
	// nil: nobody. An error of it ends the run.
	Announce func(ctx context.Context, p Plan) error
}

// ErrReal says that something was asked of a real network that only a simulated
// one can do.
var ErrReal = errors.New("the loopback cannot do this")

// Plan says what a real network uses of the loopback.
type Plan struct {
	Hosts   []PlanHost
	Servers []PlanServer
}

// PlanHost is one address of a host.
type PlanHost struct {
	Name     string
	Scenario netip.Addr // as the hosts know it
	Loopback netip.Addr // as it is in packets
}

// PlanServer is a port at which a host waits.
type PlanServer struct {
	Host     string
	Proto    string // tcp, udp
	Port     uint16 // as the hosts know it
	Loopback netip.AddrPort
}

// RealRun is what a real network knows of its packets.
type RealRun struct {
	Start time.Time // the machine's clock at Epoch
	net   *loopback
}

// OnLoopback is an address and port of the scenario as it is in packets. proto
// is tcp or udp.
func (r *RealRun) OnLoopback(proto string, a netip.AddrPort) netip.AddrPort {
	return r.net.outside(proto, a)
}

// Loopback is the address that stands for another of IPv4 on the loopback: 127
// and all its bytes but the third one. Any other stands for itself.
func Loopback(a netip.Addr) netip.Addr {
	if a.IsLoopback() || !a.Is4() {
		return a
	}
	b := a.As4()
	return netip.AddrFrom4([4]byte{127, b[0], b[1], b[3]})
}

// raised is what is added to a port that only root may open, or that is taken.
const raised = 10_000

// privileged are the ports under it.
const privileged = 1024

// loopback is what all hosts of a real network have in common: who is where.
type loopback struct {
	net *Network
	ask *Real

	begun     sync.Once
	announced error
	mu        sync.Mutex
	inside    map[netip.Addr]netip.Addr // of hosts, by the loopback's IPv4 address
	out, in   map[socket]netip.AddrPort // where it is not the same port at the host's address
	open      map[io.Closer]struct{}    // to be closed at the end
	closed    bool
	plan      Plan
}

// socket names one end of transport.
type socket struct {
	proto string
	at    netip.AddrPort
}

func newLoopback(n *Network, ask *Real) *loopback {
	return &loopback{net: n, ask: ask, inside: map[netip.Addr]netip.Addr{},
		out: map[socket]netip.AddrPort{}, in: map[socket]netip.AddrPort{}, open: map[io.Closer]struct{}{}}
}

// can says what of a path the loopback cannot do. Its delay is left out: that
// of the loopback is none.
func (l *loopback) can(p *Path) error {
	for _, x := range []struct {
		asked bool
		what  string
	}{
		{p.Rate > 0, "a rate"}, {p.Jitter > 0, "jitter"}, {p.Loss > 0 || p.Drop != nil, "losses"}, {p.Reorder > 0, "reordering"},
	} {
		if x.asked {
			return fmt.Errorf("%w: %s", ErrReal, x.what)
		}
	}
	return nil
}

// boot gives a host its sockets.
func (l *loopback) boot(h *Host) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h.mac = make(net.HardwareAddr, 6) // the loopback's
	for _, a := range h.addrs {
		real := Loopback(a)
		if !a.Is4() {
			return fmt.Errorf("%w: IPv6 for more than one host, for it has one address, ::1", ErrReal)
		}
		if other, taken := l.inside[real]; taken {
			return fmt.Errorf("%s and %s are both %s on the loopback", a, other, real)
		}
		l.inside[real] = a
		l.plan.Hosts = append(l.plan.Hosts, PlanHost{h.name, a, real})
	}
	h.sockets = &kernelSockets{h: h, l: l}
	return nil
}

// begin announces what is there, once, before anything is sent.
func (l *loopback) begin(ctx context.Context) error {
	l.begun.Do(func() {
		if l.ask.Announce == nil {
			return
		}
		l.mu.Lock()
		p := Plan{Hosts: slices.Clone(l.plan.Hosts), Servers: slices.Clone(l.plan.Servers)}
		l.mu.Unlock()
		slices.SortFunc(p.Servers, func(a, b PlanServer) int {
			return cmp.Or(a.Loopback.Compare(b.Loopback), cmp.Compare(a.Proto, b.Proto))
		})
		l.announced = l.ask.Announce(ctx, p)
	})
	return l.announced
}

// outside is a socket as it is in packets.
func (l *loopback) outside(proto string, a netip.AddrPort) netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.inside[Loopback(a.Addr())]; ok {
		a = netip.AddrPortFrom(b, a.Port())
	}
	if b, ok := l.out[socket{proto, a}]; ok {
		return b
	}
	return netip.AddrPortFrom(Loopback(a.Addr()), a.Port())
}

// within is a socket as the hosts know it.
func (l *loopback) within(proto string, a netip.AddrPort) netip.AddrPort {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.in[socket{proto, a}]; ok {
		return b
	}
	if b, ok := l.inside[a.Addr()]; ok {
		return netip.AddrPortFrom(b, a.Port())
	}
	return a
}

// own is a socket under the address by which its host calls itself: who dials
// may know another one that the same of the loopback stands for.
func (l *loopback) own(a netip.AddrPort) netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.inside[Loopback(a.Addr())]; ok {
		return netip.AddrPortFrom(b, a.Port())
	}
	return a
}

// names enters a socket under both its names, where the address alone does not
// tell them.
func (l *loopback) names(proto string, inside, outside netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if inside.Port() == outside.Port() {
		return
	}
	l.out[socket{proto, inside}] = outside
	l.in[socket{proto, outside}] = inside
}

// serves notes a server for the plan. Ports that clients take are none.
func (l *loopback) serves(h *Host, proto string, inside, outside netip.AddrPort) {
	const clients = 32768
	l.mu.Lock()
	defer l.mu.Unlock()
	if inside.Port() < clients {
		l.plan.Servers = append(l.plan.Servers, PlanServer{h.name, proto, inside.Port(), outside})
	}
}

// keep notes what is to be closed at the end; after that, it is closed at once.
func (l *loopback) keep(c io.Closer) error {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.open[c] = struct{}{}
	}
	l.mu.Unlock()
	if closed {
		c.Close()
		return net.ErrClosed
	}
	return nil
}

func (l *loopback) forget(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *loopback) close() {
	l.mu.Lock()
	open := l.open
	l.open, l.closed = nil, true
	l.mu.Unlock()
	for c := range open { // their order is nobody's business
		c.Close()
	}
}

// ports are those to try for one that was asked for: itself, where this machine
// lets us, one that is easy to remember, and any. They are tried in this order.
func ports(port uint16) []uint16 {
	switch {
	case port == 0:
		return []uint16{0}
	case port < privileged:
		return []uint16{port, port + raised, 0}
	default:
		return []uint16{port, 0}
	}
}

// String is a plan for a person, with filters for those who capture.
func (p Plan) String() string {
	var b strings.Builder
	for _, h := range p.Hosts {
		fmt.Fprintf(&b, "  %-14s %s", h.Name, h.Loopback)
		if h.Scenario != h.Loopback {
			fmt.Fprintf(&b, " (calls itself %s)", h.Scenario)
		}
		var at []string
		for _, s := range p.Servers {
			if s.Host != h.Name || s.Loopback.Addr() != h.Loopback {
				continue
			}
			text := fmt.Sprintf("%s %d", s.Proto, s.Loopback.Port())
			if s.Port != s.Loopback.Port() {
				text += fmt.Sprintf(" (for %d)", s.Port)
			}
			at = append(at, text)
		}
		if len(at) > 0 {
			fmt.Fprintf(&b, ", waits at %s", strings.Join(at, ", "))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  capture filter %s\n  display filter %s\n", p.CaptureFilter(), p.DisplayFilter())
	if slices.ContainsFunc(p.Servers, func(s PlanServer) bool { return s.Port != s.Loopback.Port() }) {
		b.WriteString("  moved ports    are taken, or under 1024, which is for root (or CAP_NET_BIND_SERVICE)\n")
	}
	for _, d := range p.DecodeAs() {
		fmt.Fprintf(&b, "  Decode As…     %s (tshark -d %s)\n", d, d)
	}
	return b.String()
}

// addrs are the loopback's, each once.
func (p Plan) addrs() []string {
	var out []string
	for _, h := range p.Hosts {
		if a := h.Loopback.String(); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// CaptureFilter selects the packets of the run and no others (pcap-filter).
func (p Plan) CaptureFilter() string { return "host " + strings.Join(p.addrs(), " or host ") }

// DisplayFilter is the same for Wireshark.
func (p Plan) DisplayFilter() string {
	return "ip.addr in {" + strings.Join(p.addrs(), ", ") + "}"
}

// DecodeAs tells Wireshark what is spoken at ports that had to be moved.
func (p Plan) DecodeAs() []string {
	names := map[uint16]string{21: "ftp", 25: "smtp", 53: "dns", 80: "http", 110: "pop", 143: "imap", 443: "tls", 587: "smtp"}
	var out []string
	for _, s := range p.Servers {
		name := names[s.Port]
		if s.Proto == "udp" && s.Port == 443 {
			name = "quic"
		}
		if d := fmt.Sprintf("%s.port==%d,%s", s.Proto, s.Loopback.Port(), name); name != "" && s.Port != s.Loopback.Port() && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}
