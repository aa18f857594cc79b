package http2priority

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
)

// warnAgainst is from how many bytes on an ignored order is worth a warning.
const warnAgainst = 100_000

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.Against, a.Against), cmp.Compare(b.Kept, a.Kept), cmp.Compare(b.Unsure, a.Unsure), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.key, b.key))
}

type summary struct {
	rows      *analyzers.Top[row]
	followed  int64
	undecided int64
	kept      int64
	against   int64
}

func newSummary() *summary { return &summary{rows: analyzers.NewTop(keptRows, compareRows)} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	s.rows.Add(row{r.Key, v})
	switch {
	case v.Undecided != "":
		s.undecided++
		return
	case v.Verdict == Followed:
		s.followed++
	}
	s.kept += v.Kept
	s.against += v.Against
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{Title: "Priorities of HTTP/2"}
	n := int64(s.rows.Count())
	if n == 0 {
		return out
	}
	if n > s.undecided {
		out.Brief = fmt.Sprintf("priorities followed on %d of %s", s.followed, analyzers.CountOf(n-s.undecided, "connection"))
	}
	out.Lead = fmt.Sprintf("Clients said what they need first on %s of HTTP/2; the server followed on %d, %d undecided; %s sent as asked, %s against it.",
		analyzers.CountOf(n, "connection"), s.followed, s.undecided, analyzers.BytesText(s.kept), analyzers.BytesText(s.against))
	out.Columns = []analyzers.Column{{Name: "connection"}, {Name: "scheme"}, {Name: "verdict"}, {Name: "as asked", Right: true}, {Name: "against", Right: true},
		{Name: "unsure", Right: true}, {Name: "share", Right: true}, {Name: "filter"}}
	kept := s.rows.Kept()
	for _, r := range kept {
		if r.Verdict != Ignored && r.Verdict != Partly {
			continue
		}
		f := analyzers.Finding{Severity: analyzers.Note, Weight: float64(r.Against) / 1e6, Frames: r.Frames, Filter: r.Filter,
			Text: fmt.Sprintf("%s sent %s on stream %d before responses that the client had asked for first (%s as asked)", r.Server,
				analyzers.BytesText(r.Against), r.Stream, analyzers.PercentText(r.Kept, r.Kept+r.Against))}
		if r.Verdict == Ignored && r.Against >= warnAgainst {
			f.Severity = analyzers.Warn
		}
		out.Findings = append(out.Findings, f)
	}
	out.Findings = out.Findings[:min(len(out.Findings), shownRows)]
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		verdict, share := string(r.Verdict), "–"
		if r.Share != nil {
			share = strconv.FormatFloat(*r.Share, 'f', 2, 64)
		} else {
			verdict = "undecided: " + r.Undecided
		}
		out.Rows = append(out.Rows, []string{r.key, string(r.Scheme), verdict, analyzers.BytesText(r.Kept), analyzers.BytesText(r.Against), analyzers.BytesText(r.Unsure), share, r.Filter})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
