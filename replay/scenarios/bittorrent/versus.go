package bittorrent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Versus is p2p-vs-server's line in scenarios/all.
var Versus = scenarios.Scenario{
	Name:      "p2p-vs-server",
	Doc:       "one file to five clients: by one HTTP server, then by the same hosts as a swarm",
	RTT:       defaultRTT,
	Takes:     scenarios.TimeScale,
	Simulated: "it compares links of different rates, which the loopback has not",
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, 2*time.Minute, runVersus)
	},
}

const (
	clients      = 5
	serverUpload = 400_000 // bit/s: u_s
	// Each client can receive more than all others together send, so that the
	// rate of each link is that of its access link: d_i.
	leastDown = 2_000_000
	downStep  = 200_000

	versusPieces = 16
	fileName     = "noise.bin"
)

// clientUploads are u_i in bit/s.
var clientUploads = [clients]int64{160_000, 200_000, 240_000, 280_000, 320_000}

// runVersus: the clients fetch the file from the server, all at the same
// moment; then the server is the seed and the clients are leechers.
func runVersus(ctx context.Context, s *swarm) error {
	s.make(versusPieces*pieceBytes, pieceBytes, blockBytes)
	tracker, err := s.w.Host("tracker", "tracker over HTTP", trackerAddr, trackerName)
	if err != nil {
		return err
	}
	us := int64(serverUpload)
	if s.p.Rate > 0 {
		us = s.p.Rate
	}
	server, err := s.add("server", "HTTP server, then the seed", 0, us)
	if err != nil {
		return err
	}
	down := map[string]int64{}
	for i := range clients {
		name := fmt.Sprintf("client%d", i+1)
		if _, err := s.add(name, "client of the server, then a leecher", i+1, clientUploads[i]); err != nil {
			return err
		}
		down[name] = leastDown + int64(i)*downStep
	}
	if err := s.linkVersus(tracker, down); err != nil {
		return err
	}
	bits := int64(s.torrent.Length) * 8
	s.versusFacts(bits, us, down)
	if err := s.byServer(ctx, server); err != nil {
		return err
	}
	if err := s.w.Net.Quiet(ctx, s.p.RTT+50*time.Millisecond); err != nil {
		return err
	}
	return s.bySwarm(ctx, tracker, server)
}

// linkVersus: the link to a host has the rate that the host can receive.
func (s *swarm) linkVersus(tracker *simnet.Host, down map[string]int64) error {
	to := func(name string) simnet.Path {
		p := s.p.Path(s.p.RTT)
		p.Rate = down[name] // of the server: no limit
		return p
	}
	for i, a := range s.members {
		if err := s.w.Net.Connect(a.host, tracker, to("tracker"), to(a.name)); err != nil {
			return err
		}
		for _, b := range s.members[:i] {
			if err := s.w.Net.Connect(a.host, b.host, to(b.name), to(a.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *swarm) versusFacts(bits, us int64, down map[string]int64) {
	up := map[string]int64{}
	var sum int64
	for i, u := range clientUploads {
		up[fmt.Sprintf("client%d", i+1)] = u
		sum += u
	}
	f, n := float64(bits), float64(clients)
	s.w.Fact("F", bits)
	s.w.Fact("N", clients)
	s.w.Fact("u_s", us)
	s.w.Fact("u_i", up)
	s.w.Fact("d_i", down)
	s.w.Fact("D_cs_bound", max(n*f/float64(us), f/leastDown))
	s.w.Fact("D_p2p_bound", max(f/float64(us), f/leastDown, n*f/float64(us+sum)))
}

// byServer is the first half.
func (s *swarm) byServer(ctx context.Context, server *member) error {
	out := &shaper{rate: server.upload}
	err := s.w.Serve(server.host, "80", software, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(s.content)))
		for at := 0; at < len(s.content); at += blockBytes {
			if out.write(r.Context(), w, s.content[at:min(at+blockBytes, len(s.content))]) != nil {
				return // the client sees it missing
			}
		}
	}))
	if err != nil {
		return err
	}
	// All hosts were just made: what that left to do is not to make them late.
	if err := pause(ctx, joinGap); err != nil {
		return err
	}
	start := s.w.Net.Now().Std()
	out.start()
	done := map[string]float64{}
	var last float64
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for i, m := range s.members[1:] {
		m.lane = s.w.Lane(m.host, web.LaneOptions{Once: true})
		wg.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.addr.Addr().String()+"/"+fileName, nil)
			if err != nil {
				errs[i] = err
				return
			}
			req.Header.Set("User-Agent", software)
			resp, err := m.lane.RoundTrip(req)
			if err != nil {
				errs[i] = err
				return
			}
			defer resp.Body.Close()
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != int64(len(s.content)) {
				errs[i] = fmt.Errorf("%s received %d bytes: %w", m.name, n, err)
				return
			}
			took := s.w.Net.Now().Std().Sub(start).Seconds()
			mu.Lock()
			defer mu.Unlock()
			done[m.name], last = took, max(last, took)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	s.w.Fact("server_start", start.Sub(simnet.Epoch).Seconds())
	s.w.Fact("server_done", done)
	s.w.Fact("D_cs", last)
	return nil
}

// bySwarm is the second half: all begin at once.
func (s *swarm) bySwarm(ctx context.Context, tracker *simnet.Host, server *member) error {
	if err := s.serveTracker(tracker); err != nil {
		return err
	}
	start := s.w.Net.Now().Std()
	for _, m := range s.members {
		content := s.content
		if m != server {
			content = nil
		}
		if err := s.start(m, content, nil); err != nil {
			return err
		}
	}
	for _, m := range s.members {
		others, err := s.tell(ctx, m, "started", many)
		if err != nil {
			return err
		}
		m.peer.Meet(others)
	}
	if err := s.finish(ctx, s.members[1:], nobodyLeaves); err != nil {
		return err
	}
	s.w.Fact("swarm_start", start.Sub(simnet.Epoch).Seconds())
	s.swarmStart = start
	return nil
}

// shaper lets bytes through at a rate, in the order in which they come: what
// was written by a moment was earned by then.
type shaper struct {
	rate int64 // bit/s
	mu   sync.Mutex
	next time.Time // when the next byte may be on its way
}

func (o *shaper) start() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = time.Now()
}

// write writes b when the last of its bits would have left.
func (o *shaper) write(ctx context.Context, w http.ResponseWriter, b []byte) error {
	o.mu.Lock()
	now := time.Now()
	if o.next.Before(now) {
		o.next = now
	}
	o.next = o.next.Add(time.Duration(float64(len(b)*8) / float64(o.rate) * float64(time.Second)))
	wait := o.next.Sub(now)
	o.mu.Unlock()
	if err := pause(ctx, wait); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
