package dnsmapping

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
	rows  *analyzers.Top[*Mapping]
	kinds map[string]int
}

func newSummary() *summary {
	return &summary{
		kinds: map[string]int{},
		rows: analyzers.NewTop(keptRows, func(a, b *Mapping) int {
			return cmp.Or(cmp.Compare(len(b.Kinds), len(a.Kinds)), cmp.Compare(b.Replies, a.Replies), cmp.Compare(a.Name, b.Name), slices.Compare(a.Frames, b.Frames))
		}),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Mapping)
	if !ok {
		return
	}
	s.rows.Add(v)
	for _, k := range v.Kinds {
		s.kinds[k]++
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "What DNS names stand for",
		Columns: []analyzers.Column{{Name: "name"}, {Name: "replies", Right: true}, {Name: "alias of"}, {Name: "addresses", Right: true},
			{Name: "spread"}, {Name: "mail servers"}, {Name: "content network"}},
	}
	n := s.rows.Count()
	if n == 0 {
		out.Lead = "No alias, spread load, mail server or content network in this capture's DNS."
		return out
	}
	var parts []string
	for _, k := range [...]struct{ kind, text string }{{KindAlias, "aliases"}, {KindSpread, "with spread load"}, {KindMail, "with mail servers"}, {KindCDN, "in content networks"}} {
		if c := s.kinds[k.kind]; c > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", analyzers.CountText(int64(c)), k.text))
		}
	}
	out.Lead = fmt.Sprintf("%s: %s.", analyzers.CountOf(int64(n), "name"), strings.Join(parts, ", "))
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, v := range kept {
		alias, mail, cdn := "", "", ""
		if k := len(v.Aliases); k > 0 {
			alias = v.Aliases[k-1]
			if k > 1 {
				alias += fmt.Sprintf(" (over %d)", k-1)
			}
		}
		var hosts []string
		for _, x := range v.Mail[:min(len(v.Mail), 3)] {
			hosts = append(hosts, x.Host)
		}
		mail = strings.Join(hosts, " ")
		if v.CDN != nil {
			cdn = strings.TrimSpace(v.CDN.Domain + " by " + strings.Join(v.CDN.By, ", "))
		}
		out.Rows = append(out.Rows, []string{v.Name, analyzers.CountText(int64(v.Replies)), alias, analyzers.CountText(int64(len(v.Addresses)) + int64(v.LeftOff)), v.Spread, mail, cdn})
	}
	out.More = n - len(kept)
	return out
}
