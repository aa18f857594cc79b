// Package session is what the questions about mail and file sessions share:
// which flows belong to one, the round trips that it spends waiting, what a
// message costs, and which credentials anybody on the way could read. It must
// not know any protocol's commands, and it never keeps a secret.
package session

import (
	"slices"

	"github.com/wiretale/wiretale/events"
)

// Protocol says which flows one question looks at.
type Protocol struct {
	Name string // as in flow.detected
	// Ports are those of servers. Of flows to other ports, handshakes are not
	// looked at: their round-trip time stays unknown.
	Ports []uint16
	// TLSPorts are those where TLS begins with the first byte.
	TLSPorts []uint16
}

// FlowKinds are the kinds of events that Conn.Step takes. A question adds
// those of its protocol.
func FlowKinds(more ...events.Kind) []events.Kind {
	return append(more, events.KindFlowDetected, events.KindFlowGap, events.KindFlowEnd, events.KindTCPRTT, events.KindTLSHandshake)
}

// Known reports whether the server's port is one of the protocol's.
func (p *Protocol) Known(f *events.Flow) bool {
	return slices.Contains(p.Ports, f.ServerPort) || slices.Contains(p.TLSPorts, f.ServerPort)
}

// Key is the connection, for what belongs to the protocol. Of what concerns
// any flow, only that which may be the protocol's is taken: there may be very
// many flows.
func (p *Protocol) Key(e *events.Event) (events.StreamKey, bool) {
	if e.Flow.Proto != events.ProtoTCP {
		return events.StreamKey{}, false
	}
	ok := true
	switch b := e.Body.(type) {
	case *events.TCPRTT:
		ok = b.Of != events.RTTData && p.Known(&e.Flow)
	case *events.TLSHandshake:
		ok = p.Known(&e.Flow)
	case *events.FlowDetected:
		ok = p.mine(b.Protocol, e)
	case *events.FlowGap:
		ok = p.mine(b.Protocol, e)
	case *events.FlowEnd:
		ok = p.mine(b.Protocol, e)
	case *events.MailMessage:
		ok = b.Via == p.Name
	}
	return e.Key(), ok
}

// mine: a flow may change to mail and to TLS.
func (p *Protocol) mine(protocol string, e *events.Event) bool {
	return protocol == p.Name || p.Known(&e.Flow)
}
