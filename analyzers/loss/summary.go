package loss

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/loss.md gives the reasons.
const (
	badShare     = 0.03 // of the bytes sent
	warnShare    = 0.01
	fewest       = 5 // retransmitted segments below which a share means nothing
	warnTimeouts = 3
	badWait      = events.Duration(time.Second)
)

const (
	shownRows = 10
	keptRows  = 1000
)

type line struct {
	key string
	Value
}

type summary struct {
	rows          *analyzers.Top[line]
	findings      *analyzers.Top[analyzers.Finding]
	missed        *analyzers.Top[line] // sides whose bytes the capture lacks, and nothing worse
	missedBytes   int64
	sides         int
	bytes         int64
	retransmitted Tally
	timeouts      uint64
	never, acked  int64
	reordered     uint64
}

func newSummary() *summary {
	return &summary{
		rows: analyzers.NewTop(keptRows, func(a, b line) int {
			return cmp.Or(cmp.Compare(b.TimeoutWait, a.TimeoutWait), cmp.Compare(b.Retransmitted.Bytes, a.Retransmitted.Bytes),
				cmp.Compare(b.Retransmitted.Segments, a.Retransmitted.Segments), cmp.Compare(b.NeverSeen.Bytes, a.NeverSeen.Bytes),
				cmp.Compare(b.OutOfOrder.Segments, a.OutOfOrder.Segments), cmp.Compare(b.ZeroWindows, a.ZeroWindows),
				cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
		}),
		findings: analyzers.NewTop(shownRows, analyzers.CompareFindings),
		missed: analyzers.NewTop(analyzers.MaxFrames, func(a, b line) int {
			return cmp.Or(cmp.Compare(b.Acknowledged, a.Acknowledged), cmp.Compare(a.key, b.key), cmp.Compare(a.Filter, b.Filter))
		}),
	}
}

func (v *Value) clean() bool {
	return v.Retransmitted.Segments == 0 && v.OutOfOrder.Segments == 0 && v.NeverSeen.Segments == 0 && v.ZeroWindows == 0 && v.Holes.Segments == 0
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(Value)
	if !ok {
		return
	}
	s.sides++
	s.bytes += v.Bytes
	s.retransmitted.Segments += v.Retransmitted.Segments
	s.retransmitted.Bytes += v.Retransmitted.Bytes
	s.timeouts += v.Timeout.Segments
	s.never += v.NeverSeen.Bytes
	s.acked += v.Acknowledged
	s.reordered += v.OutOfOrder.Segments
	if v.clean() {
		return
	}
	s.rows.Add(line{r.Key, v})
	s.judge(r.Key, &v)
}

// judge makes at most one finding of a side: its worst.
func (s *summary) judge(key string, v *Value) {
	f := analyzers.Finding{Frames: v.Frames, Filter: v.Filter, Weight: v.TimeoutWait.Std().Seconds()}
	again := v.Retransmitted.Segments
	switch {
	case v.TimeoutWait >= badWait || again >= fewest && v.Share >= badShare:
		f.Severity = analyzers.Bad
	case v.Timeout.Segments >= warnTimeouts || again >= fewest && v.Share >= warnShare || v.ZeroWindows > 0:
		f.Severity = analyzers.Warn
	case v.Acknowledged > 0:
		s.missed.Add(line{key, *v})
		s.missedBytes += v.Acknowledged
		return
	default:
		return
	}
	var parts []string
	if n := v.Timeout.Segments; n > 0 {
		p := plural(n, "time-out")
		if v.TimeoutWait > 0 {
			p += ", " + analyzers.DurationText(v.TimeoutWait) + " lost waiting for them"
		}
		parts = append(parts, p)
	}
	if again > 0 {
		p := plural(again, "segment") + " sent again"
		if v.Bytes > 0 {
			p += fmt.Sprintf(" (%s of its bytes)", analyzers.PercentText(v.Retransmitted.Bytes, v.Bytes))
		}
		parts = append(parts, p)
	}
	if v.ZeroWindows > 0 {
		parts = append(parts, plural(v.ZeroWindows, "time")+" it could take no more data (zero window)")
	}
	f.Text = key + ": " + strings.Join(parts, ", ")
	s.findings.Add(f)
}

// lacking is the finding that the capture lacks packets: one for all flows.
func (s *summary) lacking() []analyzers.Finding {
	kept := s.missed.Kept()
	if len(kept) == 0 {
		return nil
	}
	f := analyzers.Finding{
		Text:   fmt.Sprintf("%s: %s were received but are not in the capture: it is missing packets", kept[0].key, analyzers.BytesText(s.missedBytes)),
		Frames: kept[0].Frames, Filter: kept[0].Filter,
	}
	if n := s.missed.Count(); n > 1 {
		f.Text = fmt.Sprintf("the capture is missing packets: %s on %d sides of flows were received but are not in it; most of %s", analyzers.BytesText(s.missedBytes), n, kept[0].key)
		f.Filter, f.Frames = "tcp.analysis.lost_segment", nil
		for _, l := range kept {
			f.Frames = append(f.Frames, l.Frames[:min(len(l.Frames), 1)]...)
		}
	}
	return []analyzers.Finding{f}
}

func plural(n uint64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return analyzers.CountText(int64(n)) + " " + word + "s"
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "Loss and retransmission",
		Columns: []analyzers.Column{{Name: "flow, side"}, {Name: "client"}, {Name: "server"}, {Name: "sent", Right: true}, {Name: "again", Right: true},
			{Name: "fast", Right: true}, {Name: "time-out", Right: true}, {Name: "spurious", Right: true}, {Name: "waited", Right: true},
			{Name: "reordered", Right: true}, {Name: "never seen", Right: true}, {Name: "goodput", Right: true}},
		Findings: append(s.findings.Kept(), s.lacking()...),
	}
	switch {
	case s.sides == 0:
		out.Lead = "No TCP payload in this capture."
		return out
	case s.retransmitted.Segments == 0 && s.reordered == 0 && s.never == 0:
		out.Brief = analyzers.BytesText(s.bytes) + " over TCP, nothing lost"
		out.Lead = fmt.Sprintf("%s over TCP, nothing sent again, nothing lost.", analyzers.BytesText(s.bytes))
	default:
		out.Brief = fmt.Sprintf("%s over TCP, %s sent again", analyzers.BytesText(s.bytes), analyzers.PercentText(s.retransmitted.Bytes, s.bytes))
		out.Lead = fmt.Sprintf("%s over TCP; %s sent again (%s of the bytes), %s; %s out of order; %s never seen",
			analyzers.BytesText(s.bytes), plural(s.retransmitted.Segments, "segment"), analyzers.PercentText(s.retransmitted.Bytes, s.bytes),
			plural(s.timeouts, "time-out"), plural(s.reordered, "segment"), analyzers.BytesText(s.never))
		if s.acked > 0 {
			out.Lead += fmt.Sprintf(", of which %s were received", analyzers.BytesText(s.acked))
		}
		out.Lead += "."
	}
	kept := s.rows.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	count := func(n uint64) string { return analyzers.CountText(int64(n)) }
	for _, l := range kept {
		wait, rate := "–", "–"
		if l.TimeoutWait > 0 {
			wait = analyzers.DurationText(l.TimeoutWait)
		}
		if l.GoodputRate > 0 {
			rate = analyzers.RateText(l.GoodputRate)
		}
		out.Rows = append(out.Rows, []string{l.key, l.Client, l.Server, analyzers.BytesText(l.Bytes), count(l.Retransmitted.Segments),
			count(l.Fast.Segments), count(l.Timeout.Segments), count(l.Spurious.Segments), wait,
			count(l.OutOfOrder.Segments), analyzers.BytesText(l.NeverSeen.Bytes), rate})
	}
	out.More = s.rows.Count() - len(kept)
	return out
}
