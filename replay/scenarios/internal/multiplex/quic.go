package multiplex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wiretale/wiretale/replay/witness"
)

// udpHeaders are those of IPv6 and UDP, in bytes.
const udpHeaders = 40 + 8

// MinMTU is the least MTU that carries QUIC: no datagram of it is under 1,200
// bytes at first, and none may be fragmented (RFC 9000 section 14).
const MinMTU = 1200 + udpHeaders

// quicConfig is that of both ends. Probing for a larger MTU is off: probes
// that are lost on purpose would be lost packets of the capture.
func (w *World) quicConfig() *quic.Config {
	size := uint16(1280) // the library's choice
	if mtu := w.Params.MTU; mtu != 0 {
		size = uint16(min(uint32(size), mtu-udpHeaders)) // RFC 9000 section 14: never in fragments
	}
	return &quic.Config{
		InitialPacketSize:       size,
		HandshakeIdleTimeout:    w.Limit(),
		MaxIdleTimeout:          w.Limit(),
		DisablePathMTUDiscovery: true,
	}
}

// ServeHTTP3 runs github.com/quic-go/quic-go/http3 on the origin until the end
// of the run.
func (o *Origin) ServeHTTP3() error {
	o.sealing = inQUIC
	config, err := o.tlsConfig(http3.NextProtoH3)
	if err != nil {
		return err
	}
	pc, err := o.Host.ListenPacket("udp", ":"+strconv.Itoa(int(o.port())))
	if err != nil {
		return err
	}
	o.socket = witness.NewPacketConn(pc, o.w.Net.Now)
	t := &quic.Transport{Conn: o.socket}
	l, err := t.ListenEarly(http3.ConfigureTLSConfig(config), o.w.quicConfig())
	if err != nil {
		return errors.Join(err, pc.Close())
	}
	srv := &http3.Server{
		Logger: slog.New(slog.DiscardHandler), // errors show at the client
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			client, _ := r.Context().Value(http3.RemoteAddrContextKey).(*net.UDPAddr)
			if client == nil {
				o.failed(errors.New("a request from nowhere"))
				return
			}
			o.answer(ends{addrPort(client.AddrPort()), o.Addr()}, rw, r)
		}),
	}
	done := make(chan error, 1)
	go func() { done <- srv.ServeListener(l) }()
	o.w.onEnd(func() {
		// First what ends connections whose last packet was lost, for the
		// server waits for them.
		_ = t.Close()
		_ = srv.Close()
		_ = l.Close()
		_ = pc.Close()
		<-done
	})
	return nil
}

// http3Conn is a connection of quic-go's client.
type http3Conn struct {
	*http3.ClientConn
	quic *quic.Conn
}

// end closes it without a fault (RFC 9114 section 5.2).
func (c http3Conn) end() error {
	return c.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
}

// HTTP3 connects to the origin and makes github.com/quic-go/quic-go/http3 its
// client.
func (o *Origin) HTTP3(ctx context.Context) (*Conn, error) {
	pc, err := o.w.Browser.ListenPacket("udp", ":0")
	if err != nil {
		return nil, err
	}
	socket := witness.NewPacketConn(pc, o.w.Net.Now)
	t := &quic.Transport{Conn: socket}
	o.w.onEnd(func() {
		_ = t.Close()
		_ = pc.Close()
	})
	c := &Conn{o: o, keys: o.w.newKeyLog(), ends: ends{socket.Local(), o.Addr()}}
	config := o.w.trusted.Clone()
	config.ServerName, config.NextProtos, config.KeyLogWriter = o.Name, []string{http3.NextProtoH3}, c.keys
	qc, err := t.Dial(ctx, net.UDPAddrFromAddrPort(o.Addr()), config, o.w.quicConfig())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	c.state = qc.ConnectionState().TLS
	c.trip = http3Conn{(&http3.Transport{DisableCompression: true, Logger: slog.New(slog.DiscardHandler)}).NewClientConn(qc), qc}
	c.socket = socket
	o.mu.Lock()
	o.conns = append(o.conns, c)
	o.mu.Unlock()
	return c, nil
}

// settle is how long a client waits after the last response, so that what the
// server has still to acknowledge is acknowledged.
const settle = 10 * time.Millisecond

// Settle lets the last acknowledgements go out.
func (c *Conn) Settle(ctx context.Context) {
	t := time.NewTimer(c.o.w.Params.RTT + settle)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
