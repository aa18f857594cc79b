package dnsnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/simnet"
)

// AgreedSize is the EDNS buffer size that resolvers and servers agreed on in
// 2020: a datagram that no usual link breaks into fragments.
const AgreedSize = 1232

// Handler answers one question from a client. nil is no answer.
type Handler func(ctx context.Context, q *mdns.Msg, from netip.AddrPort) *mdns.Msg

// Server says how a host serves DNS.
type Server struct {
	Handler Handler
	// UDPSize is the largest answer over UDP in bytes, whatever a client
	// takes; 0: AgreedSize.
	UDPSize int
}

// Serve answers on port 53 of a host, over UDP and TCP, until the world ends.
func (w *World) Serve(ctx context.Context, h *simnet.Host, s Server) error {
	if s.UDPSize == 0 {
		s.UDPSize = AgreedSize
	}
	addr := netip.AddrPortFrom(h.Addrs()[0], 53)
	pc, err := h.ListenPacket("udp", addr.String())
	if err != nil {
		return err
	}
	l, err := h.Listen("tcp", addr.String())
	if err != nil {
		pc.Close()
		return err
	}
	udp := &mdns.Server{PacketConn: &packetConn{PacketConn: pc, w: w, host: h.Name(), local: addr}, UDPSize: maxUDP,
		Handler: s.handler(ctx, w, func(q *mdns.Msg) int {
			// RFC 6891 section 6.2.5: what is under 512 is 512.
			size := mdns.MinMsgSize
			if opt := q.IsEdns0(); opt != nil {
				size = max(size, int(opt.UDPSize()))
			}
			return min(size, s.UDPSize)
		})}
	tcp := &mdns.Server{Listener: listener{w.accepted.Listener(l), w, h.Name()},
		// A client that is gone is not waited for at the end.
		ReadTimeout: 30 * time.Second, IdleTimeout: func() time.Duration { return 30 * time.Second },
		Handler: s.handler(ctx, w, func(*mdns.Msg) int { return mdns.MaxMsgSize })}
	for _, srv := range []*mdns.Server{udp, tcp} {
		if err := w.run(srv); err != nil {
			return fmt.Errorf("%s: %w", h.Name(), err)
		}
	}
	return nil
}

// run starts a server; the world's end stops it.
func (w *World) run(srv *mdns.Server) error {
	up := make(chan struct{})
	srv.NotifyStartedFunc = func() { close(up) }
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	select {
	case <-up:
	case err := <-done:
		return err
	}
	w.atEnd(func() {
		_ = srv.Shutdown() // fails only when it does not run
		<-done
	})
	return nil
}

// handler cuts answers to the size that the client can take.
func (s *Server) handler(ctx context.Context, w *World, size func(q *mdns.Msg) int) mdns.HandlerFunc {
	return func(rw mdns.ResponseWriter, q *mdns.Msg) {
		w.busy.Add(1)
		defer w.busy.Add(-1)
		a := s.Handler(ctx, q, addrPort(rw.RemoteAddr()))
		if a == nil {
			return
		}
		a.Compress = true
		a.Truncate(size(q))
		_ = rw.WriteMsg(a) // the client times out and says so
	}
}

// listener has the messages of what it accepts noted.
type listener struct {
	net.Listener
	w    *World
	host string
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.w.stream(l.host, c), nil
}

// reply begins the answer to q.
func reply(q *mdns.Msg) *mdns.Msg {
	a := new(mdns.Msg)
	a.SetReply(q)
	if opt := q.IsEdns0(); opt != nil {
		a.SetEdns0(AgreedSize, opt.Do())
	}
	return a
}

// wantsDNSSEC reports whether q asks for signatures (RFC 3225).
func wantsDNSSEC(q *mdns.Msg) bool {
	opt := q.IsEdns0()
	return opt != nil && opt.Do()
}
