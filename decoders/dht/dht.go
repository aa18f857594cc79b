// Package dht decodes the messages of BitTorrent's distributed hash table
// (KRPC, BEP 5), for IPv4 and IPv6 (BEP 32), with scrapes (BEP 33), external
// addresses (BEP 42), read-only nodes (BEP 43), stored values (BEP 44) and
// samples of info hashes (BEP 51). It must not keep a routing table, and must
// not judge whether a node is where it should be.
package dht

import (
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/bencode"
	"github.com/wiretale/wiretale/events"
)

// Proto is the DHT. A node has the port of its peer: any.
var Proto = decoders.Proto{
	Name:     "dht",
	UDPPorts: []uint16{6881},
	Probe:    probe,
	Datagram: newDatagram,
	Doc:      "BitTorrent's DHT: queries, responses and errors, nodes and peers of both families",
}

// What makes a packet not of the DHT.
var (
	errNotDict = errors.New("dht: not a bencoded dictionary")
	errNotKRPC = errors.New("dht: a dictionary without y and t")
)

// datagram decodes one message a packet, and ties responses to queries.
type datagram struct {
	limits  *events.Limits
	pending pending
}

func newDatagram(env decoders.Env) decoders.Datagram {
	return &datagram{limits: env.Limits}
}

// Packet implements decoders.Datagram.
func (d *datagram) Packet(w decoders.Window, out decoders.Sink) error {
	b := w.Bytes
	if len(b) < 2 || b[0] != 'd' || b[1]-'0' > 9 {
		return errNotDict
	}
	v, n, err := bencode.Read(b, d.limits.BencodeDepth, d.limits.BencodeItems)
	wrong := ""
	switch {
	case err == nil && n < len(b):
		wrong = "bytes behind the message"
	case err == nil:
	case errors.Is(err, bencode.ErrItems):
		out.Limit("bencode-items", d.limits.BencodeItems, "the message is not read", int64(len(b)))
		return nil
	case errors.Is(err, bencode.ErrDepth):
		out.Limit("bencode-depth", d.limits.BencodeDepth, "the message is not read", int64(len(b)))
		return nil
	case errors.Is(err, bencode.ErrShort) && w.Missing > 0:
		v = bencode.Value(b) // what lies before the cut can be looked at
	default:
		wrong = "broken bencoding"
		v = bencode.Value(b)
	}
	m, first, ok := read(v)
	if !ok {
		if w.Missing > 0 && wrong == "" && prefixed(b) {
			return nil // of a query or a response, cut before all that could be told
		}
		return errNotKRPC
	}
	if wrong == "" {
		wrong = first
	}
	if wrong != "" && w.Missing == 0 {
		out.Emit(w.From, &events.FlowViolation{Protocol: Proto.Name, Reason: wrong, Bytes: int64(len(b))})
	}
	if m.Type == "query" {
		if d.pending.add(m.Transaction, w.From, w.Frame, w.Time, d.limits.PendingRequests) {
			out.Limit("pending-requests", d.limits.PendingRequests, "the oldest query is not tied to its response", 0)
		}
	} else {
		m.RequestFrame = d.pending.take(m.Transaction, w.From.Other())
	}
	if w.Missing > 0 {
		out.Truncated(w.From, m)
	} else {
		out.Emit(w.From, m)
	}
	return nil
}

// probe: a whole dictionary that says what it is and bears a transaction, with
// the id that every query and response has; or, of a packet that was cut, the
// front of one.
func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) < 8 || b[0] != 'd' || b[1]-'0' > 9 {
		return decoders.No, from
	}
	v, n, err := bencode.Read(b, bencode.MaxDepth, len(b))
	if err != nil {
		if errors.Is(err, bencode.ErrShort) && prefixed(b) {
			return decoders.Yes, from
		}
		return decoders.No, from
	}
	if n < len(b) {
		return decoders.No, from
	}
	if _, ok := v.GetBytes("t"); !ok {
		return decoders.No, from
	}
	y, _ := v.GetBytes("y")
	switch string(y) {
	case "q":
		_, named := v.GetBytes("q")
		return verdict(named && hasID(v, "a")), from
	case "r":
		return verdict(hasID(v, "r")), from
	case "e":
		e, _ := v.Get("e")
		return verdict(e.Kind() == bencode.List), from
	}
	return decoders.No, from
}

// prefixed: the first bytes of nearly every message, since keys are sorted.
func prefixed(b []byte) bool {
	for _, p := range [...]string{"d1:ad2:id20:", "d1:rd2:id20:", "d2:ip6:", "d2:ip18:", "d1:eli2"} {
		if len(b) >= len(p) && string(b[:len(p)]) == p {
			return true
		}
	}
	return false
}

func hasID(v bencode.Value, key string) bool {
	args, _ := v.Get(key)
	id, ok := args.GetBytes("id")
	return ok && len(id) == idLen
}

func verdict(ok bool) decoders.Verdict {
	if ok {
		return decoders.Yes
	}
	return decoders.No
}
