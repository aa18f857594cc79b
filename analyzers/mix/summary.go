package mix

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
)

const (
	shownProtocols = 8
	shownHosts     = 5
	keptRows       = 1000
	leadCategories = 4
	// unknownShare of the bytes is worth a remark.
	unknownShare = 0.2
)

type summary struct {
	protocols, categories, hosts *analyzers.Top[Value]
	time                         *analyzers.Top[Value]
}

func newSummary() *summary {
	top := func() *analyzers.Top[Value] {
		return analyzers.NewTop(keptRows, func(a, b Value) int {
			// The sum of the rest comes last, whatever its size.
			if (a.Hosts > 0) != (b.Hosts > 0) {
				if b.Hosts > 0 {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(b.WireBytes, a.WireBytes), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Filter, b.Filter))
		})
	}
	return &summary{top(), top(), top(), top()}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(Value)
	if !ok {
		return
	}
	switch v.What {
	case "protocol":
		s.protocols.Add(v)
	case "category":
		s.categories.Add(v)
	case "host":
		s.hosts.Add(v)
	case "time":
		s.time.Add(v)
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "Traffic mix",
		Columns: []analyzers.Column{{Name: "what"}, {Name: "name"}, {Name: "category"}, {Name: "on the wire", Right: true}, {Name: "share", Right: true},
			{Name: "payload", Right: true}, {Name: "packets", Right: true}, {Name: "flows", Right: true}},
	}
	if s.time.Count() == 0 {
		out.Lead = "No IP packet in this capture."
		return out
	}
	all := s.time.Kept()[0]
	out.Lead = fmt.Sprintf("%s in %s of %s", analyzers.BytesText(int64(all.WireBytes)), analyzers.CountOf(int64(all.Packets), "packet"), analyzers.CountOf(int64(all.Flows), "flow"))
	var parts []string
	for _, c := range s.categories.Kept()[:min(s.categories.Count(), leadCategories)] {
		parts = append(parts, fmt.Sprintf("%s %s", c.Name, percent(c, all)))
		if c.Name == string(Unknown) && c.Share >= unknownShare {
			out.Findings = append(out.Findings, analyzers.Finding{
				Severity: analyzers.Note,
				Text:     fmt.Sprintf("%s of the bytes are of protocols that were not recognised", percent(c, all)),
				Frames:   c.Frames, Filter: c.Filter,
			})
		}
	}
	out.Brief = strings.Join(parts, ", ")
	out.Lead += ": " + out.Brief + "."
	list := func(t *analyzers.Top[Value], short int) {
		kept := t.Kept()
		if !full {
			kept = kept[:min(len(kept), short)]
		}
		for _, v := range kept {
			out.Rows = append(out.Rows, []string{v.What, v.Name, string(v.Category), analyzers.BytesText(int64(v.WireBytes)), percent(v, all),
				analyzers.BytesText(int64(v.Bytes)), analyzers.CountText(int64(v.Packets)), analyzers.CountText(int64(v.Flows))})
		}
		out.More += t.Count() - len(kept)
	}
	list(s.protocols, shownProtocols)
	list(s.hosts, shownHosts)
	return out
}

func percent(part, all Value) string {
	return analyzers.PercentText(int64(part.WireBytes), int64(all.WireBytes))
}
