package httphosting

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type summary struct {
	rows     *analyzers.Top[*Hosting]
	findings *analyzers.Top[analyzers.Finding]

	addresses, names, virtual, spread, cdn, undecided int
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b *Hosting) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(b.CDN), len(a.CDN)), cmp.Compare(len(b.Names)+len(b.Addresses), len(a.Names)+len(a.Addresses)), cmp.Compare(b.Requests, a.Requests),
				strings.Compare(string(a.Of), string(b.Of)), strings.Compare(a.Name, b.Name), strings.Compare(a.Address, b.Address), slices.Compare(a.Frames, b.Frames))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
	}
}

// rank puts what says most first: names in several places, addresses of several
// names.
func rank(v *Hosting) int {
	switch {
	case len(v.CDN) > 0:
		return 0
	case v.Virtual:
		return 1
	case len(v.Addresses) > 1:
		return 2
	case v.Of == Name:
		return 3
	}
	return 4
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Hosting)
	if !ok {
		return
	}
	s.rows.Add(v)
	if v.Name == "" && v.Address == "" {
		s.undecided++ // all others
		return
	}
	if v.Undecided != "" {
		s.undecided++
	}
	if v.Of == Address {
		s.addresses++
		if v.Virtual {
			s.virtual++
		}
		for i := range v.Names {
			if m := &v.Names[i]; m.Missing > 0 && m.Found == 0 && v.Virtual {
				s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: float64(m.Missing),
					Text:   fmt.Sprintf("%s leads to %s, which has other sites, and none of that name (%s, not found)", m.Name, v.Address, analyzers.CountOf(int64(m.Missing), "request")),
					Frames: []uint64{m.FirstFrame}, Filter: v.Filter})
			}
		}
		return
	}
	s.names++
	if len(v.Addresses) > 1 {
		s.spread++
	}
	if len(v.CDN) > 0 {
		s.cdn++
	}
	var took events.Duration
	var count uint64
	var to []string
	var frames []uint64
	for i := range v.CDN {
		if m := &v.CDN[i]; m.How == ByRedirect && m.Took != nil {
			took += *m.Took
			count += m.Count
			to = append(to, m.To)
			frames = append(frames, m.FirstFrame)
		}
	}
	if count > 0 {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: took.Std().Seconds(),
			Text:   fmt.Sprintf("%s sent clients to %s by %s, which took %s; a rewritten URL, or DNS, would have spared that", v.Name, list(to), analyzers.CountOf(int64(count), "redirect"), analyzers.DurationText(took)),
			Frames: analyzers.Frames(frames...), Filter: v.Filter})
	}
}

func list(names []string) string {
	const most = 4
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and " + analyzers.CountText(int64(len(names)-most)) + " more"
	}
	return strings.Join(names, ", ")
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{Title: "Hosting"}
	if s.addresses+s.names == 0 {
		out.Lead = "No request of HTTP and no name in TLS was captured."
		return out
	}
	out.Columns = []analyzers.Column{{Name: "what"}, {Name: ""}, {Name: "where, or who"}, {Name: "requests", Right: true}, {Name: "CDN"}, {Name: "frame", Right: true}}
	out.Lead = fmt.Sprintf("%s at %s; %s with several names, %s at several addresses, %s with other places",
		analyzers.CountOf(int64(s.names), "name"), addresses(s.addresses), addresses(s.virtual), analyzers.CountOf(int64(s.spread), "name"), analyzers.CountText(int64(s.cdn)))
	if s.undecided > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountText(int64(s.undecided)))
	}
	out.Lead += "."
	out.Findings = s.findings.Kept()
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, v := range kept {
		var members, cdn []string
		what, how := v.Name, "at"
		for _, m := range v.Addresses {
			members = append(members, m.Address)
		}
		if v.Of == Address {
			what, how = v.Address, "has"
			for _, m := range v.Names {
				if !slices.Contains(members, m.Name) {
					members = append(members, m.Name)
				}
			}
		}
		for _, m := range v.CDN {
			text := strings.ReplaceAll(string(m.How), "_", " ")
			if m.To != "" {
				text += " " + m.To
			}
			cdn = append(cdn, text)
		}
		if len(v.EdgeOf) > 0 {
			cdn = append(cdn, "edge of "+list(v.EdgeOf))
		}
		out.Rows = append(out.Rows, []string{what, how, cmp.Or(list(members), "–"), analyzers.CountText(int64(v.Requests)), cmp.Or(strings.Join(cdn, "; "), "–"), fmt.Sprint(v.Frames[0])})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}

func addresses(n int) string {
	if n == 1 {
		return "1 address"
	}
	return analyzers.CountText(int64(n)) + " addresses"
}
