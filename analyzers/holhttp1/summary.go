package holhttp1

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/hol.http1.md gives the reasons.
const (
	noteWaited = events.Duration(10 * time.Millisecond)
	warnWaited = events.Duration(100 * time.Millisecond)
	badWaited  = events.Duration(time.Second)
)

const (
	shownRows    = 10
	keptRows     = 1000
	shownNumbers = 6
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.RequestFrame, b.RequestFrame),
		cmp.Compare(a.Number, b.Number), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
}

type summary struct {
	responses, blockers   *analyzers.Top[row]
	waited                events.Duration
	connections, unasked  int64
	example               string // the least key of an undecided connection, and why
	exampleWhy, exampleIn string
	exampleFrames         []uint64
}

func newSummary() *summary {
	return &summary{responses: analyzers.NewTop(keptRows, compareRows), blockers: analyzers.NewTop(shownRows, compareRows)}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	switch v.What {
	case Response:
		s.responses.Add(row{r.Key, v})
		s.waited += v.Waited
	case Blocker:
		s.blockers.Add(row{r.Key, v})
	case Connection:
		s.connections++
		s.unasked += int64(v.Responses)
		if s.example == "" || cmp.Or(cmp.Compare(len(r.Key), len(s.example)), strings.Compare(r.Key, s.example)) < 0 {
			s.example, s.exampleWhy, s.exampleIn, s.exampleFrames = r.Key, v.Undecided, v.Filter, v.Frames
		}
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	d := analyzers.DurationText
	out := analyzers.Section{
		Title: "Head-of-line blocking in HTTP/1",
		Columns: []analyzers.Column{{Name: "response"}, {Name: "bytes", Right: true}, {Name: "waited", Right: true}, {Name: "not begun", Right: true},
			{Name: "being sent", Right: true}, {Name: "behind"}, {Name: "HTTP/2 saves", Right: true}, {Name: "frames"}, {Name: "filter"}},
		Findings: s.findings(),
	}
	switch {
	case s.responses.Count() > 0:
		out.Brief = fmt.Sprintf("%s waited behind others (HTTP/1), %s in all", analyzers.CountOf(int64(s.responses.Count()), "response"), d(s.waited))
		out.Lead = fmt.Sprintf("%s waited behind earlier ones on their connection, %s in all", analyzers.CountOf(int64(s.responses.Count()), "response"), d(s.waited))
	default:
		out.Lead = "No response of HTTP/1 is known to have waited behind another"
	}
	if s.connections > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountOf(s.connections, "connection"))
	}
	out.Lead += "."
	kept := s.responses.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		saved := "–"
		if r.Saved != nil {
			saved = d(*r.Saved)
		}
		waited := d(r.Waited)
		if r.AtMost {
			waited = "≤ " + waited
		}
		out.Rows = append(out.Rows, []string{r.key, analyzers.BytesText(r.Bytes), waited, d(r.Making), d(r.Sending), r.Behind[0].Target, saved,
			strconv.FormatUint(r.RequestFrame, 10) + "–" + strconv.FormatUint(r.LastFrame, 10), r.Filter})
	}
	out.More = s.responses.Count() - len(kept)
	return out
}

func (s *summary) findings() []analyzers.Finding {
	var out []analyzers.Finding
	for _, r := range s.blockers.Kept() {
		if r.Waited < noteWaited {
			continue
		}
		f := analyzers.Finding{Severity: analyzers.Note, Weight: r.Waited.Std().Seconds(), Frames: r.Frames,
			Filter: events.StreamKey{Stream: r.Stream, Proto: events.ProtoTCP}.Filter() + " && http"}
		switch {
		case r.Waited >= badWaited:
			f.Severity = analyzers.Bad
		case r.Waited >= warnWaited:
			f.Severity = analyzers.Warn
		}
		f.Text = fmt.Sprintf("%s of stream %d waited %s behind %s: HTTP/1.1 order", objects(r.Numbers, r.Responses), r.Stream, analyzers.DurationText(r.Waited), r.Target)
		if r.AtMost {
			f.Text += " (at most: the handshake was not captured)"
		}
		if r.Saved != nil && *r.Saved > 0 {
			f.Text += "; HTTP/2 would have saved " + analyzers.DurationText(*r.Saved)
		}
		out = append(out, f)
	}
	if s.connections > 0 {
		out = append(out, analyzers.Finding{Severity: analyzers.Note, Frames: s.exampleFrames, Filter: s.exampleIn,
			Text: fmt.Sprintf("whether responses waited is undecided on %s; one: %s, %s", analyzers.CountOf(s.connections, "connection"), s.example, s.exampleWhy)})
	}
	return out
}

// objects is "objects 3, 4, 5 and 9 more".
func objects(numbers []uint32, all uint32) string {
	if all == 1 {
		return fmt.Sprintf("object %d", numbers[0])
	}
	var b strings.Builder
	b.WriteString("objects ")
	n := min(len(numbers), shownNumbers)
	for i, x := range numbers[:n] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatUint(uint64(x), 10))
	}
	if more := int(all) - n; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
