package simnet

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// udpSocket opens a UDP socket; either address may be nil. Its packets may be
// fragmented: left to itself the stack forbids that, gives all packets the
// identification 0, and then fragments long ones all the same, so that nobody
// could tell the fragments of two datagrams apart (RFC 6864 section 4).
func (h *Host) udpSocket(local, remote *tcpip.FullAddress, proto tcpip.NetworkProtocolNumber) (*gonet.UDPConn, error) {
	var wq waiter.Queue
	ep, err := h.stack.NewEndpoint(udp.ProtocolNumber, proto, &wq)
	if err != nil {
		return nil, fmt.Errorf("simnet: host %s: %s", h.name, err)
	}
	err = ep.SetSockOptInt(tcpip.MTUDiscoverOption, int(tcpip.PMTUDiscoveryDont))
	if err == nil && local != nil {
		err = ep.Bind(*local)
	}
	if err == nil && remote != nil {
		err = ep.Connect(*remote)
	}
	if err != nil {
		ep.Close()
		return nil, fmt.Errorf("simnet: host %s: udp: %s", h.name, err)
	}
	return gonet.NewUDPConn(&wq, ep), nil
}
