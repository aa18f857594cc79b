package bittorrent

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// post keeps all datagrams of a run: each is noted by its sender before it is
// sent, and by its receiver when it was read.
type post struct {
	mu      sync.Mutex
	sent    []truth.Message
	flying  map[datagram][]int                   // sent and not read yet, by index
	clients map[[2]netip.AddrPort]netip.AddrPort // who spoke first, by both ends
}

// datagram is one as the network knows it.
type datagram struct {
	from, to netip.AddrPort
	bytes    string
}

// socket is a UDP port of a host.
type socket struct {
	s     *swarm
	pc    net.PacketConn
	host  string
	local netip.AddrPort
}

// open binds a port and calls got for each datagram, one after the other, until
// the end of the run.
func (s *swarm) open(h *simnet.Host, port uint16, got func(k *socket, from netip.AddrPort, b []byte)) (*socket, error) {
	local := netip.AddrPortFrom(h.Addrs()[0], port)
	pc, err := h.ListenPacket("udp", local.String())
	if err != nil {
		return nil, err
	}
	k := &socket{s: s, pc: pc, host: h.Name(), local: local}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return // closed
			}
			at := s.w.Net.Now().Std()
			a, ok := from.(*net.UDPAddr)
			if !ok {
				continue
			}
			ap := a.AddrPort()
			ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
			s.udp.read(datagram{ap, local, string(b[:n])}, k.host, at)
			got(k, ap, append([]byte(nil), b[:n]...))
		}
	}()
	s.w.OnClose(func() {
		pc.Close()
		<-done
	})
	return k, nil
}

// send sends b, which means w.
func (k *socket) send(to netip.AddrPort, b []byte, kind truth.Kind, w *truth.Wire) error {
	p := &k.s.udp
	i := p.note(datagram{k.local, to, string(b)}, kind, w, truth.End{Host: k.host, Start: k.s.w.Net.Now().Std()})
	_, err := k.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
	end := k.s.w.Net.Now().Std()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[i].Sender.End = end
	return err
}

func (p *post) note(d datagram, kind truth.Kind, w *truth.Wire, sender truth.End) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flying == nil {
		p.flying, p.clients = map[datagram][]int{}, map[[2]netip.AddrPort]netip.AddrPort{}
	}
	ends := [2]netip.AddrPort{d.from, d.to}
	if ends[1].Compare(ends[0]) < 0 {
		ends[0], ends[1] = ends[1], ends[0]
	}
	if _, ok := p.clients[ends]; !ok {
		p.clients[ends] = d.from
	}
	m := truth.Message{Kind: kind, Transport: "udp", Client: d.from, Server: d.to, Sender: sender, Wire: w}
	if p.clients[ends] != d.from {
		m.Client, m.Server = d.to, d.from
	}
	p.sent = append(p.sent, m)
	p.flying[d] = append(p.flying[d], len(p.sent)-1)
	return len(p.sent) - 1
}

func (p *post) read(d datagram, host string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.flying[d]; len(list) > 0 {
		p.sent[list[0]].Receiver = truth.End{Host: host, Start: at, End: at}
		p.flying[d] = list[1:]
	}
}
