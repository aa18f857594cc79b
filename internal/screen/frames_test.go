package screen

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/sniff"
	"github.com/wiretale/wiretale/report"
)

// talking counts talkers as packets are read.
type talking struct {
	capture.Input
	talkers *sniff.Talkers
}

func (t *talking) Next(b *capture.Batch) error {
	err := t.Input.Next(b)
	if err == nil {
		t.talkers.Add(b.Packets, b.Packets[len(b.Packets)-1].Time.Std())
	}
	return err
}

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
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	limits := events.DefaultLimits()
	tap := &talking{src, sniff.NewTalkers(&limits)}
	stats, err := pipeline.Run(context.Background(), pipeline.Config{
		Input: tap, Workers: 1, Limits: events.DefaultLimits(), Questions: questions, Want: sel.Want().Or(tap.talkers.Want()), Start: lines.Start,
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
			tap.talkers.Events(evs)
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
	s.Talkers, s.Protocols = tap.talkers.Section(s.Now), tap.talkers.Protocols(s.Now)
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

// The screen of real states fits, at all sizes, in each view.
func TestFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("short: analyses captures")
	}
	for _, name := range []string{"page-h2", "bt-swarm", "dns-retry"} {
		s := stateOf(t, "../../pcaps/"+name+".pcapng")
		if name == "bt-swarm" {
			s.KernelDrops, s.QueueDrops, s.File = 1873, 12, "swarm.00003.pcapng"
		}
		for _, size := range [][2]int{{120, 40}, {100, 30}, {80, 24}, {60, 16}, {40, 12}} {
			for _, keys := range [][]string{{"1"}, {"1", "s", "s", "s", "s", "s"}, {"2", "up", "up", "up"}, {"2", "home", "down", "f"}, {"2", "home", "down", "enter"},
				{"/", "cdn"}, {" ", "2"}, {"3"}, {"3", "tab", "tab", "s", "s"}, {"?"}} {
				m := on(size[0], size[1], s)
				press(m, keys...)
				fits(t, m)
			}
		}
		// Who talks most has most bytes, and all of them speak something.
		if len(s.Talkers.Rows) == 0 || len(s.Protocols.Rows) == 0 {
			t.Fatalf("%s: no talkers, or no protocols", name)
		}
		m := on(80, 24, s)
		has(t, m, s.Talkers.Rows[0][0]+"  ", s.Talkers.Rows[0][2], s.Protocols.Rows[0][0]+" ")
	}
}
