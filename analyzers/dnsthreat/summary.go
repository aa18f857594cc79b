package dnsthreat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
)

const (
	shownRows = 10
	keptRows  = 1000
	// manyWrong wrong answers to one question are a race, not an accident.
	manyWrong = 10
)

type line struct {
	*Threat
	severity analyzers.Severity
	weight   float64
	text     string
}

type summary struct {
	rows   *analyzers.Top[line]
	counts map[string]int
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.weight, a.weight), cmp.Compare(a.text, b.text), cmp.Compare(a.Filter, b.Filter), slices.Compare(a.Frames, b.Frames))
}

func newSummary() *summary {
	return &summary{rows: analyzers.NewTop(keptRows, compareLines), counts: map[string]int{}}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Threat)
	if !ok {
		return
	}
	s.counts[v.What]++
	s.rows.Add(judge(v))
}

// judge ranks a row and puts it in words.
func judge(v *Threat) line {
	l := line{Threat: v}
	switch v.What {
	case Poisoning:
		l.severity = analyzers.Warn
		if v.Differing > 0 || v.WrongID >= manyWrong {
			l.severity = analyzers.Bad
		}
		l.weight = float64(10*v.Differing + v.WrongID + v.Foreign)
		var parts []string
		if v.Differing > 0 {
			parts = append(parts, "a second, different answer")
		}
		if v.WrongID > 0 {
			parts = append(parts, analyzers.CountOf(int64(v.WrongID), "answer")+" with a wrong id or port")
		}
		if v.Foreign > 0 {
			parts = append(parts, analyzers.CountOf(int64(v.Foreign), "record")+" out of bailiwick")
		}
		l.text = fmt.Sprintf("%s %s, asked by %s of %s, got %s", v.Name, v.Type, v.Client, v.Server, strings.Join(parts, " and "))
	case Amplification:
		l.severity = analyzers.Warn
		l.weight = float64(v.ResponseBytes)
		l.text = fmt.Sprintf("%s got %s of DNS answers", v.Client, analyzers.BytesText(int64(v.ResponseBytes)))
		if v.Factor != nil {
			l.text += fmt.Sprintf(" to %s of queries: %.0f times as much", analyzers.BytesText(int64(v.QueryBytes)), *v.Factor)
		} else {
			l.text += " and no query of it is in the capture"
		}
	case Flood:
		l.severity = analyzers.Warn
		l.weight = float64(v.Names)
		l.text = fmt.Sprintf("%s below %s were asked for and are not there, by %s", analyzers.CountOf(int64(v.Names), "name"), v.Name, addresses(v.Clients))
	default:
		l.severity = analyzers.Note
		l.weight = float64(v.Queries)
		l.text = fmt.Sprintf("%s for names in %q, which is no top-level domain", analyzers.CountText(int64(v.Queries))+" queries", v.Name)
		if v.Queries == 1 {
			l.text = fmt.Sprintf("1 query for a name in %q, which is no top-level domain", v.Name)
		}
		if v.Special != "" {
			l.text += " (set aside by " + v.Special + ")"
		}
	}
	return l
}

func addresses(n int) string {
	if n == 1 {
		return "1 address"
	}
	return analyzers.CountText(int64(n)) + " addresses"
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title:   "DNS threats",
		Columns: []analyzers.Column{{Name: "what"}, {Name: "seen"}, {Name: "first frame", Right: true}, {Name: "filter"}},
	}
	n := s.rows.Count()
	if n == 0 {
		out.Lead = "Nothing in this capture's DNS looks like an attack."
		return out
	}
	var parts []string
	for _, w := range [...]struct{ what, text string }{{Poisoning, "poisoning"}, {Amplification, "amplification"}, {Flood, "random names"}, {InvalidTLD, "invalid top-level domains"}} {
		if c := s.counts[w.what]; c > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", analyzers.CountText(int64(c)), w.text))
		}
	}
	out.Lead = "Suspicions: " + strings.Join(parts, ", ") + "."
	kept := s.rows.Kept()
	for i, l := range kept {
		if i < shownRows && (l.severity > analyzers.Note || l.Special == "") {
			out.Brief = "suspicions: " + strings.Join(parts, ", ")
			out.Findings = append(out.Findings, analyzers.Finding{Severity: l.severity, Text: l.text, Frames: l.Frames, Filter: l.Filter})
		}
	}
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, l := range kept {
		var first uint64
		if len(l.Frames) > 0 {
			first = l.Frames[0]
		}
		out.Rows = append(out.Rows, []string{l.What, l.text, analyzers.CountText(int64(first)), l.Filter})
	}
	out.More = n - len(kept)
	return out
}
