package loss_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/loss"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

func mark(k events.Kind, why string, bytes int64) *events.TCPSegment {
	return &events.TCPSegment{Mark: k, Why: why, Bytes: bytes}
}

func timeout(bytes int64, after time.Duration) *events.TCPSegment {
	return &events.TCPSegment{Mark: events.KindTCPRetransmission, Why: "timeout", Bytes: bytes, After: events.Duration(after)}
}

// A server sends 100 kB in 10 s. One segment is lost, sent again at once, lost
// again and repeated twice by time-out; one comes late; one is sent for nothing.
func TestDownload(t *testing.T) {
	f := foldtest.TCP(12, "10.0.0.1:49152", "10.0.0.2:80")
	rows := foldtest.Rows(t, loss.Question,
		f.Server(10, 1000*ms, mark(events.KindTCPLost, "", 1460)),
		f.Client(11, 1001*ms, mark(events.KindTCPDuplicateACK, "", 0)),
		f.Client(12, 1002*ms, mark(events.KindTCPDuplicateACK, "", 0)),
		f.Server(13, 1010*ms, mark(events.KindTCPRetransmission, "fast", 1460)),
		f.Server(14, 2000*ms, timeout(1460, 1000*ms)), // silent from 1.0 s to 2.0 s
		f.Server(15, 4000*ms, timeout(1460, 3000*ms)), // and on to 4.0 s
		f.Server(16, 4100*ms, mark(events.KindTCPOutOfOrder, "", 1000)),
		f.Server(17, 4200*ms, mark(events.KindTCPRetransmission, "spurious", 500)),
		f.Client(18, 4300*ms, mark(events.KindTCPZeroWindow, "window", 0)),
		f.Server(19, 4400*ms, mark(events.KindTCPZeroWindow, "probe", 1)),
		f.Server(20, 5000*ms, &events.FlowGap{Reason: "acked", Bytes: 700}),
		f.Server(21, 6000*ms, &events.FlowGap{Reason: "end", Bytes: 300}),
		f.Server(22, 6000*ms, &events.FlowGap{Reason: "snaplen", Bytes: 9000}),
		f.Client(30, 10*time.Second, &events.FlowEnd{Why: events.EndFIN, ClientPackets: 50, ClientBytes: 400, ServerPackets: 80, ServerBytes: 100_000,
			FirstFrame: 1, LastFrame: 30, Duration: events.Duration(10 * time.Second)}),
	)
	want := loss.Value{
		Side: "server", Client: "10.0.0.1:49152", Server: "10.0.0.2:80",
		Packets: 80, Bytes: 100_000, Goodput: 100_000 - 3*1460 - 500, Rate: 10_000, GoodputRate: 9512,
		Duration:      events.Duration(10 * time.Second),
		Retransmitted: loss.Tally{Segments: 4, Bytes: 3*1460 + 500},
		Fast:          loss.Tally{Segments: 1, Bytes: 1460}, Timeout: loss.Tally{Segments: 2, Bytes: 2920}, Spurious: loss.Tally{Segments: 1, Bytes: 500},
		TimeoutWait: events.Duration(3 * time.Second), // 1.0 s to 4.0 s, once
		Share:       0.0488,
		OutOfOrder:  loss.Tally{Segments: 1, Bytes: 1000}, Holes: loss.Tally{Segments: 1, Bytes: 1460},
		NeverSeen: loss.Tally{Segments: 2, Bytes: 1000}, Acknowledged: 700,
		Frames: []uint64{10, 13, 14, 15, 16, 17, 19, 20},
		Filter: "tcp.stream eq 12 && ip.src == 10.0.0.2 && tcp.srcport == 80 && (tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.spurious_retransmission || tcp.analysis.out_of_order || tcp.analysis.lost_segment)",
	}
	if d := cmp.Diff(want, foldtest.Value[loss.Value](t, rows, "tcp:12 server")); d != "" {
		t.Error(d)
	}
	c := foldtest.Value[loss.Value](t, rows, "tcp:12 client")
	if c.DuplicateACKs != 2 || c.ZeroWindows != 1 || c.Bytes != 400 || c.Goodput != 400 || c.Retransmitted.Segments != 0 {
		t.Errorf("%+v", c)
	}

	s := loss.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(false)
	if len(got.Findings) != 2 || got.Findings[0].Text != "tcp:12 server: 2 time-outs, 3.00 s lost waiting for them, 4 segments sent again (4.9 % of its bytes)" ||
		!strings.Contains(got.Findings[1].Text, "zero window") {
		t.Errorf("%+v", got.Findings)
	}
	for _, r := range got.Rows {
		if len(r) != len(got.Columns) {
			t.Errorf("%d cells for %d columns", len(r), len(got.Columns))
		}
	}
}

// A flow without payload or mark is nobody's loss: a port scan has no rows.
func TestRowsOnlyWhereThereIsSomething(t *testing.T) {
	f, u := foldtest.TCP(1, "10.0.0.1:1", "10.0.0.2:2"), foldtest.UDP(1, "10.0.0.1:1", "10.0.0.2:53")
	rows := foldtest.Rows(t, loss.Question,
		f.Client(2, 0, &events.FlowEnd{Why: events.EndReset, ClientPackets: 1, ServerPackets: 1, FirstFrame: 1, LastFrame: 2}),
		u.Client(3, 0, &events.FlowEnd{Why: events.EndIdle, ClientPackets: 1, ClientBytes: 100, FirstFrame: 3, LastFrame: 3}))
	if len(rows) != 0 {
		t.Fatal(rows)
	}
}

// A repeated SYN has no payload, yet it is a loss.
func TestRepeatedSYN(t *testing.T) {
	f := foldtest.TCP(1, "10.0.0.1:1", "10.0.0.2:2")
	rows := foldtest.Rows(t, loss.Question,
		f.Client(2, time.Second, timeout(0, time.Second)),
		f.Client(3, 3*time.Second, timeout(0, 3*time.Second)),
		f.Client(3, 3*time.Second, &events.FlowEnd{Why: events.EndCaptureOver, ClientPackets: 3, FirstFrame: 1, LastFrame: 3, Duration: events.Duration(3 * time.Second)}))
	v := foldtest.Value[loss.Value](t, rows, "tcp:1 client")
	if v.Timeout.Segments != 2 || v.TimeoutWait != events.Duration(3*time.Second) || len(rows) != 1 {
		t.Errorf("%+v", v)
	}
}

func TestNoEnd(t *testing.T) {
	f := foldtest.TCP(1, "10.0.0.1:1", "10.0.0.2:2")
	rows := foldtest.Rows(t, loss.Question, f.Client(2, time.Second, mark(events.KindTCPRetransmission, "fast", 100)))
	if v := foldtest.Value[loss.Value](t, rows, "tcp:1 client"); !v.Incomplete || v.Goodput != 0 {
		t.Errorf("%+v", v)
	}
}

// What the capture lacks is one finding, however many flows it lacks it of.
func TestMissingPacketsAreOneFinding(t *testing.T) {
	s := loss.Question.Summary()
	for i, n := range []int64{1000, 3000, 2000} {
		s.Add(&analyzers.Row{Analysis: "loss", Key: fmt.Sprintf("tcp:%d server", i), Value: loss.Value{
			NeverSeen: loss.Tally{Segments: 1, Bytes: n}, Acknowledged: n, Frames: []uint64{uint64(10 + i), 99}, Filter: "tcp.stream eq 1",
		}})
	}
	got := s.Section(false).Findings
	want := "the capture is missing packets: 6.00 kB on 3 sides of flows were received but are not in it; most of tcp:1 server"
	if len(got) != 1 || got[0].Text != want || !slices.Equal(got[0].Frames, []uint64{11, 12, 10}) {
		t.Errorf("%+v", got)
	}
}
