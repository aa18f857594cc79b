package dnssec

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
)

// line is what is kept of a row.
type line struct {
	*Set
	key string
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(rank[a.Verdict], rank[b.Verdict]), cmp.Compare(b.Seen, a.Seen), strings.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames), cmp.Compare(a.KeyTag, b.KeyTag), strings.Compare(a.Until, b.Until))
}

type summary struct {
	rows    *analyzers.Top[line]
	worst   map[Verdict]*analyzers.Top[line]
	counts  map[Verdict]int
	stale   *analyzers.Top[line] // used after their expiration
	all     int
	limited int
}

func newSummary() *summary {
	s := &summary{rows: analyzers.NewTop(keptRows, compareLines), worst: map[Verdict]*analyzers.Top[line]{}, counts: map[Verdict]int{}, stale: analyzers.NewTop(analyzers.MaxFrames, compareLines)}
	for v := range rank {
		s.worst[v] = analyzers.NewTop(analyzers.MaxFrames, compareLines)
	}
	return s
}

func (s *summary) Add(r *analyzers.Row) {
	if l, ok := r.Value.(*Limited); ok {
		s.limited += l.Count
	}
	v, ok := r.Value.(*Set)
	if !ok {
		return
	}
	s.all++
	s.counts[v.Verdict]++
	l := line{v, r.Key}
	s.rows.Add(l)
	s.worst[v.Verdict].Add(l)
	if v.UsedExpired != 0 {
		s.stale.Add(l)
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.all == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "DNSSEC",
		Lead: fmt.Sprintf("%s: %d verified, %d bad, %d expired, %d not yet valid, %d undecided.", analyzers.CountOf(int64(s.all), "signed set"),
			s.counts[Verified], s.counts[Bad], s.counts[Expired], s.counts[NotYetValid], s.counts[Undecided]),
		Columns: []analyzers.Column{{Name: "set"}, {Name: "verdict"}, {Name: "signer"}, {Name: "key", Right: true}, {Name: "algorithm"}, {Name: "time left", Right: true}, {Name: "chain ends in, or why"}, {Name: "frame", Right: true}, {Name: "filter"}},
	}
	out.Brief = fmt.Sprintf("%d of %d signatures verified", s.counts[Verified], s.all)
	if s.limited > 0 {
		out.Lead += fmt.Sprintf(" %s beyond the limit fold-pending were not looked at.", analyzers.CountOf(int64(s.limited), "signature"))
	}
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		out.Rows = append(out.Rows, []string{l.key, string(l.Verdict), l.Signer, fmt.Sprint(l.KeyTag), l.Algorithm, left(l.Left), l.why(), fmt.Sprint(l.Frames[0]), l.Filter})
	}
	out.More = s.all - n
	out.Findings = s.findings()
	return out
}

// why is what a reader wants to know beside the verdict.
func (v *Set) why() string { return cmp.Or(v.Anchor, v.Reason, v.Undecided) }

// left is a time in seconds; signatures hold for days.
func left(seconds float64) string {
	if d := seconds / (24 * 3600); d >= 2 || d <= -2 {
		return fmt.Sprintf("%.1f d", d)
	}
	return analyzers.DurationText(events.Duration(seconds * float64(time.Second)))
}

func (s *summary) findings() []analyzers.Finding {
	var out []analyzers.Finding
	add := func(top *analyzers.Top[line], sev analyzers.Severity, text func(w line, n int) string) {
		kept := top.Kept()
		if len(kept) == 0 {
			return
		}
		w := kept[0]
		out = append(out, analyzers.Finding{Severity: sev, Weight: float64(top.Count()), Text: text(w, top.Count()), Frames: w.Frames, Filter: w.Filter})
	}
	sets := func(n int, one, many string) string {
		if n == 1 {
			return "1 signed set of DNS records " + one
		}
		return analyzers.CountText(int64(n)) + " signed sets of DNS records " + many
	}
	add(s.worst[Bad], analyzers.Bad, func(w line, n int) string {
		return fmt.Sprintf("%s: a validating resolver answers SERVFAIL; %s", sets(n, "does not verify", "do not verify"), w.Reason)
	})
	add(s.worst[Expired], analyzers.Bad, func(w line, n int) string {
		return fmt.Sprintf("%s over when captured: a validating resolver answers SERVFAIL; %s", sets(n, "rests on a signature that was", "rest on signatures that were"), w.Reason)
	})
	add(s.worst[NotYetValid], analyzers.Bad, func(w line, n int) string {
		return fmt.Sprintf("%s not begun (a clock may be wrong); %s", sets(n, "rests on a signature that had", "rest on signatures that had"), w.Reason)
	})
	add(s.stale, analyzers.Warn, func(w line, n int) string {
		return fmt.Sprintf("%s still told after the signature was over; one: %s, until %s", sets(n, "was", "were"), w.key, w.Until)
	})
	slices.SortFunc(out, analyzers.CompareFindings)
	return out
}
