package btswarm

import (
	"net/netip"

	"github.com/wiretale/wiretale/events"
)

// hints are the addresses that were told, of which swarm, to whom, and by what
// first. Where there are too many the oldest goes.
type hints struct {
	most  int
	by    map[hint]word
	order []hint
	next  int
	lost  int
}

// hint is an address that was told.
type hint struct {
	hash string
	addr netip.AddrPort
	to   netip.Addr // not valid: everybody
}

type word struct {
	how   How
	frame uint64
}

func (h *hints) add(hash string, a netip.AddrPort, to netip.Addr, by How, frame uint64) {
	if hash == "" || a.Port() == 0 {
		return
	}
	k := hint{hash, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), to}
	if _, known := h.by[k]; known {
		return
	}
	if h.by == nil {
		h.by = map[hint]word{}
	}
	if len(h.order) < h.most {
		h.order = append(h.order, k)
	} else {
		delete(h.by, h.order[h.next])
		h.order[h.next] = k
		h.next = (h.next + 1) % h.most
		h.lost++
	}
	h.by[k] = word{by, frame}
}

// of is how to knew a before that frame.
func (h *hints) of(hash string, a netip.AddrPort, to netip.Addr, frame uint64) How {
	for _, x := range [2]netip.Addr{to, {}} {
		if w, ok := h.by[hint{hash, a, x}]; ok && w.frame < frame {
			return w.how
		}
	}
	return ByNothing
}

// hearer is the address to which e went.
func hearer(e *events.Event) netip.Addr {
	if e.From == events.FromServer {
		return e.Flow.Client.IP()
	}
	return e.Flow.Server.IP()
}

// asked are requests whose answers do not say which torrent they are of.
type asked struct {
	most  int
	of    map[uint64]string // by the frame of the request
	order []uint64
	next  int
}

func (a *asked) add(frame uint64, hash string) {
	if a.of == nil {
		a.of = map[uint64]string{}
	}
	if len(a.order) < a.most {
		a.order = append(a.order, frame)
	} else {
		delete(a.of, a.order[a.next])
		a.order[a.next] = frame
		a.next = (a.next + 1) % a.most
	}
	a.of[frame] = hash
}

const mostFrames = 8

func (t *tables) request(e *events.Event, b *events.TrackerRequest) {
	if b.Action != "announce" || b.InfoHash == "" {
		return
	}
	w := t.who.AddSwarm(b.InfoHash)
	if w == nil {
		return
	}
	t.asked.add(e.Pos.Frame, b.InfoHash)
	s := t.swarm(w)
	s.tracker.Announces++
	switch b.Event {
	case "started":
		s.tracker.Started++
	case "completed":
		s.tracker.Completed++
	case "stopped":
		s.tracker.Stopped++
	}
	if len(s.frames) < mostFrames {
		s.frames = append(s.frames, e.Pos.Frame)
		s.keys = append(s.keys, e.Key())
	}
}

func (t *tables) response(e *events.Event, b *events.TrackerResponse) {
	hash := t.asked.of[b.RequestFrame]
	w := t.who.Swarm(hash)
	if hash == "" || w == nil {
		return
	}
	s := t.swarm(w)
	if b.Failure != "" {
		if s.tracker.Failures++; s.tracker.Failures == 1 {
			s.tracker.Failure = b.Failure
		}
		return
	}
	if b.Seeders != nil {
		n := *b.Seeders
		s.tracker.Seeders = &n
	}
	if b.Leechers != nil {
		n := *b.Leechers
		s.tracker.Leechers = &n
	}
	if b.Interval != 0 {
		s.tracker.Interval = b.Interval
	}
	for _, a := range b.Peers {
		if x, err := netip.ParseAddrPort(a); err == nil {
			t.hints.add(hash, x, hearer(e), ByTracker, e.Pos.Frame)
		}
	}
}

func (t *tables) dht(e *events.Event, b *events.DHTMessage) {
	switch {
	case b.Type == "query" && b.Query == "get_peers" && b.InfoHash != "":
		t.asked.add(e.Pos.Frame, b.InfoHash)
	case b.Type == "response" && len(b.Values) > 0:
		hash := t.asked.of[b.RequestFrame]
		for _, a := range b.Values {
			if x, err := netip.ParseAddrPort(a); err == nil {
				t.hints.add(hash, x, hearer(e), ByDHT, e.Pos.Frame)
			}
		}
	}
}

// sealed counts an encrypted connection for the swarm of which its opener was
// told this address, where it was told of one.
func (t *tables) sealed(e *events.Event, b *events.BitTorrentHandshake) {
	if b.Encryption == "" || e.From != events.FromClient {
		return
	}
	to := netip.AddrPortFrom(e.Flow.Server.IP(), e.Flow.ServerPort)
	for _, w := range t.who.Swarms {
		if w.Hash != "" && t.hints.of(w.Hash, to, e.Flow.Client.IP(), e.Pos.Frame) != ByNothing {
			t.swarm(w).sealed++
			return
		}
	}
}
