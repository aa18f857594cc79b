package dnscache

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type summary struct {
	rows      *analyzers.Top[*Cache]
	findings  *analyzers.Top[analyzers.Finding]
	questions uint64
	hits      uint64
	misses    uint64
	undecided uint64
	saved     events.Duration
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b *Cache) int {
			return cmp.Or(cmp.Compare(b.Stale, a.Stale), cmp.Compare(b.Questions, a.Questions), cmp.Compare(a.Resolver, b.Resolver), slices.Compare(a.Frames, b.Frames))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Cache)
	if !ok {
		return
	}
	s.rows.Add(v)
	s.questions += v.Questions
	s.hits += v.Hits
	s.misses += v.Misses
	s.undecided += v.Undecided
	if v.Saved != nil {
		s.saved += *v.Saved
	}
	if v.Stale > 0 {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Warn, Weight: float64(v.Stale),
			Text:   fmt.Sprintf("resolver %s gave %s after their TTL was over", v.Resolver, analyzers.CountOf(int64(v.Stale), "answer")),
			Frames: v.Frames, Filter: v.Filter,
		})
	}
	if v.TTLHigh > 0 {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Warn, Weight: float64(v.TTLHigh),
			Text:   fmt.Sprintf("resolver %s told %s of records with a longer TTL than was left", v.Resolver, analyzers.CountOf(int64(v.TTLHigh), "set")),
			Frames: v.Frames, Filter: v.Filter,
		})
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "DNS caches",
		Columns: []analyzers.Column{{Name: "resolver"}, {Name: "questions", Right: true}, {Name: "hits", Right: true}, {Name: "misses", Right: true},
			{Name: "undecided", Right: true}, {Name: "hit rate", Right: true}, {Name: "a hit", Right: true}, {Name: "a miss", Right: true}, {Name: "saved", Right: true}, {Name: "stale", Right: true}, {Name: "evidence"}},
		Findings: s.findings.Kept(),
	}
	decided := s.hits + s.misses
	switch {
	case s.rows.Count() == 0:
		out.Lead = "No answer of a resolver in this capture."
	case s.questions == 0:
		out.Lead = "No answer in this capture that a cache could have given."
	case decided == 0:
		out.Lead = fmt.Sprintf("Undecided: %s, and nothing tells hits from misses.", analyzers.CountOf(int64(s.questions), "answered question"))
	default:
		out.Brief = analyzers.PercentText(int64(s.hits), int64(decided)) + " from caches"
		out.Lead = fmt.Sprintf("%s of %s answered from caches", analyzers.PercentText(int64(s.hits), int64(decided)), analyzers.CountOf(int64(decided), "question"))
		if s.saved > 0 {
			out.Lead += ", which saved " + analyzers.DurationText(s.saved)
		}
		if s.undecided > 0 {
			out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountText(int64(s.undecided)))
		}
		out.Lead += "."
	}
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	span := func(d *events.Duration) string {
		if d == nil {
			return "–"
		}
		return analyzers.DurationText(*d)
	}
	for _, v := range kept {
		num := func(n uint64) string { return analyzers.CountText(int64(n)) }
		by := UpstreamSeen
		switch {
		case v.Upstream:
		case v.ByTTL+v.ByLatency == 0:
			by = "–"
		case v.ByLatency > v.ByTTL:
			by = Latency
		default:
			by = TTLAge
		}
		out.Rows = append(out.Rows, []string{v.Resolver, num(v.Questions), num(v.Hits), num(v.Misses), num(v.Undecided),
			analyzers.PercentText(int64(v.Hits), int64(v.Hits+v.Misses)), span(v.HitTime), span(v.MissTime), span(v.Saved), num(v.Stale), string(by)})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
