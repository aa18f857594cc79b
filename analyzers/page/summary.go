package page

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/page.md gives the reasons.
const (
	noteLoad = events.Duration(time.Second)
	warnLoad = events.Duration(3 * time.Second)
	badLoad  = events.Duration(10 * time.Second)
)

const (
	shownRows = 10
	keptRows  = 1000
)

type line struct {
	*Value
	key  string
	cost events.Duration
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(b.Objects, a.Objects), strings.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	rows              *analyzers.Top[line]
	findings          *analyzers.Top[analyzers.Finding]
	pages, decided    int
	objects           int
	bytes             int64
	rest, connections int
	sealed            *analyzers.Top[line]
	loads             analyzers.Sketch
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, compareLines), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
		sealed: analyzers.NewTop(1, compareLines),
	}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	switch v.What {
	case Rest:
		s.rest += v.Objects
		return
	case Sealed:
		s.connections += v.Connections
		s.sealed.Add(line{v, r.Key, events.Duration(v.Connections)})
		return
	}
	l := line{v, r.Key, 0}
	s.pages++
	s.objects += v.Objects
	s.bytes += v.Bytes
	if v.Load != nil {
		s.decided++
		l.cost = *v.Load
		s.loads.Add(int64(*v.Load), keptRows)
		s.slow(v)
	}
	if v.Failed > 0 {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Note, Frames: failed(v), Filter: v.Filter,
			Text: fmt.Sprintf("%s of %s failed (status 400 or more)", analyzers.CountOf(int64(v.Failed), "object"), v.URL),
		})
	}
	s.rows.Add(l)
}

// failed are the frames of the requests that failed.
func failed(v *Value) []uint64 {
	var fs []uint64
	for i := range v.Waterfall {
		if o := &v.Waterfall[i]; o.Status >= 400 {
			fs = append(fs, o.RequestFrame)
		}
	}
	return analyzers.ArrangeFrames(fs)
}

func (s *summary) slow(v *Value) {
	f := analyzers.Finding{Severity: analyzers.Note, Weight: v.Load.Std().Seconds(), Frames: v.Frames, Filter: v.Filter}
	switch {
	case *v.Load < noteLoad:
		return
	case *v.Load >= badLoad:
		f.Severity = analyzers.Bad
	case *v.Load >= warnLoad:
		f.Severity = analyzers.Warn
	}
	f.Text = fmt.Sprintf("%s took %s to load: %s, %s from %s; on its critical path of %s: %s", v.URL, analyzers.DurationText(*v.Load),
		analyzers.CountOf(int64(v.Objects), "object"), analyzers.BytesText(v.Bytes), analyzers.CountOf(int64(len(v.Hosts)), "host"),
		analyzers.CountOf(int64(len(v.Critical)), "object"), v.CriticalTime.text())
	s.findings.Add(f)
}

// text names the parts of a time that are not nothing, longest first.
func (p *Phases) text() string {
	type part struct {
		name string
		d    events.Duration
	}
	parts := []part{{"looking up", p.DNS}, {"connecting", p.Connect}, {"TLS", p.TLS}, {"sending", p.Send}, {"blocked", p.Blocked}, {"waiting", p.Wait}, {"receiving", p.Receive}, {"the client's own time", p.Client}}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.d, a.d) })
	var out []string
	for _, x := range parts {
		if x.d > 0 {
			out = append(out, analyzers.DurationText(x.d)+" "+x.name)
		}
	}
	return strings.Join(out, ", ")
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "Pages",
		Lead:  s.lead(),
		Brief: s.brief(),
		Columns: []analyzers.Column{{Name: "page"}, {Name: "client"}, {Name: "HTTP"}, {Name: "objects", Right: true}, {Name: "hosts", Right: true}, {Name: "bytes", Right: true},
			{Name: "first byte", Right: true}, {Name: "document", Right: true}, {Name: "load", Right: true}, {Name: "critical path"}, {Name: "frame", Right: true}, {Name: "filter"}},
	}
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		v := l.Value
		load := "undecided"
		if v.Load != nil {
			load = analyzers.DurationText(*v.Load)
		}
		path := "–"
		if v.CriticalTime != nil {
			path = analyzers.CountOf(int64(len(v.Critical)), "object") + ": " + v.CriticalTime.text()
		}
		out.Rows = append(out.Rows, []string{v.URL, v.Client, v.Version, strconv.Itoa(v.Objects), strconv.Itoa(len(v.Hosts)), analyzers.BytesText(v.Bytes),
			text(v.FirstByte), text(v.Document), load, path, strconv.FormatUint(v.Frames[0], 10), v.Filter})
	}
	out.More = s.rows.Count() - n
	out.Findings = slices.Clone(s.findings.Kept())
	if k := s.sealed.Kept(); len(k) > 0 {
		out.Findings = append(out.Findings, analyzers.Finding{
			Severity: analyzers.Note, Frames: k[0].Frames, Filter: k[0].Filter,
			Text: fmt.Sprintf("the pages behind %s cannot be seen: they are encrypted%s", analyzers.CountOf(int64(s.connections), "connection"), names(k[0].Names)),
		})
	}
	slices.SortFunc(out.Findings, analyzers.CompareFindings)
	return out
}

// names is " (a, b and 3 more)".
func names(hosts []string) string {
	const shown = 3
	if len(hosts) == 0 {
		return ""
	}
	n := min(len(hosts), shown)
	t := " (" + strings.Join(hosts[:n], ", ")
	if more := len(hosts) - n; more > 0 {
		t += " and " + strconv.Itoa(more) + " more"
	}
	return t + ")"
}

func text(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}

func (s *summary) brief() string {
	if s.decided == 0 {
		return ""
	}
	return fmt.Sprintf("%s loaded in %s (median)", analyzers.CountOf(int64(s.pages), "page"), analyzers.DurationText(events.Duration(s.loads.Median())))
}

func (s *summary) lead() string {
	var t string
	switch {
	case s.pages == 0:
		t = "No page was captured in clear"
	case s.decided == 0:
		t = fmt.Sprintf("%s, none of which can be timed", analyzers.CountOf(int64(s.pages), "page"))
	default:
		t = fmt.Sprintf("%s of %s and %s; loaded in %s (median), %s (longest)", analyzers.CountOf(int64(s.pages), "page"), analyzers.CountOf(int64(s.objects), "object"), analyzers.BytesText(s.bytes),
			analyzers.DurationText(events.Duration(s.loads.Median())), analyzers.DurationText(events.Duration(s.loads.Max())))
		if u := s.pages - s.decided; u > 0 {
			t += fmt.Sprintf("; %d undecided", u)
		}
	}
	if s.rest > 0 {
		t += fmt.Sprintf("; %s of no page", analyzers.CountOf(int64(s.rest), "request"))
	}
	if s.connections > 0 {
		t += fmt.Sprintf("; %s encrypted", analyzers.CountOf(int64(s.connections), "connection"))
	}
	return t + "."
}
