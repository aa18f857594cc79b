package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

// Captures of two real peers, see decoders/utp/testdata/README.md.
const torrents = "../../decoders/utp/testdata/"

// torrentEvents are the events of all kinds of a capture.
func torrentEvents(t *testing.T, file string, workers int) (out []events.Event) {
	t.Helper()
	c := Config{Paths: []string{file}, Workers: workers, Limits: events.DefaultLimits(), Want: events.SetOf(events.Kinds()...)}
	c.Events = func(evs []*events.Event) error {
		for _, e := range evs {
			if e.Body.Kind() != events.KindFlowEnd && e.Body.Kind() != events.KindFlowBytes { // pooled
				out = append(out, *e)
			}
		}
		return nil
	}
	if _, err := Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return out
}

// rewritten makes a copy of a classic pcap file, without the packets that drop
// picks, and with all UDP ports changed by port.
func rewritten(t *testing.T, file string, drop func(n int) bool, port func(uint16) uint16) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	link := 14 // Ethernet
	if le.Uint32(b[20:]) == 113 {
		link = 16 // Linux cooked
	}
	out := slices.Clone(b[:24])
	n := 0
	for rest := b[24:]; len(rest) > 0; n++ {
		size := 16 + int(le.Uint32(rest[8:]))
		p := slices.Clone(rest[:size])
		rest = rest[size:]
		if drop(n) {
			continue
		}
		udp := p[16+link:]
		udp = udp[int(udp[0]&15)*4:]
		for i := range 2 {
			binary.BigEndian.PutUint16(udp[2*i:], port(binary.BigEndian.Uint16(udp[2*i:])))
		}
		out = append(out, p...)
	}
	name := filepath.Join(t.TempDir(), filepath.Base(file))
	if err := os.WriteFile(name, out, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// torrentBlocks are the whole blocks of pieces that were seen, and their bytes.
func torrentBlocks(evs []events.Event) (set map[string]bool, size int) {
	set = map[string]bool{}
	for i := range evs {
		if m, ok := evs[i].Body.(*events.BitTorrentMessage); ok && m.Type == "piece" && m.Complete {
			k := fmt.Sprint(*m.Piece, *m.Begin, *m.Length)
			if !set[k] {
				set[k] = true
				size += int(*m.Length)
			}
		}
	}
	return set, size
}

// torrentTexts are all events without their ports.
func torrentTexts(t *testing.T, evs []events.Event) []string {
	var out []string
	for i := range evs {
		e := &evs[i]
		body, err := json.Marshal(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d.%d %s %d %v %s %s", e.Pos.Frame, e.Pos.Sub, e.Layer, e.Stream, e.From, e.Body.Kind(), body))
	}
	return out
}

// DHT, uTP and the peer wire inside of it, a tracker, local discovery: each is
// found once on its flow, on any port, nothing is taken for what it is not,
// and the whole torrent is seen.
func TestTorrentOverUDP(t *testing.T) {
	for file, c := range map[string]struct {
		bytes  int
		layers []string
	}{
		"peers-udp.pcap": {70000, []string{"udp/dht", "udp/lsd", "udp/udptracker", "udp/utp", "udp/utp/bittorrent"}},
		"utp-loss.pcap":  {100000, []string{"udp/dht", "udp/utp", "udp/utp/bittorrent"}},
	} {
		evs := torrentEvents(t, torrents+file, 1)
		if _, n := torrentBlocks(evs); n != c.bytes {
			t.Errorf("%s: %d bytes of blocks, want %d", file, n, c.bytes)
		}
		var layers []string
		seen := map[string]bool{}
		for i := range evs {
			e := &evs[i]
			switch b := e.Body.(type) {
			case *events.FlowDetected:
				k := fmt.Sprint(e.Stream, e.Layer)
				if seen[k] && strings.Count(e.Layer, "/") == 1 {
					t.Errorf("%s: frame %d: %s is told twice", file, e.Pos.Frame, e.Layer)
				}
				seen[k] = true
				if !slices.Contains(layers, e.Layer) {
					layers = append(layers, e.Layer)
				}
			case *events.FlowViolation:
				if strings.Count(e.Layer, "/") == 1 {
					t.Errorf("%s: frame %d: %s: %s", file, e.Pos.Frame, e.Layer, b.Reason)
				}
			case *events.FlowGap, *events.FlowLimit:
				t.Errorf("%s: frame %d: %s: %+v", file, e.Pos.Frame, e.Layer, b)
			}
		}
		if slices.Sort(layers); !slices.Equal(layers, c.layers) {
			t.Errorf("%s: %q", file, layers)
		}
		want := torrentTexts(t, evs)
		for what, got := range map[string][]string{
			"three workers":  torrentTexts(t, torrentEvents(t, torrents+file, 3)),
			"ports remapped": torrentTexts(t, torrentEvents(t, rewritten(t, torrents+file, func(int) bool { return false }, func(p uint16) uint16 { return p ^ 0x1234 }), 1)),
		} {
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					t.Errorf("%s: %s: event %d differs:\n%v\n%v", file, what, i, want[min(i, len(want)-1)], got[min(i, len(got)-1)])
					break
				}
			}
		}
	}
}

// Packets that were never captured: no block is invented.
func TestTorrentLoss(t *testing.T) {
	file := torrents + "utp-loss.pcap"
	full, _ := torrentBlocks(torrentEvents(t, file, 1))
	for k := range 12 {
		drop := func(n int) bool { return n%12 == k }
		if k == 0 {
			drop = func(n int) bool { return n < 40 } // joined midway
		}
		evs := torrentEvents(t, rewritten(t, file, drop, func(p uint16) uint16 { return p }), 1)
		got, _ := torrentBlocks(evs)
		for b := range got {
			if !full[b] {
				t.Errorf("loss %d: block %s", k, b)
			}
		}
		gaps := 0
		for i := range evs {
			if g, ok := evs[i].Body.(*events.FlowGap); ok && (g.Packets > 0 || g.Reason == "midway") {
				gaps++
			}
		}
		if gaps == 0 {
			t.Errorf("loss %d: no gap", k)
		}
		t.Logf("loss %d: %d of %d blocks, %d gaps", k, len(got), len(full), gaps)
	}
}
