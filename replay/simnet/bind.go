package simnet

import (
	"context"
	"errors"
	"net"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// dialTCPFrom connects from a chosen port. As servers do (SO_REUSEADDR), it
// takes a port that an earlier connection to somewhere else still holds, be it
// in TIME-WAIT: the four numbers together are what must be unique (RFC 9293
// section 3.3.1).
func (h *Host) dialTCPFrom(ctx context.Context, from, to tcpip.FullAddress, proto tcpip.NetworkProtocolNumber) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	wq := new(waiter.Queue)
	ep, terr := h.stack.NewEndpoint(tcp.ProtocolNumber, proto, wq)
	if terr != nil {
		return fail(errors.New(terr.String()))
	}
	ep.SocketOptions().SetReuseAddress(true)
	if terr := ep.Bind(from); terr != nil {
		ep.Close()
		return fail(errors.New(terr.String()))
	}
	entry, writable := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	terr = ep.Connect(to)
	if _, started := terr.(*tcpip.ErrConnectStarted); started {
		select {
		case <-ctx.Done():
			ep.Close()
			return fail(ctx.Err())
		case <-writable:
		}
		terr = ep.LastError()
	}
	if terr != nil {
		ep.Close()
		return fail(errors.New(terr.String()))
	}
	return gonet.NewTCPConn(wq, ep), nil
}
