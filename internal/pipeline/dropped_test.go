package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// Questions, of which one is answered; packets are lost while the first waits,
// and somewhere in the silence after the fifth. What may have lost some says so:
// the answer is undecided, and the flow truncated; what began later, or waited in
// vain long before, is not touched.
func TestDropped(t *testing.T) {
	const s = events.Time(1e9)
	const nameAt = 20 + 8 + 12 + 1 // its first letter
	ask := func(n int, at events.Time, dropped uint32) capture.Packet {
		p := dnsTalk()[0]
		p.Link = capture.LinkRaw
		binary.BigEndian.PutUint16(p.Data[20:], uint16(2000+n))
		binary.BigEndian.PutUint16(p.Data[28:], uint16(n))
		p.Data[nameAt] = 'a' + byte(n)
		p.Time, p.Dropped = at, dropped
		return p
	}
	answer := dnsTalk()[1]
	binary.BigEndian.PutUint16(answer.Data[22:], 2002)
	binary.BigEndian.PutUint16(answer.Data[28:], 2)
	answer.Data[nameAt], answer.Time = 'a'+2, 2*s
	ps := []capture.Packet{
		ask(1, 1*s, 0),
		ask(2, 2*s-1, 0),
		answer,
		ask(3, 3*s, 7),
		ask(4, 300*s, 0),
		ask(5, 301*s, 0),
		ask(6, 500*s, 1), // somewhere in the silence before it
	}
	var b bytes.Buffer
	writeAll(t, capture.NewPcapngWriter(&b, capture.Info{}), ps)
	file := filepath.Join(t.TempDir(), "dropped.pcapng")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(filter string, workers int) (evs, rows string) {
		var e, r bytes.Buffer
		if _, err := record(context.Background(), all(Config{Paths: []string{file}, Workers: workers, Filter: filter}), &e, &r); err != nil {
			t.Fatal(err)
		}
		return e.String(), r.String()
	}
	evs, rows := run("", 1)
	for _, n := range []int{2, 7} {
		if e, r := run("", n); e != evs || r != rows {
			t.Errorf("%d workers:\n%s%s\nwant\n%s%s", n, e, r, evs, rows)
		}
	}

	var lost, touched []uint64
	for line := range strings.Lines(evs) {
		var e struct {
			Frame     uint64
			Kind      string
			Truncated bool
			Body      struct {
				Packets int
				First   uint64 `json:"first_frame"`
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Kind == "flow.dropped" && e.Body.Packets == map[uint64]int{4: 7, 7: 1}[e.Frame]:
			lost = append(lost, e.Frame)
		case e.Kind == "flow.gap" || e.Kind == "flow.dropped":
			t.Errorf("a gap: %s", line)
		case e.Kind == "flow.end" && e.Truncated:
			touched = append(touched, e.Body.First)
		}
	}
	slices.Sort(touched)
	if !slices.Equal(lost, []uint64{4, 7}) || !slices.Equal(touched, []uint64{1, 2, 5, 6}) {
		t.Errorf("lost before frames %v, touched are the flows from frames %v:\n%s", lost, touched, evs)
	}
	fates := map[uint64]string{}
	for line := range strings.Lines(rows) {
		var r struct {
			Analysis string
			Value    struct {
				Status string
				Query  uint64 `json:"query_frame"`
				Reason string
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Analysis == "dns.transaction" {
			fates[r.Value.Query] = r.Value.Status
			if dropped := strings.Contains(r.Value.Reason, "lost packets"); dropped != slices.Contains([]uint64{1, 5, 6}, r.Value.Query) {
				t.Errorf("frame %d: %q", r.Value.Query, r.Value.Reason)
			}
		}
	}
	if fates[1] != "undecided" || fates[2] != "answered" || fates[4] != "unanswered" || fates[5] != "undecided" || fates[6] != "undecided" || fates[7] != "unanswered" {
		t.Errorf("by frame of the query: %v\n%s", fates, rows)
	}

	// What a filter leaves out takes no loss with it.
	if evs, _ := run("port 2001 or port 2004", 1); !strings.Contains(evs, `"kind":"flow.dropped"`) {
		t.Errorf("with a filter nothing is lost:\n%s", evs)
	}
}
