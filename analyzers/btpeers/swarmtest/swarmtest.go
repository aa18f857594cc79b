// Package swarmtest makes conversations of BitTorrent by hand for the tests of
// questions: each call is one packet. It must not know any question.
package swarmtest

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Hash is the info hash of every swarm here.
const Hash = "e21ea9569b69bab33c97851d0298bdfa89bc9092"

// Start is the capture time of time 0, that of foldtest.
var Start = events.TimeOf(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))

// Swarm is a capture of one swarm. Times are in seconds.
type Swarm struct {
	Events []*events.Event
	flows  uint32
}

// Conn is one connection. Hash is what its messages bear; empty where no
// handshake was captured.
type Conn struct {
	s      *Swarm
	flow   events.Flow
	stream uint32
	layer  string
	Hash   string
	IDs    [2]string
}

// Dial is a connection between two hosts; who accepts listens on 6881. Peer
// ids are made of the hosts.
func (s *Swarm) Dial(client, server string) *Conn {
	return s.dial(client, server, events.ProtoTCP, "tcp/bittorrent")
}

// UTP is Dial over uTP.
func (s *Swarm) UTP(client, server string) *Conn {
	return s.dial(client, server, events.ProtoUDP, "udp/utp/bittorrent")
}

func (s *Swarm) dial(client, server string, proto uint8, layer string) *Conn {
	c := &Conn{s: s, stream: s.flows, layer: layer, Hash: Hash, IDs: [2]string{fmt.Sprintf("%040x", client), fmt.Sprintf("%040x", server)}}
	c.flow = events.Flow{
		Client: events.AddrOf(netip.MustParseAddr(client)), ClientPort: uint16(40000 + s.flows),
		Server: events.AddrOf(netip.MustParseAddr(server)), ServerPort: 6881, Proto: proto,
	}
	s.flows++
	return c
}

// Emit is any event of that side.
func (c *Conn) Emit(at float64, from events.Dir, b events.Body) uint64 {
	frame := uint64(len(c.s.Events) + 1)
	c.s.Events = append(c.s.Events, &events.Event{
		Pos: events.Pos{Frame: frame}, Time: Start.Add(events.Duration(at * 1e9)),
		Flow: c.flow, Stream: c.stream, From: from, Layer: c.layer, Body: b,
	})
	return frame
}

// Trips are the round trips of the handshake of TCP: to the server, and to the
// client.
func (c *Conn) Trips(at, server, client float64) {
	c.Emit(at, events.FromServer, &events.TCPRTT{Of: events.RTTSynAck, RTT: events.Duration(server * 1e9)})
	c.Emit(at, events.FromClient, &events.TCPRTT{Of: events.RTTAck, RTT: events.Duration(client * 1e9)})
}

// Ack is the ACK of that side to what the other said in that frame, trip seconds
// before.
func (c *Conn) Ack(at float64, from events.Dir, frame uint64, trip float64) {
	c.Emit(at, from, &events.TCPRTT{Of: events.RTTData, SegmentFrame: frame, RTT: events.Duration(trip * 1e9), Exact: true})
}

// Hello are the handshakes of both sides.
func (c *Conn) Hello(at float64) {
	c.Greet(at, events.FromClient)
	c.Greet(at, events.FromServer)
}

// Greet is the handshake of one side.
func (c *Conn) Greet(at float64, from events.Dir) {
	c.Emit(at, from, &events.BitTorrentHandshake{InfoHash: c.Hash, PeerID: c.IDs[from], Reserved: "0000000000000000"})
}

// Encrypted is a connection that begins as MSE does.
func (c *Conn) Encrypted(at float64) {
	c.Emit(at, events.FromClient, &events.BitTorrentHandshake{Encryption: "mse"})
}

// Say is a message without numbers: choke, unchoke, interested, have_all, …
func (c *Conn) Say(at float64, from events.Dir, what string) uint64 {
	return c.Emit(at, from, &events.BitTorrentMessage{Type: what, InfoHash: c.Hash, Bytes: 1, Complete: true})
}

// Bitfield says which pieces there are, in hex.
func (c *Conn) Bitfield(at float64, from events.Dir, pieces string) uint64 {
	return c.Emit(at, from, &events.BitTorrentMessage{Type: "bitfield", Pieces: pieces, InfoHash: c.Hash, Complete: true})
}

// Have says that there is a piece more.
func (c *Conn) Have(at float64, from events.Dir, piece uint32) uint64 {
	return c.Emit(at, from, &events.BitTorrentMessage{Type: "have", Piece: &piece, InfoHash: c.Hash, Bytes: 5, Complete: true})
}

// Block is a request, a piece, a cancel or a reject for length bytes at begin.
func (c *Conn) Block(at float64, from events.Dir, what string, piece, begin, length uint32) uint64 {
	return c.Emit(at, from, &events.BitTorrentMessage{Type: what, Piece: &piece, Begin: &begin, Length: &length, InfoHash: c.Hash, Bytes: 13, Complete: true})
}

// Close ends a side.
func (c *Conn) Close(at float64, from events.Dir) {
	c.Emit(at, from, &events.BitTorrentEnd{InfoHash: c.Hash, Why: events.EndFIN})
}

// Over is the end of the flow with the capture.
func (c *Conn) Over(at float64) {
	c.Emit(at, events.FromClient, &events.FlowEnd{Why: events.EndCaptureOver})
}

// In puts what was said in the order of time: connections may be written one
// after the other.
func (s *Swarm) In() []*events.Event {
	list := s.Events
	for i := 1; i < len(list); i++ {
		for k := i; k > 0 && list[k].Time < list[k-1].Time; k-- {
			list[k], list[k-1] = list[k-1], list[k]
		}
	}
	frames := map[uint64]uint64{}
	for i, e := range list {
		frames[e.Pos.Frame] = uint64(i + 1)
		e.Pos.Frame = uint64(i + 1)
		if r, ok := e.Body.(*events.TCPRTT); ok {
			r.SegmentFrame = frames[r.SegmentFrame]
		}
	}
	return list
}
