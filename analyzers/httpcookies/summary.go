package httpcookies

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
)

type summary struct {
	rows     *analyzers.Top[*Cookie]
	findings *analyzers.Top[analyzers.Finding]

	cookies, first, third, undecided, tracking int
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b *Cookie) int {
			return cmp.Or(cmp.Compare(len(b.TrackedSites), len(a.TrackedSites)), cmp.Compare(rank(a.Party), rank(b.Party)), cmp.Compare(b.Sent, a.Sent),
				strings.Compare(a.Site, b.Site), strings.Compare(a.Domain, b.Domain), strings.Compare(a.Name, b.Name), strings.Compare(a.Client, b.Client), slices.Compare(a.Frames, b.Frames))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
	}
}

// rank puts first what tells others most.
func rank(p Party) int {
	switch p {
	case Third:
		return 0
	case Both:
		return 1
	case Undecided:
		return 2
	}
	return 3
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Cookie)
	if !ok {
		return
	}
	s.rows.Add(v)
	s.cookies++
	switch v.Party {
	case First:
		s.first++
	case Undecided:
		s.undecided++
	default:
		s.third++
	}
	if v.Tracking {
		s.tracking++
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Note, Weight: float64(len(v.TrackedSites)),
			Text:   fmt.Sprintf("%s knows %s again on %s, by its cookie %s", v.Site, v.Client, list(v.TrackedSites), v.Name),
			Frames: v.Frames, Filter: v.Filter,
		})
	}
	if v.Refused != "" {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Note, Text: fmt.Sprintf("%s set the cookie %s, which clients refuse: %s", v.SetBy, v.Name, v.Refused),
			Frames: v.Frames, Filter: v.Filter,
		})
	}
}

// list names the first few of some sites.
func list(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and " + analyzers.CountText(int64(len(names)-most)) + " more"
	}
	return strings.Join(names, ", ")
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.cookies == 0 {
		return analyzers.Section{Title: "Cookies", Lead: "No cookie was set or sent in clear."}
	}
	out := analyzers.Section{
		Title: "Cookies",
		Lead: fmt.Sprintf("%s: %s of the site that was looked at, %s of others; %s the same on several sites", analyzers.CountOf(int64(s.cookies), "cookie"),
			analyzers.CountText(int64(s.first)), analyzers.CountText(int64(s.third)), analyzers.CountText(int64(s.tracking))),
		Columns:  []analyzers.Column{{Name: "pages of"}, {Name: ""}, {Name: "cookie of"}, {Name: "name"}, {Name: "party"}, {Name: "set by"}, {Name: "life"}, {Name: "values", Right: true}, {Name: "sent", Right: true}, {Name: "tracks"}, {Name: "client"}},
		Findings: s.findings.Kept(),
	}
	if s.tracking > 0 {
		out.Brief = analyzers.CountOf(int64(s.tracking), "cookie") + " across sites"
	}
	if s.undecided > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountText(int64(s.undecided)))
	}
	out.Lead += "."
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, v := range kept {
		life := "session"
		switch {
		case v.Sets == 0:
			life = "–"
		case v.Lifetime != nil:
			life = analyzers.DurationText(*v.Lifetime)
			if *v.Lifetime >= 48*3600*second {
				life = analyzers.CountText(int64(*v.Lifetime/(24*3600*second))) + " days"
			}
		}
		var pages []string
		for _, e := range v.Seen {
			if e.Site != "" && !slices.Contains(pages, e.Site) {
				pages = append(pages, e.Site)
			}
		}
		slices.Sort(pages)
		tracks := "no"
		if v.Tracking {
			tracks = "yes"
		}
		out.Rows = append(out.Rows, []string{cmp.Or(list(pages), "–"), "→", cmp.Or(v.Domain, "–"), v.Name, string(v.Party), cmp.Or(v.SetBy, "–"), life,
			analyzers.CountText(int64(v.Values)), analyzers.CountText(int64(v.Sent)), tracks, v.Client})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
