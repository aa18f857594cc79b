package bittorrent

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// UDPTracker is bt-udp-tracker's line in scenarios/all.
var UDPTracker = scenarios.Scenario{
	Name:  "bt-udp-tracker",
	Doc:   "a seed and two leechers that meet by a tracker over UDP (BEP 15)",
	RTT:   defaultRTT,
	Takes: scenarios.TimeScale,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, time.Minute, runUDPTracker)
	},
}

const (
	udpTrackerPort = 6969

	// magic opens a connect request (BEP 15).
	magic = 0x41727101980

	actionConnect  = 0
	actionAnnounce = 1
	actionError    = 3

	// A request is sent again after 15·2ⁿ seconds (BEP 15).
	udpTimeout = 15 * time.Second
	udpTries   = 5
)

var udpEvents = map[string]uint32{"": 0, "completed": 1, "started": 2, "stopped": 3}

func runUDPTracker(ctx context.Context, s *swarm) error {
	s.make(8*pieceBytes, pieceBytes, blockBytes)
	tracker, err := s.w.Host("tracker", "tracker over UDP", trackerAddr, trackerName)
	if err != nil {
		return err
	}
	for i, m := range []struct {
		name, role string
		upload     int64
	}{
		{"seed", "has the file", 200_000},
		{"leecher1", "wants the file", 120_000},
		{"leecher2", "wants the file", 80_000},
	} {
		if _, err := s.add(m.name, m.role, i, m.upload); err != nil {
			return err
		}
	}
	s.tellRates()
	if err := s.join(s.p.RTT, tracker); err != nil {
		return err
	}
	if err := s.serveUDPTracker(tracker); err != nil {
		return err
	}
	c := &udpClient{s: s, tracker: netip.AddrPortFrom(tracker.Addrs()[0], udpTrackerPort), socks: map[*member]*udpSocket{}}
	s.tell = c.announce
	for i, m := range s.members {
		if err := s.enter(ctx, m, i == 0, false); err != nil {
			return err
		}
	}
	return s.finish(ctx, s.members[1:], nobodyLeaves)
}

// serveUDPTracker answers connects and announces.
func (s *swarm) serveUDPTracker(h *simnet.Host) error {
	reg := newRegistry(s.p.Seed)
	rnd := rand.New(rand.NewPCG(s.p.Seed, 0x756470)) // "udp"
	connections := map[uint64]netip.AddrPort{}
	be := binary.BigEndian
	_, err := s.open(h, udpTrackerPort, func(k *socket, from netip.AddrPort, b []byte) {
		if len(b) < 16 {
			return
		}
		id, action, transaction := be.Uint64(b), be.Uint32(b[8:]), b[12:16]
		answer := func(action uint32) []byte { return append(be.AppendUint32(nil, action), transaction...) }
		switch {
		case action == actionConnect && id == magic:
			id := rnd.Uint64()
			connections[id] = from
			out := be.AppendUint64(answer(actionConnect), id)
			_ = k.send(from, out, truth.Tracker, &truth.Wire{Type: "connect", Response: true,
				Transaction: hex.EncodeToString(transaction), ConnectionID: fmt.Sprintf("%016x", id)})
		case action == actionAnnounce && len(b) >= 98 && connections[id] == from:
			event := ""
			for name, n := range udpEvents {
				if n == be.Uint32(b[80:]) {
					event = name
				}
			}
			who := netip.AddrPortFrom(from.Addr(), be.Uint16(b[96:]))
			others, seeders, leechers := reg.announce(who, event, int64(be.Uint64(b[64:])), int(be.Uint32(b[92:])))
			out := be.AppendUint32(answer(actionAnnounce), interval)
			out = be.AppendUint32(out, uint32(leechers))
			out = be.AppendUint32(out, uint32(seeders))
			for _, a := range others {
				out = peer.AppendCompact(out, a)
			}
			_ = k.send(from, out, truth.Tracker, &truth.Wire{Type: "announce", Response: true, Interval: interval,
				Seeders: &seeders, Leechers: &leechers, Peers: peer.Texts(others), Transaction: hex.EncodeToString(transaction)})
		default:
			text := "unknown connection"
			_ = k.send(from, append(answer(actionError), text...), truth.Tracker,
				&truth.Wire{Type: "error", Response: true, Transaction: hex.EncodeToString(transaction)})
		}
	})
	return err
}

// udpClient is the members' side.
type udpClient struct {
	s       *swarm
	tracker netip.AddrPort

	mu    sync.Mutex
	socks map[*member]*udpSocket
}

// udpSocket is one member's.
type udpSocket struct {
	*socket
	rnd     *rand.Rand
	id      uint64
	since   time.Time // of id
	answers chan []byte
}

// idAge is how long a connection id may be used (BEP 15: one minute).
const idAge = time.Minute

func (c *udpClient) socket(m *member) (*udpSocket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.socks[m]; k != nil {
		return k, nil
	}
	k := &udpSocket{
		rnd:     rand.New(rand.NewPCG(c.s.p.Seed, binary.BigEndian.Uint64(m.id[12:]))),
		answers: make(chan []byte, 16),
	}
	var err error
	k.socket, err = c.s.open(m.host, peerPort, func(_ *socket, from netip.AddrPort, b []byte) {
		if from == c.tracker {
			select {
			case k.answers <- b:
			default: // nobody waits for it
			}
		}
	})
	if err != nil {
		return nil, err
	}
	c.socks[m] = k
	return k, nil
}

// announce is connect, where there is no valid connection id, and announce.
// One at a time for each member.
func (c *udpClient) announce(ctx context.Context, m *member, event string, want int) ([]netip.AddrPort, error) {
	k, err := c.socket(m)
	if err != nil {
		return nil, err
	}
	be := binary.BigEndian
	if k.since.IsZero() || time.Since(k.since) > idAge {
		transaction := k.rnd.Uint32()
		b := be.AppendUint64(nil, magic)
		b = be.AppendUint32(b, actionConnect)
		b = be.AppendUint32(b, transaction)
		answer, err := k.ask(ctx, c.tracker, transaction, b, &truth.Wire{Type: "connect", Transaction: fmt.Sprintf("%08x", transaction)})
		if err != nil {
			return nil, fmt.Errorf("%s: connect: %w", m.name, err)
		}
		if len(answer) < 16 || be.Uint32(answer) != actionConnect {
			return nil, fmt.Errorf("%s: connect: an answer of %d bytes", m.name, len(answer))
		}
		k.id, k.since = be.Uint64(answer[8:]), time.Now()
	}
	up, down, left := m.peer.Counts()
	transaction := k.rnd.Uint32()
	b := be.AppendUint64(nil, k.id)
	b = be.AppendUint32(b, actionAnnounce)
	b = be.AppendUint32(b, transaction)
	b = append(b, c.s.torrent.InfoHash[:]...)
	b = append(b, m.id[:]...)
	b = be.AppendUint64(b, uint64(down))
	b = be.AppendUint64(b, uint64(left))
	b = be.AppendUint64(b, uint64(up))
	b = be.AppendUint32(b, udpEvents[event])
	b = be.AppendUint32(b, 0)              // the address that the packet comes from
	b = be.AppendUint32(b, k.rnd.Uint32()) // key
	b = be.AppendUint32(b, uint32(want))   // num_want
	b = be.AppendUint16(b, m.addr.Port())
	answer, err := k.ask(ctx, c.tracker, transaction, b, &truth.Wire{Type: "announce",
		InfoHash: c.s.torrent.InfoHash.String(), PeerID: m.id.String(), Port: m.addr.Port(),
		Uploaded: &up, Downloaded: &down, Left: &left, Event: event,
		Transaction: fmt.Sprintf("%08x", transaction), ConnectionID: fmt.Sprintf("%016x", k.id)})
	if err != nil {
		return nil, fmt.Errorf("%s: announce: %w", m.name, err)
	}
	if len(answer) < 20 || be.Uint32(answer) != actionAnnounce {
		return nil, fmt.Errorf("%s: announce: an answer of %d bytes", m.name, len(answer))
	}
	return peer.ParseCompact(string(answer[20:])), nil
}

var errNoAnswer = errors.New("the tracker does not answer")

// ask sends b until it is answered.
func (k *udpSocket) ask(ctx context.Context, to netip.AddrPort, transaction uint32, b []byte, w *truth.Wire) ([]byte, error) {
	for try := range udpTries {
		if err := k.send(to, b, truth.Tracker, w); err != nil {
			return nil, err
		}
		timeout := time.NewTimer(max(time.Duration(float64(udpTimeout<<try)/k.s.p.TimeScale), 2*k.s.p.RTT))
		for waiting := true; waiting; {
			select {
			case answer := <-k.answers:
				if len(answer) >= 8 && binary.BigEndian.Uint32(answer[4:]) == transaction {
					timeout.Stop()
					return answer, nil
				}
			case <-timeout.C:
				waiting = false
			case <-ctx.Done():
				timeout.Stop()
				return nil, context.Cause(ctx)
			}
		}
	}
	return nil, errNoAnswer
}
