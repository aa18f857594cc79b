package http2push

import (
	"cmp"
	"fmt"

	"github.com/wiretale/wiretale/analyzers"
)

// warnWasted is from how many bytes on pushes in vain are worth a warning;
// docs/analyses/http2.push.md gives the reason.
const warnWasted = 10_000

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.Wasted, a.Wasted), cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.HTTPStream, b.HTTPStream),
		cmp.Compare(a.key, b.key), cmp.Compare(a.PromiseFrame, b.PromiseFrame))
}

type summary struct {
	rows      *analyzers.Top[row]
	count     map[Outcome]int64
	undecided int64
	bytes     int64
	wasted    int64
}

func newSummary() *summary {
	return &summary{rows: analyzers.NewTop(keptRows, compareRows), count: map[Outcome]int64{}}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	s.rows.Add(row{r.Key, v})
	s.bytes += v.Bytes
	s.wasted += v.Wasted
	if v.Undecided != "" {
		s.undecided++
	} else {
		s.count[v.Outcome]++
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{Title: "Pushes of HTTP/2"}
	n := int64(s.rows.Count())
	if n == 0 {
		return out
	}
	pushes := analyzers.CountOf(n, "push")
	if n != 1 {
		pushes = analyzers.CountText(n) + " pushes"
	}
	out.Brief = fmt.Sprintf("%s, %d used (HTTP/2)", pushes, s.count[Used])
	out.Lead = fmt.Sprintf("%s over HTTP/2 (%s): %d used, %d unused, %d of what the client had already; %s in vain", pushes,
		analyzers.BytesText(s.bytes), s.count[Used], s.count[Unused], s.count[Cached], analyzers.BytesText(s.wasted))
	if s.undecided > 0 {
		out.Lead += fmt.Sprintf("; %d undecided", s.undecided)
	}
	out.Lead += "."
	out.Columns = []analyzers.Column{{Name: "push"}, {Name: "outcome"}, {Name: "by"}, {Name: "bytes", Right: true}, {Name: "took", Right: true}, {Name: "filter"}}
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		outcome, by := string(r.Outcome), string(r.Evidence)
		if r.Undecided != "" {
			outcome, by = "undecided", r.Undecided
		}
		out.Rows = append(out.Rows, []string{r.key, outcome, by, analyzers.BytesText(r.Bytes), analyzers.DurationText(r.Duration), r.Filter})
	}
	out.More = s.rows.Count() - len(kept)
	out.Findings = s.findings()
	return out
}

// findings are one for each connection with pushes in vain.
func (s *summary) findings() []analyzers.Finding {
	type sum struct {
		of     row
		count  int64
		bytes  int64
		frames []uint64
	}
	var sums []*sum
	by := map[uint32]*sum{}
	for _, r := range s.rows.Kept() {
		if r.Wasted == 0 {
			continue
		}
		c := by[r.Stream]
		if c == nil {
			c = &sum{of: r}
			by[r.Stream] = c
			sums = append(sums, c)
		}
		c.count++
		c.bytes += r.Wasted
		c.frames = append(c.frames, r.PromiseFrame)
	}
	var out []analyzers.Finding
	for _, c := range sums {
		f := analyzers.Finding{Severity: analyzers.Note, Weight: float64(c.bytes) / 1e6, Frames: analyzers.Frames(c.frames...),
			Filter: fmt.Sprintf("tcp.stream eq %d && http2.type == 5", c.of.Stream)}
		if c.bytes >= warnWasted {
			f.Severity = analyzers.Warn
		}
		what := "was not used"
		if c.of.Outcome == Cached {
			what = "was already there"
		}
		f.Text = fmt.Sprintf("%s pushed %s in vain on stream %d; the largest, %s, %s", c.of.Server, analyzers.BytesText(c.bytes), c.of.Stream, c.of.URL, what)
		out = append(out, f)
	}
	return out
}
