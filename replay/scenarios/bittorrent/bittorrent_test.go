package bittorrent_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/bittorrent"
	"github.com/wiretale/wiretale/replay/truth"
)

// play runs a scenario, compares capture and truth, and the truth with the
// rules that all peers keep.
func play(t *testing.T, name string, o replay.Options) *replaytest.Recording {
	t.Helper()
	r := replaytest.Run(t, name, o)
	r.Check(t)
	r.CheckRTT(t)
	checkPieces(t, r.Truth)
	checkRarestFirst(t, r.Truth)
	checkRounds(t, r.Truth)
	checkRequests(t, r.Truth)
	return r
}

// fact reads a figure.
func fact[T any](t *testing.T, r *replaytest.Recording, name string) T {
	t.Helper()
	v, ok := r.Truth.Facts[name].(T)
	if !ok {
		t.Fatalf("fact %s is %v", name, r.Truth.Facts[name])
	}
	return v
}

// allComplete: every peer whose name begins so has all pieces in the end.
func allComplete(t *testing.T, r *replaytest.Recording, prefix string) {
	t.Helper()
	all := fact[float64](t, r, "pieces")
	n := 0
	for name, has := range fact[map[string]any](t, r, "pieces_at_end") {
		if strings.HasPrefix(name, prefix) {
			n++
			if has != all {
				t.Errorf("%s has %v of %v pieces", name, has, all)
			}
		}
	}
	if n == 0 {
		t.Errorf("no %s", prefix)
	}
}

func count(r *replaytest.Recording, match func(m *truth.Message) bool) (n int) {
	for i := range r.Truth.Messages {
		if m := &r.Truth.Messages[i]; m.Wire != nil && match(m) {
			n++
		}
	}
	return n
}

func ofType(typ string) func(*truth.Message) bool {
	return func(m *truth.Message) bool { return m.Kind == truth.BitTorrent && m.Wire.Type == typ }
}

func TestSwarm(t *testing.T) {
	t.Parallel()
	r := play(t, "bt-swarm", replay.Options{Seed: 1})
	allComplete(t, r, "")
	if n := count(r, func(m *truth.Message) bool { return m.Wire.Extension == "ut_pex" && len(m.Wire.Peers) > 0 }); n == 0 {
		t.Error("no peer exchange")
	}
	for _, typ := range []string{"handshake", "bitfield", "have", "interested", "not_interested", "choke", "unchoke", "request", "piece", "cancel", "extended"} {
		if count(r, ofType(typ)) == 0 {
			t.Errorf("no %s", typ)
		}
	}
	for _, event := range []string{"started", "completed", "stopped"} {
		if count(r, func(m *truth.Message) bool { return m.Kind == truth.Tracker && m.Wire.Event == event }) == 0 {
			t.Errorf("no announce with event %s", event)
		}
	}
	// Nobody has the whole file twice over, and everyone was connected to
	// everyone: 8·7/2 pairs, and perhaps connections that met themselves.
	pairs := map[string]bool{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.BitTorrent && m.Wire.Type == "have" {
			pair := []string{m.Sender.Host, m.Receiver.Host}
			slices.Sort(pair)
			pairs[strings.Join(pair, " ")] = true
		}
	}
	if len(pairs) < 8*7/2-7 { // who left early may have missed those that came last
		t.Errorf("only %d pairs of peers talked", len(pairs))
	}
}

func TestDHT(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := play(t, "bt-dht", replay.Options{Seed: 2})
	allComplete(t, r, "leecher")
	for _, q := range []string{"find_node", "get_peers", "announce_peer", "ping"} {
		if count(r, func(m *truth.Message) bool { return m.Kind == truth.DHT && m.Wire.Query == q }) == 0 {
			t.Errorf("no %s", q)
		}
	}
	if count(r, func(m *truth.Message) bool { return len(m.Wire.Values) > 0 }) == 0 {
		t.Error("nobody was told of a peer")
	}
	if count(r, ofType("port")) == 0 {
		t.Error("no port message")
	}
}

func TestUDPTracker(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := play(t, "bt-udp-tracker", replay.Options{Seed: 3, RTT: 20 * time.Millisecond})
	allComplete(t, r, "leecher")
	connects := count(r, func(m *truth.Message) bool { return m.Kind == truth.Tracker && m.Wire.Type == "connect" })
	announces := count(r, func(m *truth.Message) bool { return m.Kind == truth.Tracker && m.Wire.Type == "announce" })
	if connects < 6 || announces < 16 { // more where a slow machine made a peer ask again
		t.Errorf("%d connects and %d announces, both ways; want 6 and 16", connects, announces)
	}
}

func TestLoss(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, name := range []string{"bt-udp-tracker", "bt-dht"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := play(t, name, replay.Options{Seed: 5, RTT: 20 * time.Millisecond, Loss: 0.02})
			allComplete(t, r, "leecher")
			if len(r.Truth.Drops) == 0 {
				t.Error("nothing was lost")
			}
		})
	}
}

func TestFreeRider(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := play(t, "bt-free-rider", replay.Options{Seed: 4})
	allComplete(t, r, "leecher")
	for _, typ := range []string{"piece", "unchoke"} {
		if n := count(r, func(m *truth.Message) bool { return m.Sender.Host == "rider" && m.Wire.Type == typ }); n > 0 {
			t.Errorf("the free rider sent %d of %s", n, typ)
		}
	}
	// What a leecher gives to the rider for its rate, it gives where fewer than
	// four others sent anything.
	for _, c := range r.Truth.Choices {
		if c.What != "round" || !strings.HasPrefix(c.Host, "leecher") || seeds(r.Truth, c) {
			continue // a seed's rates are those that it gives
		}
		generous := 0
		for _, x := range c.Rates {
			if x.Bits > 0 {
				generous++
			}
			if x.Host == "rider" && x.Bits > 0 {
				t.Errorf("%s received from the rider", c.Host)
			}
		}
		if generous >= 4 && slices.Contains(unchoked(c), "rider") {
			t.Errorf("%s at %s: the rider is among the best: %s", c.Host, c.Time, c.Why)
		}
	}
}

func TestVersus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	r := play(t, "p2p-vs-server", replay.Options{Seed: 6})
	allComplete(t, r, "client")
	f, n, us := fact[float64](t, r, "F"), fact[float64](t, r, "N"), fact[float64](t, r, "u_s")
	sum, least := 0.0, 0.0
	for _, u := range fact[map[string]any](t, r, "u_i") {
		sum += u.(float64)
	}
	for _, d := range fact[map[string]any](t, r, "d_i") {
		if least == 0 || d.(float64) < least {
			least = d.(float64)
		}
	}
	server, swarm := fact[float64](t, r, "D_cs"), fact[float64](t, r, "D_p2p")
	if bound := max(n*f/us, f/least); server < bound {
		t.Errorf("by the server in %.3f s, which cannot be under %.3f s", server, bound)
	}
	if bound := max(f/us, f/least, n*f/(us+sum)); swarm < bound {
		t.Errorf("by the swarm in %.3f s, which cannot be under %.3f s", swarm, bound)
	}
	t.Logf("server %.3f s (at least %.3f s), swarm %.3f s (at least %.3f s)", server, fact[float64](t, r, "D_cs_bound"), swarm, fact[float64](t, r, "D_p2p_bound"))
}

// The same seed gives the same torrent, peers, rates and contacts; who asks
// whom for what is a race, as in life.
func TestSeed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	tell := func(seed uint64) string {
		r := replaytest.Run(t, "bt-udp-tracker", replay.Options{RTT: 10 * time.Millisecond, Seed: seed})
		var said []string
		for _, m := range r.Truth.Messages {
			if w := m.Wire; w.Type == "handshake" || w.Event == "started" || w.Type == "connect" && !w.Response {
				said = append(said, fmt.Sprint(m.Sender.Host, m.Client.Addr(), m.Server, w.Type, w.InfoHash, w.PeerID, w.Transaction, w.Peers))
			}
		}
		slices.Sort(said)
		return strings.Join(slices.Compact(said), "\n")
	}
	a, b, c := tell(7), tell(7), tell(8)
	if a != b {
		t.Errorf("one seed, two runs:\n%s\n\n%s", a, b)
	}
	if a == c {
		t.Error("two seeds, one run")
	}
}

// checkPieces: what a peer has only grows, by one piece at a time.
func checkPieces(t *testing.T, tr *truth.Truth) {
	t.Helper()
	last := map[string]string{}
	for _, p := range tr.Peers {
		if was, ok := last[p.Host]; ok {
			a, _ := strconv.ParseUint(was, 16, 64)
			b, _ := strconv.ParseUint(p.Pieces, 16, 64)
			if x := b &^ a; a&^b != 0 || x == 0 || x&(x-1) != 0 {
				t.Errorf("%s had %s and then %s", p.Host, was, p.Pieces)
			}
		}
		last[p.Host] = p.Pieces
	}
	if len(last) == 0 {
		t.Error("nobody has anything")
	}
}

// checkRarestFirst: of the pieces that a peer could begin, it began one of
// those that fewest of its neighbours have.
func checkRarestFirst(t *testing.T, tr *truth.Truth) {
	t.Helper()
	n := 0
	for _, c := range tr.Choices {
		if c.What != "request" {
			continue
		}
		n++
		copies := strings.Fields(c.Copies)
		if c.Piece == nil || *c.Piece >= len(copies) {
			t.Errorf("%s chose %v of %q", c.Host, c.Piece, c.Copies)
			continue
		}
		chosen, err := strconv.Atoi(copies[*c.Piece])
		if err != nil || chosen == 0 {
			t.Errorf("%s chose piece %d of %q", c.Host, *c.Piece, c.Copies)
		}
		for i, x := range copies {
			if k, err := strconv.Atoi(x); err == nil && k < chosen {
				t.Errorf("%s chose piece %d; %d is rarer: %q", c.Host, *c.Piece, i, c.Copies)
			}
		}
	}
	if n == 0 {
		t.Error("no piece was chosen")
	}
}

// unchoked are the names in a round that were unchoked for their rate.
func unchoked(c truth.Choice) []string { return part(c, "unchoked: ") }

func part(c truth.Choice, prefix string) []string {
	for p := range strings.SplitSeq(c.Why, "; ") {
		if names, ok := strings.CutPrefix(p, prefix); ok && names != "" {
			return strings.Split(names, ", ")
		}
	}
	return nil
}

// seeds: the host had all pieces at the time of c.
func seeds(tr *truth.Truth, c truth.Choice) bool {
	var last, most string
	for _, p := range tr.Peers {
		if p.Host == c.Host && !p.Time.After(c.Time) {
			last = p.Pieces
		}
		most = max(most, p.Pieces) // of the seed: all bits
	}
	return last == most
}

// checkRounds: at most four for their rate and one besides; of a leecher, the
// four are those of the highest rates.
func checkRounds(t *testing.T, tr *truth.Truth) {
	t.Helper()
	rounds := 0
	for _, c := range tr.Choices {
		if c.What != "round" {
			continue
		}
		rounds++
		best, lucky := unchoked(c), part(c, "optimistic: ")
		if len(best) > 4 || len(lucky) > 1 {
			t.Errorf("%s unchokes %v and %v", c.Host, best, lucky)
		}
		if len(best) < 4 && len(c.Rates) > len(best)+len(lucky) && !snubbing(c) {
			t.Errorf("%s has free slots: %s", c.Host, c.Why)
		}
		if seeds(tr, c) || snubbing(c) {
			continue
		}
		var least int64 = -1
		for _, x := range c.Rates {
			if slices.Contains(best, x.Host) && (least < 0 || x.Bits < least) {
				least = x.Bits
			}
		}
		for _, x := range c.Rates {
			if !slices.Contains(best, x.Host) && x.Bits > least && least >= 0 {
				t.Errorf("%s unchokes %v, not %s: %v", c.Host, best, x.Host, c.Rates)
			}
		}
	}
	if rounds == 0 {
		t.Error("no rounds")
	}
}

// snubbing: someone is passed over in this round because it owes blocks.
func snubbing(c truth.Choice) bool {
	return part(c, "snubbed by: ") != nil
}

// checkRequests: who is choked, in its own eyes, asks for nothing, and nobody
// sends a block that was not asked for (BEP 3).
func checkRequests(t *testing.T, tr *truth.Truth) {
	t.Helper()
	type way struct {
		connection int
		from       string
	}
	type moment struct {
		at    time.Time
		order int
		heard bool
		m     *truth.Message
	}
	// All that happened at each end of each connection, in its own order. What
	// was heard goes first where the clock cannot tell.
	seen := map[way][]moment{}
	for i := range tr.Messages {
		m := &tr.Messages[i]
		if m.Kind != truth.BitTorrent {
			continue
		}
		seen[way{*m.Connection, m.Sender.Host}] = append(seen[way{*m.Connection, m.Sender.Host}], moment{m.Sender.Start, i, false, m})
		seen[way{*m.Connection, m.Receiver.Host}] = append(seen[way{*m.Connection, m.Receiver.Host}], moment{m.Receiver.End, i, true, m})
	}
	for w, list := range seen {
		slices.SortStableFunc(list, func(a, b moment) int {
			if c := a.at.Compare(b.at); c != 0 {
				return c
			}
			switch {
			case a.heard && !b.heard:
				return -1
			case b.heard && !a.heard:
				return 1
			}
			return 0
		})
		asked := map[string]bool{}
		unchokedYet := false
		for _, x := range list {
			block := ""
			if x.m.Wire.Piece != nil && x.m.Wire.Begin != nil {
				block = fmt.Sprint(*x.m.Wire.Piece, *x.m.Wire.Begin, *x.m.Wire.Length)
			}
			switch {
			case x.heard && x.m.Wire.Type == "unchoke":
				unchokedYet = true
			case x.heard && x.m.Wire.Type == "request":
				asked[block] = true
			case !x.heard && x.m.Wire.Type == "request" && !unchokedYet:
				t.Errorf("connection %d: %s asks though it was never unchoked", w.connection, w.from)
			case !x.heard && x.m.Wire.Type == "piece" && !asked[block]:
				t.Errorf("connection %d: %s sends block %s that nobody asked for", w.connection, w.from, block)
			}
		}
	}
}

// Whoever gives up waits for nothing, and nothing is left behind.
func TestCancel(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	before := runtime.NumGoroutine()
	for _, s := range []scenarios.Scenario{bittorrent.Swarm, bittorrent.DHT, bittorrent.UDPTracker, bittorrent.FreeRider, bittorrent.Versus} {
		ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
		if _, err := s.Run(ctx, scenarios.Params{RTT: 200 * time.Millisecond}); err == nil {
			t.Errorf("%s: no error", s.Name)
		}
		cancel()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// The recorded files are what they were when they were made.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bt-swarm", "bt-dht", "bt-udp-tracker", "bt-free-rider", "p2p-vs-server"} {
		t.Run(name, func(t *testing.T) {
			r := replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json")
			r.Check(t)
			checkPieces(t, r.Truth)
			checkRarestFirst(t, r.Truth)
			checkRounds(t, r.Truth)
			checkRequests(t, r.Truth)
		})
	}
}
