package btchoke

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

// compareRows puts free riders first, then those who took most.
func compareRows(a, b row) int {
	rider := func(v Verdict) int {
		if v == Yes {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rider(a.FreeRider), rider(b.FreeRider)), cmp.Compare(b.Took, a.Took), cmp.Compare(b.Gave, a.Gave),
		strings.Compare(a.key, b.key), strings.Compare(a.PeerID, b.PeerID), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	rows     *analyzers.Top[row]
	findings *analyzers.Top[analyzers.Finding]
	chokes   int64
	unchokes int64
	riders   int64
	sealed   int64
}

func newSummary() *summary {
	return &summary{rows: analyzers.NewTop(keptRows, compareRows), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings)}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	if v.Peer == "" {
		s.sealed += int64(v.Connections)
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("who is choked is undecided on %s: %s", analyzers.CountOf(int64(v.Connections), "connection"), v.Undecided)})
		return
	}
	s.chokes += int64(v.Chokes)
	s.unchokes += int64(v.Unchokes)
	s.rows.Add(row{r.Key, v})
	if v.FreeRider == Yes {
		s.riders++
		s.findings.Add(analyzers.Finding{Severity: analyzers.Warn, Weight: float64(v.Took) / 1e6, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s is a free rider: it took %s and gave nothing, though others wanted what it has for %s in all", v.Peer,
				analyzers.BytesText(v.Took), analyzers.DurationText(*v.Opportunity))})
	}
	for _, x := range v.Snubbed {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: x.For.Std().Seconds(), Frames: analyzers.Frames(x.Frame), Filter: v.Filter,
			Text: fmt.Sprintf("%s waited %s for blocks that %s owed it", v.Peer, analyzers.DurationText(x.For), x.By)})
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.rows.Count() == 0 && s.sealed == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "BitTorrent: who is let to ask",
		Columns: []analyzers.Column{{Name: "peer"}, {Name: "unchokes", Right: true}, {Name: "by rate", Right: true}, {Name: "by luck", Right: true}, {Name: "chokes", Right: true},
			{Name: "round", Right: true}, {Name: "top 4 unchoked", Right: true}, {Name: "gave", Right: true}, {Name: "took", Right: true}, {Name: "to givers", Right: true}, {Name: "notes"}},
		Findings: s.findings.Kept(),
	}
	out.Lead = fmt.Sprintf("%s sent %s and %s", analyzers.CountOf(int64(s.rows.Count()), "peer"), analyzers.CountOf(s.unchokes, "unchoke"), analyzers.CountOf(s.chokes, "choke"))
	if s.riders > 0 {
		out.Lead += "; " + analyzers.CountOf(s.riders, "free rider")
	}
	if s.sealed > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountOf(s.sealed, "connection"))
	}
	out.Lead += "."
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		period := "–"
		if r.Period != nil {
			period = analyzers.DurationText(*r.Period)
		}
		var notes []string
		if r.FreeRider == Yes {
			notes = append(notes, "free rider")
		}
		if r.SeedSince != nil && r.Took == 0 {
			notes = append(notes, "seed")
		}
		if n := len(r.Snubbed); n > 0 {
			notes = append(notes, "snubbed by "+strconv.Itoa(n))
		}
		if r.Undecided != "" {
			notes = append(notes, "undecided: "+r.Undecided)
		}
		out.Rows = append(out.Rows, []string{r.Peer, strconv.Itoa(r.Unchokes), strconv.Itoa(r.ByRate), strconv.Itoa(r.ByLuck), strconv.Itoa(r.Chokes), period,
			percent(r.TopShare), whole(r.Torn, r.Gave), whole(r.Torn, r.Took), percent(r.Returned), strings.Join(notes, "; ")})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}

func percent(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(100**x, 'f', 0, 64) + " %"
}

// whole is n bytes, or more where blocks were torn.
func whole(torn, n int64) string {
	if torn > 0 {
		return "≥ " + analyzers.BytesText(n)
	}
	return analyzers.BytesText(n)
}
