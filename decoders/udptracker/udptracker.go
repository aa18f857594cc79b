// Package udptracker decodes what peers and trackers of BitTorrent say over
// UDP (BEP 15), with the options of BEP 41. It must not judge how a tracker
// chooses peers.
package udptracker

import (
	"encoding/binary"
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Proto is the tracker protocol over UDP.
var Proto = decoders.Proto{
	Name:     "udptracker",
	UDPPorts: []uint16{1337, 2710, 6969},
	Probe:    probe,
	Datagram: newDatagram,
	Trial:    true,
	Doc:      "BitTorrent trackers over UDP: connect, announce, scrape, errors",
}

// What makes a packet not of this protocol.
var (
	errShape = errors.New("udptracker: neither a request nor a response")
	errDoubt = errors.New("udptracker: packets that do not answer each other")
)

// maxLooks is how many packets are looked at before a flow is given up in
// which no response answers a request.
const maxLooks = 16

// datagram decodes the packets of one flow.
type datagram struct {
	limits  *events.Limits
	secrets bool
	v6      bool // peers are of the family of the flow
	certain bool // a connect, an announce in its whole shape, or a pair was seen
	looks   int
	pending []request
}

// request waits for its response.
type request struct {
	transaction uint32
	from        events.Dir
	action      action
	frame       uint64
}

func newDatagram(env decoders.Env) decoders.Datagram {
	return &datagram{limits: env.Limits, secrets: env.ShowSecrets, v6: !env.Flow.Client.IP().Is4()}
}

// Packet implements decoders.Datagram. Before it is certain it says nothing.
func (d *datagram) Packet(w decoders.Window, out decoders.Sink) error {
	b, size := w.Bytes, len(w.Bytes)+w.Missing
	if len(b) < 8 {
		return errShape
	}
	if r, ok := d.answered(b, w.From); ok {
		d.certain = true
		d.respond(&w, r.frame, out)
		return nil
	}
	if act, ok := requestOf(b, size); ok {
		d.certain = d.certain || plain(act, b)
		d.ask(request{binary.BigEndian.Uint32(b[12:]), w.From, act, w.Frame}, out)
		if d.certain {
			d.tell(&w, act, out)
			return nil
		}
		return d.doubt()
	}
	if !isResponse(b, size) {
		return errShape
	}
	if d.certain {
		d.respond(&w, 0, out)
		return nil
	}
	return d.doubt()
}

func (d *datagram) doubt() error {
	if d.looks++; d.looks > maxLooks {
		return errDoubt
	}
	return nil
}

// ask keeps a request; asked again, it takes the place of the first.
func (d *datagram) ask(r request, out decoders.Sink) {
	d.take(r.transaction, r.from)
	if n := d.limits.PendingRequests; len(d.pending) >= n {
		if d.certain {
			out.Limit("pending-requests", n, "the oldest request is not tied to its response", 0)
		}
		d.pending = d.pending[:copy(d.pending, d.pending[1:])]
	}
	d.pending = append(d.pending, r)
}

func (d *datagram) take(transaction uint32, asker events.Dir) (request, bool) {
	for i, r := range d.pending {
		if r.transaction == transaction && r.from == asker {
			d.pending = d.pending[:i+copy(d.pending[i:], d.pending[i+1:])]
			return r, true
		}
	}
	return request{}, false
}

// answered is the request that a packet answers: of the other side, with the
// same transaction, and the same action or an error.
func (d *datagram) answered(b []byte, from events.Dir) (request, bool) {
	act, transaction := action(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
	for _, r := range d.pending {
		if r.transaction == transaction && r.from != from && (act == r.action || act == failure) {
			return d.take(transaction, r.from)
		}
	}
	return request{}, false
}
