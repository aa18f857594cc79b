package httpcache

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
	// What was fetched in vain is worth a finding from here on.
	wasteBytes = 10_000
)

type summary struct {
	rows     *analyzers.Top[line]
	findings *analyzers.Top[analyzers.Finding]

	count                    int
	requests                 uint64
	hits, revalidated        uint64
	misses, notDecided       uint64
	rated, ratedHits         uint64 // of rows with a hit rate
	conditional, notModified uint64
	needless, unkept         uint64
	needlessBytes            int64
	unkeptBytes              int64
}

type line struct {
	key string
	*Cache
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b line) int {
			return cmp.Or(cmp.Compare(b.Hits+b.Revalidated+b.Misses, a.Hits+a.Revalidated+a.Misses), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Cache)
	if !ok {
		return
	}
	s.count++
	s.rows.Add(line{r.Key, v})
	s.requests += v.Requests
	s.hits += v.Hits
	s.revalidated += v.Revalidated
	s.misses += v.Misses
	s.notDecided += v.NotDecided
	if v.HitRate != nil {
		s.ratedHits += v.Hits
		s.rated += v.Hits + v.Revalidated + v.Misses
	}
	o := &v.Own
	s.conditional += o.Conditional
	s.notModified += o.Revalidated
	s.needless += o.Needless
	s.needlessBytes += o.NeedlessBytes
	s.unkept += o.Unkept
	s.unkeptBytes += o.UnkeptBytes
	if o.NeedlessBytes >= wasteBytes {
		s.find(v, analyzers.Warn, o.NeedlessTime, o.NeedlessFrames, "%s fetched from %s what it had and was still fresh, %s, %s in %s", v.Client, v.Origin, analyzers.CountOf(int64(o.Needless), "time"), analyzers.BytesText(o.NeedlessBytes), analyzers.DurationText(o.NeedlessTime))
	}
	if o.UnkeptBytes >= wasteBytes {
		s.find(v, analyzers.Warn, o.UnkeptTime, o.UnkeptFrames, "%s fetched from %s again what had not changed and may not be kept (%s), %s, %s in %s", v.Client, v.Origin, reasons(v.Refusals), analyzers.CountOf(int64(o.Unkept), "time"), analyzers.BytesText(o.UnkeptBytes), analyzers.DurationText(o.UnkeptTime))
	}
	if v.Stale > 0 {
		s.find(v, analyzers.Note, 0, v.Frames, "the cache at %s gave %s of %s after their lifetime was over", v.Server, analyzers.CountOf(int64(v.Stale), "response"), v.Origin)
	}
	if v.Contradicted > 0 {
		s.find(v, analyzers.Note, 0, v.Frames, "the cache at %s said of %s that they were hits, and had asked %s before", v.Server, analyzers.CountOf(int64(v.Contradicted), "response"), v.Origin)
	}
}

func (s *summary) find(v *Cache, sev analyzers.Severity, lost events.Duration, frames []uint64, format string, args ...any) {
	s.findings.Add(analyzers.Finding{Severity: sev, Weight: lost.Std().Seconds(), Text: fmt.Sprintf(format, args...), Frames: frames, Filter: v.Filter})
}

func reasons(cs []Count) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.count == 0 {
		return analyzers.Section{Title: "HTTP caches", Lead: "No HTTP request was captured in clear."}
	}
	out := analyzers.Section{
		Title: "HTTP caches",
		Columns: []analyzers.Column{{Name: "client"}, {Name: "server"}, {Name: "origin"}, {Name: "requests", Right: true}, {Name: "hits", Right: true}, {Name: "revalidated", Right: true},
			{Name: "misses", Right: true}, {Name: "undecided", Right: true}, {Name: "hit rate", Right: true}, {Name: "a hit", Right: true}, {Name: "a miss", Right: true},
			{Name: "304", Right: true}, {Name: "in vain", Right: true}, {Name: "evidence"}},
		Findings: s.findings.Kept(),
	}
	num := func(n uint64) string { return analyzers.CountText(int64(n)) }
	var lead []string
	if decided := s.hits + s.revalidated + s.misses; decided > 0 {
		text := fmt.Sprintf("%s, %s revalidated and %s of caches on the way", analyzers.CountOf(int64(s.hits), "hit"), num(s.revalidated), misses(s.misses))
		if s.rated == decided {
			out.Brief = "hit rate of caches on the way " + analyzers.PercentText(int64(s.ratedHits), int64(s.rated))
			text += ", hit rate " + analyzers.PercentText(int64(s.ratedHits), int64(s.rated))
		}
		lead = append(lead, text)
		if s.notDecided > 0 {
			lead = append(lead, num(s.notDecided)+" undecided")
		}
	} else {
		lead = append(lead, fmt.Sprintf("%s, and nothing shows a cache on the way", analyzers.CountOf(int64(s.requests), "answered request")))
	}
	if s.conditional > 0 {
		lead = append(lead, fmt.Sprintf("clients validated %s of their own, %s not modified", num(s.conditional), num(s.notModified)))
	}
	if n := s.needless + s.unkept; n > 0 {
		lead = append(lead, fmt.Sprintf("%s fetched in vain (%s)", num(n), analyzers.BytesText(s.needlessBytes+s.unkeptBytes)))
	}
	out.Lead = strings.Join(lead, "; ") + "."
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, v := range kept {
		decided := int64(v.Hits + v.Revalidated + v.Misses)
		server := v.Server
		if v.Cache.Cache != "" {
			server += " (" + v.Cache.Cache + ")"
		}
		var by []string
		for _, c := range v.By {
			by = append(by, c.Name)
		}
		if by == nil {
			by = []string{"–"}
		}
		// Without a cache on the way, its figures would be zeros that say
		// nothing.
		shared := func(n uint64) string {
			if decided == 0 {
				return "–"
			}
			return num(n)
		}
		out.Rows = append(out.Rows, []string{cmp.Or(v.Client, v.key), server, cmp.Or(v.Origin, "–"), num(v.Requests), shared(v.Hits), shared(v.Revalidated), shared(v.Misses), num(v.NotDecided),
			rate(v.HitRate), span(v.HitTime), span(v.MissTime), num(v.Own.Revalidated), analyzers.BytesText(v.Own.NeedlessBytes + v.Own.UnkeptBytes), strings.Join(by, ", ")})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}

func misses(n uint64) string {
	if n == 1 {
		return "1 miss"
	}
	return analyzers.CountText(int64(n)) + " misses"
}

func rate(r *float64) string {
	if r == nil {
		return "–"
	}
	return strconv.FormatFloat(100**r, 'f', 1, 64) + " %"
}

func span(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}
