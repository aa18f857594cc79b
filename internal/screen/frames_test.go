package screen

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

var update = flag.Bool("update", false, "write docs/screen.txt")

// stateOf is the state at the end of a capture, as it would be seen live.
func stateOf(t *testing.T, path string) State {
	t.Helper()
	questions := all.Questions()
	summaries := make([]analyzers.Summary, len(questions))
	byName := map[string]int{}
	answered := make([]bool, len(questions))
	for i, q := range questions {
		summaries[i], byName[q.Name] = q.Summary(), i
	}
	var s State
	sel := report.DefaultText()
	var text bytes.Buffer
	lines := report.NewMessages(&text, false, 0)
	streams := map[events.StreamKey]bool{}
	stats, err := pipeline.Run(context.Background(), pipeline.Config{
		Paths: []string{path}, Workers: 1, Limits: events.DefaultLimits(), Questions: questions, Want: sel.Want(), Start: lines.Start,
		Rows: func(rows []analyzers.Row) error {
			for i := range rows {
				if k, ok := byName[rows[i].Analysis]; ok {
					summaries[k].Add(&rows[i])
					answered[k] = true
				}
			}
			return nil
		},
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				if !sel.Has(e) {
					continue
				}
				if err := lines.Event(e); err != nil {
					return err
				}
				if err := lines.Flush(); err != nil {
					return err
				}
				streams[e.Key()] = true
				s.Messages = append(s.Messages, Message{
					Frame: e.Pos.Frame, Time: e.Time, Stream: e.Stream, Transport: events.TransportName(e.Flow.Proto),
					Text: strings.TrimSuffix(text.String(), "\n"),
				})
				text.Reset()
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range summaries {
		if answered[i] {
			section := x.Section(false)
			section.Area = questions[i].Area
			s.Sections = append(s.Sections, section)
		}
	}
	s.Interface, s.Started, s.Now = "eth0", stats.First.Std(), stats.Last.Std()
	s.Packets, s.Bytes, s.Delivered, s.Flows = stats.Packets, stats.Bytes, stats.Packets, uint64(len(streams))
	seconds := max(s.Now.Sub(s.Started).Seconds(), 1)
	s.PacketRate, s.ByteRate = float64(s.Packets)/seconds, float64(s.Bytes)/seconds
	s.Rates = make([]float64, 60)
	per := s.Now.Sub(s.Started)/time.Duration(len(s.Rates)) + 1
	for _, m := range s.Messages {
		s.Rates[min(int(m.Time.Std().Sub(s.Started)/per), len(s.Rates)-1)] += 12500
	}
	return s
}

// Frames of real states fit; with -update they are written to docs/screen.txt.
func TestFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("short: analyses captures")
	}
	visit := stateOf(t, "../../pcaps/page-h2.pcapng")
	dropping := stateOf(t, "../../pcaps/bt-swarm.pcapng")
	dropping.KernelDrops, dropping.QueueDrops, dropping.File = 1873, 12, "swarm.00003.pcapng"
	dns := stateOf(t, "../../pcaps/dns-retry.pcapng")

	var out strings.Builder
	out.WriteString(`The screen of "wiretale sniff", as text (its colours are left out). The frames
are made by internal/screen from captures of pcaps/; how fast they came, and what
was dropped, is made up. To make them again:

    go test ./internal/screen -run TestFrames -update
`)
	for _, f := range []struct {
		what          string
		state         State
		width, height int
		keys          []string
	}{
		{"1: the overview", visit, 100, 30, []string{"1"}},
		{"1: on a small terminal, while the kernel drops packets", dropping, 60, 16, []string{"1"}},
		{"1: on the smallest terminal", dropping, 40, 12, []string{"1"}},
		{"2: the newest messages, the fourth last selected", visit, 100, 20, []string{"2", "up", "up", "up"}},
		{"2 f: the selected message's stream", visit, 100, 14, []string{"2", "home", "down", "down", "down", "down", "f"}},
		{"2 enter: a conversation", visit, 100, 24, []string{"2", "home", "down", "down", "down", "down", "enter"}},
		{"/: a filter while it is typed", visit, 100, 16, []string{"/", "cdn"}},
		{"2: on the smallest terminal, paused", dns, 40, 12, []string{" ", "2"}},
		{"3: a question's table", dns, 100, 20, []string{"3", "tab"}},
		{"3 s: sorted by the second column", dropping, 100, 20, []string{"3", "s", "s"}},
		{"?: help", visit, 60, 16, []string{"?"}},
	} {
		m := on(f.width, f.height, f.state)
		press(m, f.keys...)
		fits(t, m)
		fmt.Fprintf(&out, "\n%s (%dx%d)\n\n", f.what, f.width, f.height)
		edge := "+" + strings.Repeat("-", f.width) + "+\n"
		out.WriteString(edge)
		for _, l := range strings.Split(m.View(), "\n") {
			out.WriteString("|" + l + strings.Repeat(" ", max(f.width-report.Width(l), 0)) + "|\n")
		}
		out.WriteString(edge)
	}
	if *update {
		if err := os.WriteFile("../../docs/screen.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
