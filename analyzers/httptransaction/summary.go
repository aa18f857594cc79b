package httptransaction

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

// slowWait: a person notices that nothing happens for a second.
const slowWait = events.Duration(time.Second)

const (
	shownRows = 10
	keptRows  = 1000
	exact     = 1024 // waits kept exactly for the sentence at the top
)

// line is what is kept of a row.
type line struct {
	*Transaction
	key  string
	cost events.Duration // total, or as much as is known of it
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), slices.Compare(a.Frames, b.Frames), strings.Compare(a.key, b.key), cmp.Compare(a.Number, b.Number))
}

// fault is one kind of finding: how often, and its worst rows.
type fault struct {
	count int
	cost  events.Duration
	worst *analyzers.Top[line]
}

func (f *fault) add(l line) {
	if f.worst == nil {
		f.worst = analyzers.NewTop(analyzers.MaxFrames, compareLines)
	}
	f.count++
	f.cost += l.cost
	f.worst.Add(l)
}

type summary struct {
	rows  *analyzers.Top[line]
	waits analyzers.Sketch

	requests, complete int
	bytes              int64

	unanswered, broken, serverError, clientError, slow, undecided fault
}

func newSummary() *summary { return &summary{rows: analyzers.NewTop(keptRows, compareLines)} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Transaction)
	if !ok {
		return
	}
	l := line{Transaction: v, key: r.Key}
	switch {
	case v.Total != nil:
		l.cost = *v.Total
	case v.Phases.Wait != nil:
		l.cost = *v.Phases.Wait
	}
	s.requests++
	s.bytes += v.ResponseWireBytes
	s.rows.Add(l)
	switch v.Outcome {
	case Complete:
		s.complete++
	case Unanswered:
		s.unanswered.add(l)
	case Incomplete:
		s.broken.add(l)
	case Undecided:
		s.undecided.add(l)
	}
	if w := v.Phases.Wait; w != nil {
		s.waits.Add(int64(*w), exact)
		if *w > slowWait {
			l.cost = *w
			s.slow.add(l)
		}
	}
	switch {
	case v.Status >= 500:
		s.serverError.add(l)
	case v.Status >= 400:
		s.clientError.add(l)
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "HTTP transactions",
		Brief: s.brief(),
		Lead:  s.lead(),
		Columns: []analyzers.Column{{Name: "request"}, {Name: "status"}, {Name: "bytes", Right: true}, {Name: "connect", Right: true},
			{Name: "send", Right: true}, {Name: "blocked", Right: true}, {Name: "wait", Right: true}, {Name: "receive", Right: true},
			{Name: "total", Right: true}, {Name: "frame", Right: true}, {Name: "filter"}},
	}
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		v := l.Transaction
		status := v.Outcome.String()
		if v.Status != 0 {
			status = strconv.Itoa(v.Status)
			if v.Outcome != Complete {
				status += ", " + v.Outcome.String()
			}
		}
		out.Rows = append(out.Rows, []string{strings.TrimSpace(v.Method + " " + v.URL), status, analyzers.BytesText(v.ResponseWireBytes),
			text(v.Phases.Connect), text(v.Phases.Send), text(v.Phases.Blocked), text(v.Phases.Wait), text(v.Phases.Receive), text(v.Total),
			strconv.FormatUint(v.Frames[0], 10), v.Filter})
	}
	out.More = s.rows.Count() - n
	out.Findings = s.findings()
	return out
}

func text(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}

func count(n int) string { return analyzers.CountText(int64(n)) }

// brief are the main figures, "" where no request was captured.
func (s *summary) brief() string {
	if s.requests == 0 {
		return ""
	}
	text := fmt.Sprintf("%s of %s requests complete", count(s.complete), count(s.requests))
	if s.waits.Count() > 0 {
		text += fmt.Sprintf(", first byte after %s (median)", analyzers.DurationText(events.Duration(s.waits.Median())))
	}
	return text
}

func (s *summary) lead() string {
	if s.requests == 0 {
		return "No HTTP request was captured in clear."
	}
	t := fmt.Sprintf("%s of %s HTTP requests complete, %s of bodies", count(s.complete), count(s.requests), analyzers.BytesText(s.bytes))
	if s.waits.Count() > 0 {
		t += fmt.Sprintf("; first byte after %s (median), %s (p95)", analyzers.DurationText(events.Duration(s.waits.Median())), analyzers.DurationText(events.Duration(s.waits.Percentile(95))))
	}
	return t + "."
}

func (s *summary) findings() []analyzers.Finding {
	var out []analyzers.Finding
	add := func(f *fault, sev analyzers.Severity, text func(line) string) {
		if f.count == 0 {
			return
		}
		w := f.worst.Kept()
		fd := analyzers.Finding{Severity: sev, Weight: float64(f.cost) / 1e9, Text: text(w[0]), Filter: w[0].Filter}
		for _, l := range w {
			fd.Frames = append(fd.Frames, l.Frames[0])
		}
		out = append(out, fd)
	}
	add(&s.unanswered, analyzers.Bad, func(w line) string {
		return fmt.Sprintf("%s of %s HTTP requests got no response; one: %s %s, %s", count(s.unanswered.count), count(s.requests), w.Method, w.URL, w.Reason)
	})
	add(&s.serverError, analyzers.Bad, func(w line) string {
		return fmt.Sprintf("%s ended in a server error; slowest: %s %s, status %d", analyzers.CountOf(int64(s.serverError.count), "HTTP request"), w.Method, w.URL, w.Status)
	})
	add(&s.broken, analyzers.Warn, func(w line) string {
		return fmt.Sprintf("%s HTTP responses are not whole; one: %s %s, %s", count(s.broken.count), w.Method, w.URL, w.Reason)
	})
	add(&s.slow, analyzers.Warn, func(w line) string {
		return fmt.Sprintf("%s of %s HTTP requests waited more than %s for their first byte; longest: %s %s, %s", count(s.slow.count), count(s.requests), analyzers.DurationText(slowWait), w.Method, w.URL, analyzers.DurationText(w.cost))
	})
	add(&s.clientError, analyzers.Note, func(w line) string {
		return fmt.Sprintf("%s HTTP requests were refused (4xx); slowest: %s %s, status %d", count(s.clientError.count), w.Method, w.URL, w.Status)
	})
	add(&s.undecided, analyzers.Note, func(w line) string {
		what := w.Method + " " + w.URL
		if w.Method == "" {
			what = "a response to " + w.Client
		}
		return fmt.Sprintf("%s HTTP transactions are undecided; one: %s, %s", count(s.undecided.count), what, w.Reason)
	})
	slices.SortFunc(out, analyzers.CompareFindings)
	return out
}
