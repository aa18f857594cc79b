// Package bittorrent is the scenarios of BitTorrent: swarms with a tracker over
// HTTP or UDP, or with the DHT, a free rider, and a swarm beside one server.
// The peers are those of replay/peer, the HTTP of tracker and server is
// net/http. It must not look at packets.
package bittorrent

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
)

const (
	defaultRTT = 40 * time.Millisecond

	// defaultScale makes a round of choking half a second long.
	defaultScale = 20

	peerPort = 6881
	software = "wiretale-replay"

	// joinGap is between two peers that join.
	joinGap = 60 * time.Millisecond
)

// member is a host that is a peer, or may become one.
type member struct {
	name   string
	host   *simnet.Host
	addr   netip.AddrPort
	id     peer.Hash
	peer   *peer.Peer
	upload int64
	lane   *web.Lane // to the tracker
}

// swarm is the world of one torrent.
type swarm struct {
	w       *web.World
	p       scenarios.Params
	torrent *peer.Torrent
	content []byte
	members []*member // also those that only serve others, without a peer
	names   map[netip.Addr]string
	udp     post

	// tell tells the tracker of a member, and returns the others that it names:
	// at most want.
	tell func(ctx context.Context, m *member, event string, want int) ([]netip.AddrPort, error)

	swarmStart time.Time // of p2p-vs-server

	mu   sync.Mutex
	said map[string][]announced // by URL of the HTTP request
}

// play runs a scenario: build makes hosts and links and leaves the rest to the
// function that it returns. All peers are closed in any case.
func play(ctx context.Context, p scenarios.Params, limit time.Duration, script func(context.Context, *swarm) error) (*scenarios.Result, error) {
	if p.TimeScale <= 0 {
		p.TimeScale = defaultScale
	}
	if p.Loss > 0 || p.Rate > 0 {
		limit += 2 * time.Minute
	}
	s := &swarm{p: p, names: map[netip.Addr]string{}, said: map[string][]announced{}}
	r, err := web.Play(ctx, p, limit, func(ctx context.Context, w *web.World) error {
		s.w = w
		err := script(ctx, s)
		if err == nil {
			err = s.settle(ctx)
		}
		if cerr := s.close(); err == nil {
			err = cerr
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.announcements(&r.Truth)
	var peers []*peer.Peer
	for _, m := range s.members {
		if m.peer != nil {
			peers = append(peers, m.peer)
		}
	}
	if err := peer.Add(&r.Truth, peers); err != nil {
		return nil, err
	}
	r.Truth.Messages = append(r.Truth.Messages, s.udp.sent...)
	r.Truth.SortMessages()
	return r, nil
}

// make makes the file up.
func (s *swarm) make(length, pieceLength, blockLength int) {
	s.torrent, s.content = peer.NewTorrent("noise.bin", length, pieceLength, blockLength, s.p.Seed)
	s.w.Fact("info_hash", s.torrent.InfoHash.String())
	s.w.Fact("file_bytes", length)
	s.w.Fact("piece_bytes", pieceLength)
	s.w.Fact("block_bytes", blockLength)
	s.w.Fact("pieces", len(s.torrent.Pieces))
	s.w.Fact("time_scale", s.p.TimeScale)
	s.w.Fact("round_seconds", 10/s.p.TimeScale)
	s.w.Fact("optimistic_seconds", 30/s.p.TimeScale)
}

// add makes a host that is to be a peer.
func (s *swarm) add(name, role string, number int, upload int64) (*member, error) {
	h, err := s.w.Host(name, role, fmt.Sprintf("203.0.113.%d", 10+number))
	if err != nil {
		return nil, err
	}
	m := &member{name: name, host: h, addr: netip.AddrPortFrom(h.Addrs()[0], peerPort), upload: upload}
	m.id = peerID(s.p.Seed, number)
	s.members = append(s.members, m)
	s.names[h.Addrs()[0]] = name
	return m, nil
}

// peerID begins with "-WT0100-" (BEP 20), the rest is made up.
func peerID(seed uint64, number int) (id peer.Hash) {
	rnd := rand.New(rand.NewPCG(seed, 0x6964<<16|uint64(number))) // "id"
	n := copy(id[:], "-WT0100-")
	for i := n; i < len(id); i++ {
		id[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rnd.IntN(36)]
	}
	return id
}

// join links every member with every other, and with the hosts given.
func (s *swarm) join(rtt time.Duration, others ...*simnet.Host) error {
	for i, a := range s.members {
		for _, h := range others {
			if err := s.w.Link(a.host, h, rtt); err != nil {
				return err
			}
		}
		for _, b := range s.members[:i] {
			if err := s.w.Link(a.host, b.host, rtt); err != nil {
				return err
			}
		}
	}
	return nil
}

// start makes m a peer; change adapts its configuration.
func (s *swarm) start(m *member, content []byte, change func(*peer.Config)) error {
	c := peer.Config{
		Name: m.name, Network: m.host, Now: s.w.Net.Now, NameOf: s.nameOf, Addr: m.addr, ID: m.id,
		Seed: s.p.Seed ^ binary.BigEndian.Uint64(m.id[12:]), Torrent: s.torrent, Content: content,
		Upload: m.upload, TimeScale: s.p.TimeScale, Pipeline: pipeline,
	}
	if change != nil {
		change(&c)
	}
	var err error
	m.peer, err = peer.Start(c)
	return err
}

func (s *swarm) nameOf(a netip.Addr) string { return cmp.Or(s.names[a], a.String()) }

// wait is for every peer to have all pieces, or those given.
func wait(ctx context.Context, members ...*member) error {
	for _, m := range members {
		select {
		case <-m.peer.Complete():
		case <-ctx.Done():
			return fmt.Errorf("%s has not all pieces: %w", m.name, context.Cause(ctx))
		}
	}
	return nil
}

// pause lets d go by.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle ends all links in peace.
func (s *swarm) settle(ctx context.Context) error {
	for _, m := range s.members {
		if m.peer != nil {
			m.peer.Quiesce()
		}
	}
	var wg sync.WaitGroup
	for _, m := range s.members {
		if m.peer != nil {
			wg.Go(func() { m.peer.Stop(ctx) })
		}
	}
	wg.Wait()
	return ctx.Err()
}

// close ends the peers and tells what they gave and took.
func (s *swarm) close() (err error) {
	given, taken, pieces, done := map[string]any{}, map[string]any{}, map[string]int{}, map[string]float64{}
	for _, m := range s.members {
		if m.peer == nil {
			continue
		}
		if cerr := m.peer.Close(); err == nil {
			err = cerr
		}
		a := m.peer.Account()
		given[m.name], taken[m.name] = a.Given, a.Taken
		last := a.Pieces[len(a.Pieces)-1]
		pieces[m.name] = countHex(last.Pieces)
		if !a.Finished.IsZero() {
			done[m.name] = a.Finished.Sub(simnet.Epoch).Seconds()
		}
	}
	s.w.Fact("bytes_sent", given)
	s.w.Fact("bytes_received", taken)
	s.w.Fact("pieces_at_end", pieces)
	s.w.Fact("complete_at", done)
	if !s.swarmStart.IsZero() {
		var last float64
		for name, at := range done {
			done[name] = at - s.swarmStart.Sub(simnet.Epoch).Seconds()
			last = max(last, done[name])
		}
		s.w.Fact("swarm_done", done)
		s.w.Fact("D_p2p", last)
	}
	return err
}
