package holtcp

import (
	"cmp"
	"fmt"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/hol.tcp.md gives the reasons.
const (
	warnStalled = events.Duration(100 * time.Millisecond)
	badStalled  = events.Duration(time.Second)
)

const (
	shownRows = 10
	keptRows  = 1000
)

type line struct {
	key string
	Value
}

type summary struct {
	rows       *analyzers.Top[line]
	findings   *analyzers.Top[analyzers.Finding]
	stalled    events.Duration
	count      uint64
	messages   uint64
	other, own events.Duration
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b line) int {
			return cmp.Or(cmp.Compare(b.Stalled, a.Stalled), cmp.Compare(b.Sum, a.Sum), cmp.Compare(b.UnfilledBytes, a.UnfilledBytes), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(Value)
	if !ok {
		return
	}
	s.rows.Add(line{r.Key, v})
	s.stalled += v.Stalled
	s.count += v.Count
	s.messages += v.Messages
	s.other += v.Other
	s.own += v.Own
	if v.Stalled < warnStalled {
		return
	}
	f := analyzers.Finding{Severity: analyzers.Warn, Weight: v.Stalled.Std().Seconds(), Frames: v.Frames, Filter: v.Filter}
	if v.Stalled >= badStalled {
		f.Severity = analyzers.Bad
	}
	f.Text = fmt.Sprintf("%s: bytes waited behind lost ones for %s (longest %s)", r.Key, analyzers.DurationText(v.Stalled), analyzers.DurationText(v.Max))
	if v.Other > 0 {
		f.Text += fmt.Sprintf("; responses waited %s for bytes of others", analyzers.DurationText(v.Other))
	}
	s.findings.Add(f)
}

func (s *summary) Section(full bool) analyzers.Section {
	ms := analyzers.DurationText
	out := analyzers.Section{
		Title: "Head-of-line blocking in TCP",
		Columns: []analyzers.Column{{Name: "flow, side"}, {Name: "client"}, {Name: "server"}, {Name: "stalled", Right: true}, {Name: "ranges", Right: true},
			{Name: "sum", Right: true}, {Name: "max", Right: true}, {Name: "responses", Right: true}, {Name: "behind others", Right: true}, {Name: "behind own", Right: true}},
		Findings: s.findings.Kept(),
	}
	if s.rows.Count() == 0 {
		out.Lead = "No byte waited behind a hole."
		return out
	}
	out.Lead = fmt.Sprintf("%s of bytes on %s of TCP flows waited behind a hole, %s in all",
		analyzers.CountOf(int64(s.count), "range"), analyzers.CountOf(int64(s.rows.Count()), "side"), ms(s.stalled))
	if s.count > 0 {
		out.Brief = ms(s.stalled) + " behind holes"
	}
	if s.messages > 0 {
		out.Lead += fmt.Sprintf("; held up were %s, %s by bytes of others and %s by their own", analyzers.CountOf(int64(s.messages), "response"), ms(s.other), ms(s.own))
	}
	out.Lead += "."
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, l := range kept {
		out.Rows = append(out.Rows, []string{l.key, l.Client, l.Server, ms(l.Stalled), analyzers.CountText(int64(l.Count)), ms(l.Sum), ms(l.Max),
			analyzers.CountText(int64(l.Messages)), ms(l.Other), ms(l.Own)})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
