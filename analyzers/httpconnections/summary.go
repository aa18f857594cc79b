package httpconnections

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/http.connections.md gives the reasons.
const (
	// fewObjects: with fewer there is no habit to speak of.
	fewObjects = 3
	// farFromModel: an object takes this many times the model's round trips,
	// and at least two more. The model knows no slow start and no server's
	// thinking, so a little more is normal.
	farFromModel = 2
)

const (
	shownRows = 10
	keptRows  = 1000
)

// line is what is kept of a row.
type line struct {
	*Usage
	key string
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.Busy, a.Busy), cmp.Compare(b.Objects, a.Objects), strings.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	rows     *analyzers.Top[line]
	findings *analyzers.Top[analyzers.Finding]
	modes    map[Mode]int
	objects  int
	conns    int
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, compareLines), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings), modes: map[Mode]int{},
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Usage)
	if !ok {
		return
	}
	s.rows.Add(line{v, r.Key})
	s.modes[v.Mode]++
	s.objects += v.Objects
	s.conns += v.Connections
	if v.Mode == NonPersistent && v.Objects >= fewObjects {
		f := analyzers.Finding{
			Severity: analyzers.Warn, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s fetched %s objects from %s on %s connections, one each", v.Client, count(v.Objects), v.Site, count(v.Connections)),
		}
		if v.RTT != nil {
			lost := *v.RTT * events.Duration(v.Connections-1) / events.Duration(max(v.Parallel, 1))
			f.Weight = float64(lost) / 1e9
			f.Text += fmt.Sprintf(": about %s of handshakes that a persistent connection would save", analyzers.DurationText(lost))
		}
		s.findings.Add(f)
	}
	if m := v.modelOf(); m != nil && v.Complete >= fewObjects && v.BusyRTTs > farFromModel*m.RTTsPerObject && v.BusyRTTs > m.RTTsPerObject+2 {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Note, Weight: float64(v.Busy-m.Total) / 1e9, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s took %.1f round trips an object from %s (%s), where the model says %.1f", v.Client, v.BusyRTTs, v.Site, v.Mode, m.RTTsPerObject),
		})
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "HTTP connections",
		Lead:  s.lead(),
		Columns: []analyzers.Column{{Name: "client"}, {Name: "site"}, {Name: "use"}, {Name: "objects", Right: true}, {Name: "connections", Right: true},
			{Name: "RTT", Right: true}, {Name: "RTTs an object", Right: true}, {Name: "overall", Right: true}, {Name: "model", Right: true}, {Name: "busy", Right: true}, {Name: "filter"}},
	}
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		v := l.Usage
		use := string(v.Mode)
		if v.Parallel > 1 {
			use += ", " + strconv.Itoa(v.Parallel) + " at once"
		}
		rtt, each, overall, model := "–", "–", "–", "–"
		if v.RTT != nil {
			rtt = analyzers.DurationText(*v.RTT)
		}
		if v.RTTsPerObject != nil {
			each = fmt.Sprintf("%.1f", v.RTTsPerObject.Median)
			overall = fmt.Sprintf("%.1f", v.BusyRTTs)
		}
		if m := v.modelOf(); m != nil {
			model = fmt.Sprintf("%.1f", m.RTTsPerObject)
		}
		out.Rows = append(out.Rows, []string{v.Client, v.Site, use, count(v.Objects), count(v.Connections), rtt, each, overall, model, analyzers.DurationText(v.Busy), v.Filter})
	}
	out.More = s.rows.Count() - n
	out.Findings = slices.Clone(s.findings.Kept())
	return out
}

func count(n int) string { return analyzers.CountText(int64(n)) }

func (s *summary) lead() string {
	if s.objects == 0 {
		return "No HTTP request was captured in clear."
	}
	t := analyzers.CountOf(int64(s.objects), "object") + " on " + analyzers.CountOf(int64(s.conns), "connection")
	for _, m := range [...]Mode{NonPersistent, Persistent, Pipelined, Multiplexed, ModeUndecided} {
		if n := s.modes[m]; n > 0 {
			t += fmt.Sprintf("; %s: %s", m, count(n))
		}
	}
	return t + " (client and site)."
}
