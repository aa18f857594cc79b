package p2pbound

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	took := func(r row) events.Duration {
		if r.Took == nil {
			return -1
		}
		return *r.Took
	}
	return cmp.Or(cmp.Compare(took(b), took(a)), cmp.Compare(b.File, a.File), strings.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	rows     *analyzers.Top[row]
	findings *analyzers.Top[analyzers.Finding]
	swarms   int64
	servers  int64
}

func newSummary() *summary {
	return &summary{rows: analyzers.NewTop(keptRows, compareRows), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings)}
}

// What is worth a finding.
const (
	manyClients = 3
	slowServer  = 1.0 // s that a server took
)

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	s.rows.Add(row{r.Key, v})
	if v.What == BySwarm {
		s.swarms++
		if v.Saved != nil && *v.Saved > 0 {
			s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: *v.Saved, Frames: v.Frames, Filter: v.Filter,
				Text: fmt.Sprintf("the swarm brought %s to %d peers in %s; its seed alone would have taken %s at least", analyzers.BytesText(v.File), v.N,
					analyzers.DurationText(*v.Took), span(v.BoundCS))})
		}
		return
	}
	s.servers++
	if v.N >= manyClients && v.Took != nil && v.Took.Std().Seconds() >= slowServer && v.CSLimit == "N·F/u_s" {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: v.Took.Std().Seconds(), Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s sent %s to %d clients at the same time, which took %s; what it sends is the limit, and grows with each client", v.Server,
				analyzers.BytesText(v.File), v.N, analyzers.DurationText(*v.Took))})
	}
}

func span(x *float64) string {
	if x == nil {
		return "–"
	}
	return analyzers.DurationText(events.Duration(*x * 1e9))
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.rows.Count() == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "One file to many",
		Lead:  fmt.Sprintf("%s, and %s sent to several at the same time by one server.", analyzers.CountOf(s.swarms, "swarm"), analyzers.CountOf(s.servers, "file")),
		Columns: []analyzers.Column{{Name: "by"}, {Name: "F", Right: true}, {Name: "N", Right: true}, {Name: "u_s", Right: true}, {Name: "Σu_i", Right: true}, {Name: "d_min", Right: true},
			{Name: "took", Right: true}, {Name: "D_p2p ≥", Right: true}, {Name: "D_cs ≥", Right: true}, {Name: "took / bound", Right: true}, {Name: "notes"}},
		Findings: s.findings.Kept(),
	}
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	rate := func(x float64) string {
		if x == 0 {
			return "–"
		}
		return analyzers.RateText(x)
	}
	for _, r := range kept {
		by, took, stretch, note := "server "+r.Server, "–", "–", ""
		if r.What == BySwarm {
			by = "swarm " + r.key
			if len(r.InfoHash) > 8 {
				by = "swarm " + r.InfoHash[:8] + "…"
			}
		}
		if r.Took != nil {
			took = analyzers.DurationText(*r.Took)
		} else if r.N > 0 {
			note = fmt.Sprintf("%d of %d complete", r.Complete, r.N)
		}
		if r.Stretch != nil {
			stretch = strconv.FormatFloat(*r.Stretch, 'f', 2, 64)
		}
		if r.Undecided != "" {
			note = "undecided: " + r.Undecided
		}
		out.Rows = append(out.Rows, []string{by, analyzers.BytesText(r.File), strconv.Itoa(r.N), rate(r.SeedUp), rate(r.SumUp), rate(r.LeastDn),
			took, span(r.BoundP2P), span(r.BoundCS), stretch, note})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
