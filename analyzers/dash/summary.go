package dash

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
	// slowStart: from here on viewers leave before the first picture.
	slowStart = events.Duration(2e9)
)

type line struct {
	*Value
	key string
}

func (l line) stalled() events.Duration {
	if l.StallTime == nil {
		return 0
	}
	return *l.StallTime
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.stalled(), a.stalled()), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.key, b.key), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	rows     *analyzers.Top[line]
	findings *analyzers.Top[analyzers.Finding]
	films    int
	segments int
	bytes    int64
	stalls   int
	stalled  events.Duration
}

func newSummary() *summary {
	return &summary{rows: analyzers.NewTop(keptRows, compareLines), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings)}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	l := line{v, r.Key}
	s.rows.Add(l)
	s.films++
	s.segments += v.Fetched
	s.bytes += v.Bytes
	s.stalls += len(v.Stalls)
	s.stalled += l.stalled()
	for _, x := range v.Stalls {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Bad, Weight: (x.End - x.Begin).Std().Seconds(), Frames: analyzers.Frames(x.Frame, x.EndFrame), Filter: v.Filter,
			Text: fmt.Sprintf("%s stood still for %s: the buffer was too short for %s%s", v.URL, analyzers.DurationText(x.End-x.Begin), v.segmentText(x.Behind), v.smoothText()),
		})
	}
	if v.Startup != nil && *v.Startup >= slowStart {
		s.findings.Add(analyzers.Finding{
			Severity: analyzers.Warn, Weight: v.Startup.Std().Seconds(), Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s showed its first picture after %s", v.URL, analyzers.DurationText(*v.Startup)),
		})
	}
}

// segmentText is "segment 6 (high, 30 kB at 120 kb/s)".
func (v *Value) segmentText(number int64) string {
	for i := range v.Segments {
		if x := &v.Segments[i]; x.Number == number && x.Throughput > 0 {
			return fmt.Sprintf("segment %d (%s, %s at %s)", number, x.Representation, analyzers.BytesText(x.Bytes), analyzers.RateText(x.Throughput))
		}
	}
	return fmt.Sprintf("segment %d", number)
}

func (v *Value) smoothText() string {
	if v.Smooth == "" {
		return "; no representation would have played without a stall"
	}
	return "; " + v.Smooth + " would have played without a stall"
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "Films over HTTP",
		Columns: []analyzers.Column{{Name: "film"}, {Name: "player"}, {Name: "segments", Right: true}, {Name: "bytes", Right: true}, {Name: "throughput", Right: true},
			{Name: "ladder"}, {Name: "start-up", Right: true}, {Name: "stalls", Right: true}, {Name: "stood still", Right: true}, {Name: "switches", Right: true}, {Name: "smooth at"}, {Name: "filter"}},
	}
	if s.films == 0 {
		out.Lead = "No film over DASH or HLS was captured in clear."
		return out
	}
	out.Lead = fmt.Sprintf("%s, %s, %s", analyzers.CountOf(int64(s.films), "film"), analyzers.CountOf(int64(s.segments), "segment"), analyzers.BytesText(s.bytes))
	if s.stalls > 0 {
		out.Lead += fmt.Sprintf("; %s, %s in all", analyzers.CountOf(int64(s.stalls), "stall"), analyzers.DurationText(s.stalled))
	}
	out.Brief = out.Lead
	out.Lead += "."
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		v := l.Value
		url, start, stalls, stood := cmp.Or(v.URL, "unknown"), "undecided", "undecided", "undecided"
		if v.Startup != nil {
			start, stalls, stood = analyzers.DurationText(*v.Startup), strconv.Itoa(len(v.Stalls)), analyzers.DurationText(*v.StallTime)
		}
		out.Rows = append(out.Rows, []string{url, v.Player, strconv.Itoa(v.Fetched), analyzers.BytesText(v.Bytes), analyzers.RateText(v.Throughput),
			v.ladderText(), start, stalls, stood, strconv.Itoa(len(v.Switches)), cmp.Or(v.Smooth, "–"), v.Filter})
	}
	out.More = s.rows.Count() - n
	out.Findings = slices.Clone(s.findings.Kept())
	return out
}

// ladderText is "low×5 mid×2 high×7", of those that were fetched.
func (v *Value) ladderText() string {
	var parts []string
	for _, l := range v.Ladder {
		if l.Fetched > 0 {
			parts = append(parts, l.ID+"×"+strconv.Itoa(l.Fetched))
		}
	}
	return strings.Join(parts, " ")
}
