package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func sections(rows int) []analyzers.Section {
	var out []analyzers.Section
	for _, title := range []string{"DNS", "HTTP", "RTT"} {
		s := analyzers.Section{
			Title: title, Lead: "12 of them.",
			Columns: []analyzers.Column{{Name: "who"}, {Name: "count", Right: true}},
		}
		for i := range rows {
			s.Rows = append(s.Rows, []string{fmt.Sprintf("10.0.0.%d → 世界", i), fmt.Sprint(i * 100)})
		}
		out = append(out, s)
	}
	out[0].Findings = []analyzers.Finding{
		{Severity: analyzers.Note, Text: "just so"},
		{Severity: analyzers.Bad, Weight: 1, Text: "3 queries were never answered", Frames: []uint64{3, 9}, Filter: "dns.id == 1"},
	}
	out[1].Findings = []analyzers.Finding{{Severity: analyzers.Bad, Weight: 9, Text: "evil \x1b[2J", Frames: []uint64{1}}}
	return out
}

func theCapture() *Capture {
	return &Capture{
		Name: "a.pcap", Packets: 1234, Bytes: 5e6, First: events.TimeOf(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)),
		Last: events.TimeOf(time.Date(2026, 11, 21, 10, 0, 2, 0, time.UTC)), Wall: 10 * time.Millisecond, NotIP: 7,
	}
}

func TestText(t *testing.T) {
	var cov Coverage
	end := event("tcp", &events.FlowEnd{Why: events.EndFIN, Protocol: "tls", Encrypted: true, ClientBytes: 500, ServerBytes: 1500})
	cov.Event(end)
	end.Body = &events.FlowEnd{Why: events.EndFIN, ClientBytes: 50}
	cov.Event(end)
	end.Body = &events.FlowEnd{Why: events.EndFIN, Protocol: "http1", ClientBytes: 50}
	cov.Event(end)
	cov.Event(event("tcp", &events.FlowGap{Reason: "acked", Bytes: 1460}))
	cov.Event(event("tcp", &events.FlowLimit{Limit: "flows", Value: 1}))
	cov.Event(event("tcp/http1", &events.FlowViolation{Protocol: "http1", Reason: "bad"}))
	if !cov.Row(&analyzers.Row{Analysis: "limit", Key: "rtt", Value: analyzers.LimitReached{Limit: "fold-keys", Count: 7}}) {
		t.Error("a limit of a question is not taken")
	}
	cov.Event(event("tcp", &events.FlowDetected{Protocol: "http1", Roles: "guessed"}))

	var b bytes.Buffer
	if err := Text(&b, theCapture(), &cov, sections(2), Options{Height: 100}); err != nil {
		t.Fatal(err)
	}
	want := `a.pcap  1,234 packets, 5.00 MB, 2.00 s from 2026-11-21 10:00:00 UTC

Findings
  bad   evil \x1b[2J
        frame 1
  bad   3 queries were never answered
        frames 3, 9   dns.id == 1
  note  just so

DNS  12 of them.
  who              count
  10.0.0.0 → 世界      0
  10.0.0.1 → 世界    100

HTTP  12 of them.
  who              count
  10.0.0.0 → 世界      0
  10.0.0.1 → 世界    100

RTT  12 of them.
  who              count
  10.0.0.0 → 世界      0
  10.0.0.1 → 世界    100

Not decoded
  encrypted       1 flow, 2.00 kB: tls ×1
  unknown         1 flow, 50 B: tcp/80 ×1
  never captured  1.46 kB in 1 gap (found by: acked ×1)
  limits          2 limits reached: flows ×1, fold-keys of rtt ×1 (raise with --limits)
  malformed       1 violation of a protocol: http1 ×1 (decode --only flow.violation)
  packets         7 not IP
  roles guessed   1 flow joined midway: who is the client was decided by content or port
1,234 packets, 5.00 MB in 10.0 ms: 123,400 packets/s, 500 MB/s
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTextOfNothing(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, &Capture{Name: "empty.pcap", Interrupted: true}, &Coverage{}, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `empty.pcap  0 packets, 0 B

Findings  none

Not decoded  nothing: every flow was recognised and read to its end
0 packets, 0 B in 0 s
interrupted: this report covers what was read so far
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTextFitsTheScreen(t *testing.T) {
	for _, h := range []int{0, 24, 40, 60} {
		for _, w := range []int{20, 80, 132} {
			for _, rows := range []int{0, 1, 3, 50} {
				for _, more := range []int{0, 30} {
					s := sections(rows)
					for i := range s {
						s[i].Area = analyzers.Area(i * (h % 3)) // sometimes one area, sometimes three
						s[i].Brief = "as much as can be said of it in a line"
					}
					for i := range more {
						s[2].Findings = append(s[2].Findings, analyzers.Finding{Severity: analyzers.Warn, Text: fmt.Sprint("finding ", i), Filter: "tcp"})
					}
					var b bytes.Buffer
					if err := Text(&b, theCapture(), &Coverage{}, s, Options{Height: h, Width: w}); err != nil {
						t.Fatal(err)
					}
					lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
					high := h
					if h == 0 {
						high = 40
					}
					used := 0
					for _, l := range lines {
						used += 1 + max(width(l)-1, 0)/w
						// A filter is not cut, so that it can be copied.
						if width(l) > w && !strings.Contains(l, "dns.id") {
							t.Errorf("width %d: %q", w, l)
						}
					}
					if used > high {
						t.Errorf("width %d, height %d, %d rows, %d findings: %d lines\n%s", w, h, rows, more, used, b.String())
					}
				}
			}
		}
	}
}

// Where there is room for one table only, it is that of the worst finding.
func TestTableOfTheWorstFindingIsShown(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, theCapture(), &Coverage{}, sections(3), Options{Height: 23}); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); strings.Count(out, "who ") != 1 || !strings.Contains(out, "HTTP  12 of them.\n  who ") {
		t.Error(out)
	}
}

func TestTextFull(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, theCapture(), &Coverage{}, sections(200), Options{Height: 24, Full: true}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n  10.0.0."); n != 600 {
		t.Errorf("%d rows of 600", n)
	}
}

func TestTextColor(t *testing.T) {
	var with, without bytes.Buffer
	_ = Text(&with, theCapture(), &Coverage{}, sections(2), Options{Color: true})
	_ = Text(&without, theCapture(), &Coverage{}, sections(2), Options{})
	if strings.Contains(without.String(), "\x1b") {
		t.Error("color was not asked for")
	}
	plain := with.String()
	for _, s := range []style{bold, dim, red, green, yellow, cyan, reset} {
		plain = strings.ReplaceAll(plain, string(s), "")
	}
	if diff := cmp.Diff(without.String(), plain); diff != "" {
		t.Error(diff)
	}
}

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	m := NewMessages(&b, false, 0)
	m.Start(0)
	q := event("udp/dns", &events.DNSMessage{ID: 0x1a2b, Opcode: "QUERY", Question: []events.DNSQuestion{{Name: "example.com.", Type: "A"}}})
	q.Pos.Frame, q.Time, q.Stream, q.Flow.Proto, q.Flow.ServerPort = 1, 123456, 0, events.ProtoUDP, 53
	r := event("tcp/http1", &events.HTTPResponse{Status: 200, Reason: "O\x1bK"})
	r.From, r.Truncated = events.FromServer, true
	l := &events.Event{Pos: events.Pos{Frame: 11}, Time: 12e9, Body: &events.FlowLimit{Limit: "fragments", Value: 3, Reason: "oldest given up"}}
	for _, e := range []*events.Event{q, r, l} {
		if err := m.Event(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	want := ` 1   0.000123  udp:0  10.0.0.1:4242 → 10.0.0.2:53  dns    query A example.com. (id 0x1a2b)
10   1.000000  tcp:5  10.0.0.1:4242 ← 10.0.0.2:80  http1  200 O\x1bK [cut off]
11  12.000000                                             limit fragments=3 reached: oldest given up
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestMessagesAreCutToTheScreen(t *testing.T) {
	var b bytes.Buffer
	m := NewMessages(&b, false, 80)
	for range 500 {
		_ = m.Event(event("tcp/http1", &events.HTTPRequest{Method: "GET", Target: "/" + strings.Repeat("世x", 100), Host: "h", Version: "1.1"}))
	}
	_ = m.Flush()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 500 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if w := width(l); w > 80 || w < 79 {
			t.Fatalf("%d columns: %q", w, l)
		}
	}
}

func TestRowLines(t *testing.T) {
	type value struct {
		RTT events.Duration `json:"rtt"`
		Why string          `json:"why,omitzero"`
	}
	var b bytes.Buffer
	l := NewRowLines(&b)
	_ = l.Row(&analyzers.Row{Analysis: "rtt", Key: "tcp:5 server", Frame: 34, Time: 1, Value: &value{RTT: 1500000}})
	_ = l.Row(&analyzers.Row{Analysis: "rtt", Key: "x", Frame: 35, Time: 2, Value: value{Why: "y"}})
	_ = l.Flush()
	want := `{"analysis":"rtt","key":"tcp:5 server","frame":34,"time":"1970-01-01T00:00:00.000000001Z","value":{"rtt":0.0015}}
{"analysis":"rtt","key":"x","frame":35,"time":"1970-01-01T00:00:00.000000002Z","value":{"rtt":0,"why":"y"}}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestEventLines(t *testing.T) {
	var b bytes.Buffer
	l := NewEventLines(&b)
	for range 1000 {
		if err := l.Event(event("tcp/http1", &events.HTTPRequest{Method: "GET"})); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() == 0 {
		t.Error("nothing was written before the end")
	}
	_ = l.Flush()
	if n := bytes.Count(b.Bytes(), []byte("\n")); n != 1000 {
		t.Errorf("%d lines", n)
	}
}

// The names of a tally are bounded.
func TestCoverageIsBounded(t *testing.T) {
	var c Coverage
	for i := range 10 * maxNames {
		e := event("tcp", &events.FlowEnd{Why: events.EndFIN, ClientBytes: 1})
		e.Flow.ServerPort = uint16(i)
		c.Event(e)
	}
	if n := len(c.unknown.names); n > maxNames+1 {
		t.Errorf("%d names", n)
	}
	if c.unknown.n != 10*maxNames {
		t.Errorf("%d counted", c.unknown.n)
	}
}
