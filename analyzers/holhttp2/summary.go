package holhttp2

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/hol.http2.md gives the reasons.
const (
	warnWaited = events.Duration(100 * time.Millisecond)
	badWaited  = events.Duration(time.Second)
)

const (
	shownRows    = 10
	keptRows     = 1000
	shownStreams = 6
)

type row struct {
	key  string
	cost events.Duration // what it is ranked by
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.cost, a.cost), cmp.Compare(a.Value.Stream, b.Value.Stream), cmp.Compare(a.FirstFrame, b.FirstFrame),
		cmp.Compare(a.HTTPStream, b.HTTPStream), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
}

type summary struct {
	streams                          *analyzers.Top[row]
	lost, ordered, controlled, early *analyzers.Top[row]
	waited                           [4]events.Duration // order, flow control, loss, HPACK
	undecided                        int64
	example                          row
}

func newSummary() *summary {
	top := func(n int) *analyzers.Top[row] { return analyzers.NewTop(n, compareRows) }
	return &summary{streams: top(keptRows), lost: top(shownRows), ordered: top(shownRows), controlled: top(shownRows), early: top(shownRows)}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	switch v.What {
	case Stream:
		s.streams.Add(row{r.Key, v.Waited, v})
		s.waited[0] += v.ServerOrder
		s.waited[1] += v.FlowControl
		s.waited[2] += value(v.TCPLoss)
		s.waited[3] += value(v.HPACK)
		offer(s.ordered, r.Key, v, v.ServerOrder)
		offer(s.controlled, r.Key, v, v.FlowControl)
	case Period:
		offer(s.lost, r.Key, v, value(v.TCPLoss))
		if v.Saved != nil {
			offer(s.early, r.Key, v, *v.Saved)
		}
	case Connection:
		s.undecided++
		if x := (row{key: r.Key, Value: v}); s.example.Value == nil || compareRows(x, s.example) < 0 {
			s.example = x
		}
	}
}

func offer(t *analyzers.Top[row], key string, v *Value, cost events.Duration) {
	if cost >= warnWaited {
		t.Add(row{key, cost, v})
	}
}

func value(d *events.Duration) events.Duration {
	if d == nil {
		return 0
	}
	return *d
}

func text(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}

func (s *summary) Section(full bool) analyzers.Section {
	d := analyzers.DurationText
	out := analyzers.Section{
		Title: "Head-of-line blocking in HTTP/2",
		Columns: []analyzers.Column{{Name: "stream"}, {Name: "bytes", Right: true}, {Name: "took", Right: true}, {Name: "waited", Right: true},
			{Name: "TCP loss", Right: true}, {Name: "HPACK", Right: true}, {Name: "server order", Right: true}, {Name: "flow control", Right: true},
			{Name: "interleaving", Right: true}, {Name: "saved", Right: true}, {Name: "filter"}},
		Findings: s.findings(),
	}
	if n := s.streams.Count(); n > 0 {
		out.Brief = fmt.Sprintf("%s shared connections (HTTP/2)", analyzers.CountOf(int64(n), "response"))
		out.Lead = fmt.Sprintf("%s of HTTP/2 shared a connection with others; waits: %s by the server's order, %s by flow control, %s by TCP losses of others, %s by HPACK",
			analyzers.CountOf(int64(n), "response"), d(s.waited[0]), d(s.waited[1]), d(s.waited[2]), d(s.waited[3]))
	} else {
		out.Lead = "No two responses of HTTP/2 were seen under way together on a connection"
	}
	if s.undecided > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountOf(s.undecided, "connection"))
	}
	out.Lead += "."
	kept := s.streams.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		out.Rows = append(out.Rows, []string{r.key, analyzers.BytesText(r.Bytes), d(r.Duration), d(r.Waited), text(r.TCPLoss), text(r.HPACK),
			d(r.ServerOrder), d(r.FlowControl), strconv.FormatFloat(r.Interleaving, 'f', 2, 64), text(r.Saved), r.Filter})
	}
	out.More = s.streams.Count() - len(kept)
	return out
}

func (s *summary) findings() []analyzers.Finding {
	d := analyzers.DurationText
	var out []analyzers.Finding
	add := func(t *analyzers.Top[row], worst analyzers.Severity, say func(row) string) {
		for _, r := range t.Kept() {
			f := analyzers.Finding{Severity: min(worst, analyzers.Warn), Weight: r.cost.Std().Seconds(), Text: say(r), Frames: r.Frames, Filter: r.Filter}
			if r.cost >= badWaited {
				f.Severity = worst
			}
			out = append(out, f)
		}
	}
	add(s.lost, analyzers.Bad, func(r row) string {
		return fmt.Sprintf("streams %s of HTTP/2 on stream %d waited %s for lost bytes of each other: TCP's order; with streams of QUIC they would not have", numbers(r.Streams, r.Count), r.Value.Stream, d(r.cost))
	})
	add(s.controlled, analyzers.Bad, func(r row) string {
		return fmt.Sprintf("%s (stream %d of HTTP/2 on stream %d) waited %s for a window: flow control", r.name(), r.HTTPStream, r.Value.Stream, d(r.cost))
	})
	add(s.ordered, analyzers.Note, func(r row) string {
		t := fmt.Sprintf("%s (stream %d of HTTP/2 on stream %d) waited %s while others were sent: the server's order", r.name(), r.HTTPStream, r.Value.Stream, d(r.cost))
		if len(r.Behind) > 0 && r.Behind[0].Target != "" {
			t += ", most for " + r.Behind[0].Target
		}
		return t
	})
	add(s.early, analyzers.Note, func(r row) string {
		return fmt.Sprintf("taking turns, %s of %s on stream %d were whole earlier than one after the other: %s in all", analyzers.CountText(int64(r.Early)), analyzers.CountOf(int64(r.Count), "response"), r.Value.Stream, d(r.cost))
	})
	if s.undecided > 0 {
		out = append(out, analyzers.Finding{Severity: analyzers.Note, Frames: s.example.Frames, Filter: s.example.Filter,
			Text: fmt.Sprintf("whether streams of HTTP/2 waited is undecided on %s; one: %s, %s", analyzers.CountOf(s.undecided, "connection"), s.example.key, s.example.Undecided)})
	}
	return out
}

func numbers(ids []uint64, all uint32) string {
	var b strings.Builder
	n := min(len(ids), shownStreams)
	for i, id := range ids[:n] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatUint(id, 10))
	}
	if more := int(all) - n; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
