package hpack

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
)

// What is worth a finding; docs/analyses/hpack.md gives the reasons.
const (
	noteBlocks  = 20
	noteDecoded = 10_000
	noteRatio   = 0.5
)

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.Encoded, a.Encoded), cmp.Compare(b.Blocks, a.Blocks), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
}

type summary struct {
	rows             *analyzers.Top[row]
	encoded, decoded int64
	fields, hits     int64
	blocks, unread   int64
}

func newSummary() *summary { return &summary{rows: analyzers.NewTop(keptRows, compareRows)} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	s.rows.Add(row{r.Key, v})
	s.encoded += v.Encoded
	s.decoded += v.Decoded
	s.fields += v.Fields
	s.hits += v.Static + v.Dynamic
	s.blocks += v.Blocks
	s.unread += v.Unread
}

func ratio(r *float64) string {
	if r == nil {
		return "–"
	}
	return strconv.FormatFloat(100**r, 'f', 1, 64) + " %"
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{Title: "Header compression of HTTP/2"}
	if s.rows.Count() == 0 {
		return out
	}
	if s.blocks == 0 {
		out.Lead = fmt.Sprintf("None of %s of HTTP/2 could be read.", analyzers.CountOf(s.unread, "header block"))
	} else {
		out.Brief = "HPACK leaves " + analyzers.PercentText(s.encoded, s.decoded)
		out.Lead = fmt.Sprintf("%s of HTTP/2: %s for %s of names and values (%s); %s of fields found whole in a table", analyzers.CountOf(s.blocks, "header block"),
			analyzers.BytesText(s.encoded), analyzers.BytesText(s.decoded), analyzers.PercentText(s.encoded, s.decoded), analyzers.PercentText(s.hits, s.fields))
		if s.unread > 0 {
			out.Lead += fmt.Sprintf("; %s not read", analyzers.CountOf(s.unread, "block"))
		}
		out.Lead += "."
	}
	out.Columns = []analyzers.Column{{Name: "side"}, {Name: "blocks", Right: true}, {Name: "encoded", Right: true}, {Name: "of", Right: true}, {Name: "first block", Right: true},
		{Name: "later", Right: true}, {Name: "found whole", Right: true}, {Name: "in dynamic table", Right: true}, {Name: "filter"}}
	kept := s.rows.Kept()
	for _, r := range kept {
		if r.Blocks >= noteBlocks && r.Decoded >= noteDecoded && r.LaterRatio != nil && *r.LaterRatio > noteRatio {
			out.Findings = append(out.Findings, analyzers.Finding{Severity: analyzers.Note, Weight: float64(r.Encoded) / 1e6, Frames: r.Frames, Filter: r.Filter,
				Text: fmt.Sprintf("header blocks of the %s on stream %d are hardly compressed: after the first, %s of their size are left, %s of fields are found in the dynamic table",
					r.Side, r.Stream, ratio(r.LaterRatio), ratio(r.DynamicRate))})
		}
	}
	out.Findings = out.Findings[:min(len(out.Findings), shownRows)]
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		out.Rows = append(out.Rows, []string{r.key, analyzers.CountText(r.Blocks), analyzers.BytesText(r.Encoded), analyzers.BytesText(r.Decoded),
			ratio(r.FirstRatio), ratio(r.LaterRatio), ratio(r.HitRate), ratio(r.DynamicRate), r.Filter})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
