package httpcachewhatif

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// summary is of the one row of a capture.
type summary struct{ row *WhatIf }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*WhatIf)
	if !ok {
		return
	}
	// One a capture; of several, the same whatever the order.
	if s.row == nil || cmp.Or(cmp.Compare(v.Requests, s.row.Requests), slices.Compare(s.row.Frames, v.Frames)) > 0 {
		s.row = v
	}
}

func share(f *float64) string {
	if f == nil {
		return "–"
	}
	return strconv.FormatFloat(*f, 'f', 2, 64)
}

func span(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}

// worthBytes is from how many saved bytes on a cache is worth a finding, and
// busy from which use of a link on.
const (
	worthBytes = 100_000
	worthShare = 0.2
	busy       = 0.8
)

func (s *summary) Section(bool) analyzers.Section {
	v := s.row
	if v == nil || v.Requests == 0 {
		return analyzers.Section{Title: "What a shared cache would have done", Lead: "No HTTP request with its response was captured in clear."}
	}
	out := analyzers.Section{Title: "What a shared cache would have done",
		Columns: []analyzers.Column{{Name: "access link"}, {Name: "requests/s", Right: true}, {Name: "a response", Right: true}, {Name: "hit rate", Right: true}, {Name: "utilisation", Right: true}, {Name: "waits for the link", Right: true}, {Name: "mean delay", Right: true}}}
	out.Lead = fmt.Sprintf("It would have answered %s of %s (%s), and validated %s; %s of the bytes would not have crossed the access link", analyzers.CountText(int64(v.Hits)), analyzers.CountOf(int64(v.Requests), "request"),
		analyzers.PercentText(int64(v.Hits), int64(v.Requests)), analyzers.CountText(int64(v.Revalidated)), percent(v.ByteHitRate))
	if v.Link == 0 {
		out.Lead += "; --access-link RATE tells what that means for the link"
	}
	out.Lead += "."
	lambda := "–"
	if v.Lambda != nil {
		lambda = strconv.FormatFloat(*v.Lambda, 'g', 3, 64)
	}
	size := analyzers.BytesText(int64(*v.L))
	line := func(name string, l *Load, h *float64) {
		if l == nil {
			return
		}
		wait, delay := span(l.Wait), span(l.Delay)
		if l.Endless {
			wait, delay = "without end", "without end"
		}
		out.Rows = append(out.Rows, []string{name, lambda, size, share(h), share(l.Rho), wait, delay})
	}
	zero := 0.0
	line("as captured", v.Present, nil)
	line("without a cache", v.None, &zero)
	line("with it", v.With, v.HitRate)
	if v.Link == 0 {
		out.Rows = append(out.Rows, []string{"not told", lambda, size, share(v.HitRate), "–", "–", "–"})
	}
	saved := 0.0
	if v.ByteHitRate != nil {
		saved = *v.ByteHitRate
	}
	bytes := saved * *v.Object * float64(v.Requests)
	switch now := v.Present; {
	case now != nil && *now.Rho >= busy && v.With != nil && *v.With.Rho < *now.Rho:
		out.Findings = append(out.Findings, analyzers.Finding{Severity: analyzers.Warn, Weight: gain(v), Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("the access link is used to %s of its rate; a shared cache would have answered %s of the requests and brought it to %s", share(now.Rho), percent(v.HitRate), share(v.With.Rho))})
	case v.Present != nil && v.None != nil && *v.Present.Rho < *v.None.Rho:
		// There is one already.
	case bytes >= worthBytes && saved >= worthShare:
		out.Findings = append(out.Findings, analyzers.Finding{Severity: analyzers.Note, Weight: gain(v), Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("a shared cache would have answered %s of %s and kept %s off the access link", analyzers.CountText(int64(v.Hits)), analyzers.CountOf(int64(v.Requests), "request"), analyzers.BytesText(int64(bytes)))})
	}
	return out
}

// gain is the seconds that clients would have waited less, about.
func gain(v *WhatIf) float64 {
	if v.Measured == nil {
		return 0
	}
	return float64(v.Hits) * max(0, (*v.Measured-v.LANDelay).Std().Seconds())
}

func percent(f *float64) string {
	if f == nil {
		return "–"
	}
	return strconv.FormatFloat(100**f, 'f', 1, 64) + " %"
}
