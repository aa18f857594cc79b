package bittorrent

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	trackerName = "tracker.example.test"
	trackerURL  = "http://" + trackerName + "/announce"
	trackerAddr = "192.0.2.10"

	// interval is what the tracker asks for, in seconds of the scenario.
	interval = 1800
)

// registry is what a tracker knows: who is in the swarm, in order of joining.
type registry struct {
	mu    sync.Mutex
	rnd   *rand.Rand
	order []netip.AddrPort
	left  map[netip.AddrPort]int64
}

func newRegistry(seed uint64) *registry {
	return &registry{rnd: rand.New(rand.NewPCG(seed, 0x747261636b)), left: map[netip.AddrPort]int64{}} // "track"
}

// announce notes who asks and picks at most want of the others.
func (r *registry) announce(who netip.AddrPort, event string, left int64, want int) (others []netip.AddrPort, seeders, leechers int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if event == "stopped" {
		delete(r.left, who)
		for i, a := range r.order {
			if a == who {
				r.order = append(r.order[:i:i], r.order[i+1:]...)
				break
			}
		}
	} else {
		if _, ok := r.left[who]; !ok {
			r.order = append(r.order, who)
		}
		r.left[who] = left
	}
	for _, a := range r.order {
		if r.left[a] == 0 {
			seeders++
		} else {
			leechers++
		}
		if a != who {
			others = append(others, a)
		}
	}
	if event == "stopped" {
		return nil, seeders, leechers
	}
	if want == 0 {
		return nil, seeders, leechers // no draw, so that others' draws stay as they are
	}
	r.rnd.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	return others[:min(want, len(others))], seeders, leechers
}

// announced is one announce, as its two ends mean it.
type announced struct{ request, response *truth.Wire }

// serveTracker runs the tracker of BEP 3 and BEP 23 on h, with net/http.
func (s *swarm) serveTracker(h *simnet.Host) error {
	reg := newRegistry(s.p.Seed)
	s.tell = s.announce
	return s.w.Serve(h, "80", software, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		port, err := strconv.ParseUint(q.Get("port"), 10, 16)
		client, cerr := netip.ParseAddrPort(r.RemoteAddr)
		left, lerr := strconv.ParseInt(q.Get("left"), 10, 64)
		want, werr := strconv.Atoi(q.Get("numwant"))
		if err != nil || cerr != nil || lerr != nil || werr != nil || q.Get("info_hash") != string(s.torrent.InfoHash[:]) {
			http.Error(w, "no such torrent", http.StatusBadRequest)
			return
		}
		others, seeders, leechers := reg.announce(netip.AddrPortFrom(client.Addr().Unmap(), uint16(port)), q.Get("event"), left, want)
		var compact []byte
		for _, a := range others {
			compact = peer.AppendCompact(compact, a)
		}
		body := peer.Encode(map[string]any{
			"interval": interval, "complete": seeders, "incomplete": leechers, "peers": compact,
		})
		s.mu.Lock()
		list := s.said[web.RequestURL(r)]
		if n := len(list); n > 0 {
			list[n-1].response = &truth.Wire{Type: "announce", Response: true, Interval: interval,
				Seeders: &seeders, Leechers: &leechers, Peers: peer.Texts(others)}
		}
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // the peer sees it missing
	}))
}

// announce tells the tracker of m, over a connection of its own, and returns
// the others that it names.
func (s *swarm) announce(ctx context.Context, m *member, event string, want int) ([]netip.AddrPort, error) {
	up, down, left := m.peer.Counts()
	if m.lane == nil {
		m.lane = s.w.Lane(m.host, web.LaneOptions{Once: true})
	}
	// The order of BEP 3; every byte that is not plain is escaped.
	query := "info_hash=" + escape(s.torrent.InfoHash[:]) + "&peer_id=" + escape(m.id[:]) +
		fmt.Sprintf("&port=%d&uploaded=%d&downloaded=%d&left=%d&compact=1&numwant=%d", m.addr.Port(), up, down, left, want)
	if event != "" {
		query += "&event=" + event
	}
	u, err := url.Parse(trackerURL)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query
	wire := &truth.Wire{Type: "announce", InfoHash: s.torrent.InfoHash.String(), PeerID: m.id.String(),
		Port: m.addr.Port(), Uploaded: &up, Downloaded: &down, Left: &left, Event: event}
	s.mu.Lock()
	s.said[u.String()] = append(s.said[u.String()], announced{request: wire})
	s.mu.Unlock()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", software)
	resp, err := m.lane.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("%s: announce: %w", m.name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: announce: %w", m.name, err)
	}
	v, err := peer.Decode(body)
	dict, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: announce: %s: no answer of a tracker", m.name, resp.Status)
	}
	peers, _ := dict["peers"].(string)
	return peer.ParseCompact(peers), nil
}

// escape is percent-encoding (RFC 3986 section 2.1).
func escape(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '.', c == '_', c == '~':
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// announcements puts what peers and tracker meant beside the HTTP messages
// that carried it.
func (s *swarm) announcements(t *truth.Truth) {
	seen := map[string][2]int{}
	for _, m := range t.Messages {
		if m.HTTP == nil {
			continue
		}
		list, n := s.said[m.HTTP.URL], seen[m.HTTP.URL]
		kind := 0
		if m.Kind == truth.HTTPResponse {
			kind = 1
		}
		if n[kind] >= len(list) {
			continue // not to the tracker
		}
		wire := [...]*truth.Wire{list[n[kind]].request, list[n[kind]].response}[kind]
		n[kind]++
		seen[m.HTTP.URL] = n
		m.Kind, m.HTTP, m.Wire = truth.Tracker, nil, wire
		t.Messages = append(t.Messages, m)
	}
}
