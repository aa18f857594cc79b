package rtt

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/rtt.md gives the reasons.
const (
	slowMedian  = events.Duration(300 * time.Millisecond)
	slowSamples = 3
	queueRise   = events.Duration(500 * time.Millisecond) // p95 above min: more than a delayed ACK (RFC 1122 section 4.2.3.2)
	queueTimes  = 5
	queueCount  = 20
)

const (
	shownRows = 10
	keptRows  = 1000
	exact     = 1024 // numbers kept exactly for the sentence at the top
)

type line struct {
	key string
	Value
}

type summary struct {
	rows     *analyzers.Top[line]
	findings *analyzers.Top[analyzers.Finding] // of queues
	slow     *analyzers.Top[line]
	minima   analyzers.Sketch
	totals   analyzers.Sketch
	samples  uint64
	vantages map[string]int
}

func newSummary() *summary {
	slowest := func(a, b line) int {
		return cmp.Or(cmp.Compare(b.Median, a.Median), cmp.Compare(b.Count, a.Count), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
	}
	return &summary{
		rows:     analyzers.NewTop(keptRows, slowest),
		slow:     analyzers.NewTop(keptRows, slowest),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
		vantages: map[string]int{},
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(Value)
	if !ok {
		return
	}
	s.rows.Add(line{r.Key, v})
	s.samples += v.Count
	s.minima.Add(int64(v.Min), exact)
	// Each flow has one total; it is in the row of both sides.
	if v.Total > 0 && v.Side == "server" {
		s.totals.Add(int64(v.Total), exact)
		s.vantages[v.Vantage]++
	}
	ms := analyzers.DurationText
	switch {
	case v.Count >= queueCount && v.P95-v.Min >= queueRise && v.P95 >= queueTimes*v.Min:
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Warn, Weight: (v.P95 - v.Min).Std().Seconds(),
			Text: fmt.Sprintf("%s: round trips rise from %s to %s (p95 of %d): packets wait in a queue", r.Key, ms(v.Min), ms(v.P95), v.Count),
			// A person looks at the smallest and the largest sample.
			Frames: v.Frames, Filter: v.Filter,
		})
	case v.Count >= slowSamples && v.Median >= slowMedian:
		s.slow.Add(line{r.Key, v})
	}
}

// slowEnds are findings of who answers late: one for a server, however many
// connections to it.
func (s *summary) slowEnds() []analyzers.Finding {
	ms := analyzers.DurationText
	var out []analyzers.Finding
	flows := map[string][]line{}
	var ends []string // slowest first
	for _, l := range s.slow.Kept() {
		_, end, _ := strings.Cut(l.Filter, " && ") // without the stream
		if flows[end] == nil {
			ends = append(ends, end)
		}
		flows[end] = append(flows[end], l)
	}
	for _, end := range ends[:min(len(ends), shownRows)] {
		ls := flows[end]
		worst := ls[0]
		f := analyzers.Finding{
			Severity: analyzers.Warn, Weight: worst.Median.Std().Seconds(),
			Text:   fmt.Sprintf("%s: answers after %s (median of %d)", worst.key, ms(worst.Median), worst.Count),
			Frames: worst.Frames, Filter: worst.Filter,
		}
		if len(ls) > 1 {
			f.Text = fmt.Sprintf("%s answers late on %d connections: after %s to %s (medians)", worst.answered(), len(ls), ms(ls[len(ls)-1].Median), ms(worst.Median))
			f.Filter, f.Frames = end, nil
			for _, l := range ls[:min(len(ls), analyzers.MaxFrames)] {
				f.Frames = append(f.Frames, l.Frames[:min(len(l.Frames), 1)]...)
			}
		}
		out = append(out, f)
	}
	return out
}

// answered is who answered.
func (l *line) answered() string {
	if l.Side == "server" {
		return l.Server
	}
	return l.Client
}

func (s *summary) Section(full bool) analyzers.Section {
	ms := analyzers.DurationText
	out := analyzers.Section{
		Title: "Round-trip times",
		Columns: []analyzers.Column{{Name: "flow, side"}, {Name: "client"}, {Name: "server"}, {Name: "handshake", Right: true},
			{Name: "min", Right: true}, {Name: "median", Right: true}, {Name: "p95", Right: true}, {Name: "max", Right: true},
			{Name: "samples", Right: true}, {Name: "captured at"}},
		Findings: append(s.slowEnds(), s.findings.Kept()...),
	}
	if s.rows.Count() == 0 {
		out.Lead = "No TCP segment was answered in this capture."
		return out
	}
	out.Lead = fmt.Sprintf("%s samples on %s sides of TCP flows", analyzers.CountText(int64(s.samples)), analyzers.CountText(int64(s.rows.Count())))
	if n := s.totals.Count(); n > 0 {
		out.Brief = fmt.Sprintf("round trip %s (median of %s)", ms(events.Duration(s.totals.Median())), analyzers.CountOf(int64(n), "flow"))
		out.Lead += fmt.Sprintf("; end to end at best %s (median of %s), %s to %s", ms(events.Duration(s.totals.Median())), analyzers.CountOf(int64(n), "flow"), ms(events.Duration(s.totals.Min())), ms(events.Duration(s.totals.Max())))
		for _, w := range []string{"client", "server", "middle"} {
			if 2*s.vantages[w] > int(n) {
				out.Lead += map[string]string{"client": "; captured at the clients", "server": "; captured at the servers", "middle": "; captured between the ends"}[w]
			}
		}
	}
	out.Lead += "."
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, l := range kept {
		hand := "–"
		if l.Handshake > 0 {
			hand = ms(l.Handshake)
		}
		out.Rows = append(out.Rows, []string{l.key, l.Client, l.Server, hand, ms(l.Min), ms(l.Median), ms(l.P95), ms(l.Max), analyzers.CountText(int64(l.Count)), l.Vantage})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
