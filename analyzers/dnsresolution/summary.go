package dnsresolution

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
	exact     = 1024
	// slow: a page waits for each of its look-ups; half a second is noticed.
	slow = 500 * events.Duration(time.Millisecond)
)

func lower(s string) string { return strings.ToLower(s) }

type line struct {
	key string
	*Resolution
	cost events.Duration
}

type summary struct {
	rows      *analyzers.Top[line]
	slow      *analyzers.Top[line]
	blind     *analyzers.Top[line] // resolvers whose queries were not captured
	modes     [4]int
	totals    analyzers.Sketch
	trips     uint64
	slowCost  events.Duration
	questions uint64 // of the blind
}

var modes = [...]Mode{Iterative, Recursive, Hybrid, Undecided}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(b.Questions, a.Questions), slices.Compare(a.Frames, b.Frames), cmp.Compare(a.key, b.key))
}

func newSummary() *summary {
	return &summary{
		rows:  analyzers.NewTop(keptRows, compareLines),
		slow:  analyzers.NewTop(analyzers.MaxFrames, compareLines),
		blind: analyzers.NewTop(3, compareLines),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Resolution)
	if !ok {
		return
	}
	l := line{key: r.Key, Resolution: v}
	if v.Questions > 0 {
		s.blind.Add(l)
		s.questions += v.Questions
		return
	}
	s.modes[slices.Index(modes[:], v.Mode)]++
	s.trips += uint64(v.RoundTrips)
	if v.Total != nil {
		l.cost = *v.Total
		s.totals.Add(int64(*v.Total), exact)
		if l.cost > slow {
			s.slow.Add(l)
			s.slowCost += l.cost
		}
	}
	s.rows.Add(l)
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "DNS resolutions",
		Columns: []analyzers.Column{{Name: "question"}, {Name: "resolver"}, {Name: "mode"}, {Name: "result"}, {Name: "total", Right: true},
			{Name: "round trips", Right: true}, {Name: "way"}, {Name: "frame", Right: true}},
	}
	n := s.rows.Count()
	switch {
	case n == 0 && s.blind.Count() == 0:
		out.Lead = "No question to a resolver in this capture."
	case n == 0:
		out.Lead = fmt.Sprintf("Undecided: %s answered %s, and none of its own queries is in the capture.", resolvers(s.blind.Count()), analyzers.CountOf(int64(s.questions), "question"))
	default:
		var parts []string
		for i, m := range modes {
			if s.modes[i] > 0 {
				parts = append(parts, fmt.Sprintf("%s %s", analyzers.CountText(int64(s.modes[i])), m))
			}
		}
		out.Lead = fmt.Sprintf("%s with queries of the resolver: %s; %s", analyzers.CountOf(int64(n), "resolution"), strings.Join(parts, ", "), analyzers.CountOf(int64(s.trips), "round trip"))
		if s.totals.Count() > 0 {
			out.Brief = fmt.Sprintf("%s of resolvers, median %s", analyzers.CountOf(int64(n), "resolution"), analyzers.DurationText(events.Duration(s.totals.Median())))
			out.Lead += fmt.Sprintf(", median %s, longest %s", analyzers.DurationText(events.Duration(s.totals.Median())), analyzers.DurationText(events.Duration(s.totals.Max())))
		}
		out.Lead += "."
	}
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, l := range kept {
		total := "–"
		if l.Total != nil {
			total = analyzers.DurationText(*l.Total)
		}
		out.Rows = append(out.Rows, []string{l.Name + " " + l.Type, l.Resolver, string(l.Mode), l.Result, total, analyzers.CountText(int64(l.RoundTrips)), way(l.Hops), analyzers.CountText(int64(l.QueryFrame))})
	}
	out.More = n - len(kept)
	if k := s.slow.Kept(); len(k) > 0 {
		var frames []uint64
		for _, l := range k {
			frames = append(frames, l.QueryFrame)
		}
		h := longest(k[0].Hops)
		text := fmt.Sprintf("%s took more than %s; the longest, %s %s, %s", analyzers.CountOf(int64(s.slow.Count()), "resolution"), analyzers.DurationText(slow), k[0].Name, k[0].Type, analyzers.DurationText(k[0].cost))
		if h != nil && h.RTT != nil {
			text += fmt.Sprintf(", of which %s at %s (%s)", analyzers.DurationText(*h.RTT), h.Server, h.Role)
		}
		out.Findings = append(out.Findings, analyzers.Finding{Severity: analyzers.Warn, Weight: s.slowCost.Std().Seconds(), Text: text, Frames: analyzers.Frames(frames...), Filter: k[0].Filter})
	}
	return out
}

func resolvers(n int) string {
	if n == 1 {
		return "1 resolver"
	}
	return analyzers.CountText(int64(n)) + " resolvers"
}

// longest is the hop that took the most time.
func longest(hops []Hop) (worst *Hop) {
	for i := range hops {
		if h := &hops[i]; h.RTT != nil && (worst == nil || *h.RTT > *worst.RTT) {
			worst = h
		}
	}
	return worst
}

// shownHops is how many hops a line names.
const shownHops = 6

// way reads "root 20.1 ms, tld 30.2 ms, authoritative 40.0 ms"; what a server
// asked itself is in brackets.
func way(hops []Hop) string {
	var b strings.Builder
	for i := range hops {
		if i == shownHops {
			fmt.Fprintf(&b, ", and %d more", len(hops)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		h := &hops[i]
		if h.For != 0 {
			b.WriteString("(")
		}
		b.WriteString(string(h.Role))
		if h.RTT != nil {
			b.WriteString(" " + analyzers.DurationText(*h.RTT))
		} else {
			b.WriteString(" " + h.Result)
		}
		if h.For != 0 {
			b.WriteString(")")
		}
	}
	return b.String()
}
