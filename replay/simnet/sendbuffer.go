package simnet

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// SetSendBuffer makes the host keep at most about so many bytes that an
// application wrote to a TCP connection and that are not acknowledged yet. A
// small one makes the application wait for the network early, so that it can
// still choose what to send next. It holds for connections made after it.
func (h *Host) SetSendBuffer(bytes int) error {
	o := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: bytes, Max: bytes}
	if bytes < o.Min {
		return fmt.Errorf("simnet: host %s: a send buffer of %d bytes is under %d", h.name, bytes, o.Min)
	}
	if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &o); err != nil {
		return fmt.Errorf("simnet: host %s: send buffer: %s", h.name, err)
	}
	return nil
}
