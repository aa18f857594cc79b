package holhttp2_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/holhttp2"
	"github.com/wiretale/wiretale/events"
)

const ms = time.Millisecond

// conn is a connection of HTTP/2 made by hand: times in milliseconds, frames
// (packets) numbered as they come, windows open unless told.
type conn struct {
	evs    []*events.Event
	talk   foldtest.Talk
	layer  string
	packet uint64
	offset [2]int64
}

func newConn() *conn {
	return &conn{talk: foldtest.TCP(5, "10.0.0.1:49152", "10.0.0.2:80"), layer: "tcp/http2"}
}

func at(n int) events.Time      { return foldtest.Start.Add(dur(n)) }
func dur(n int) events.Duration { return events.Duration(time.Duration(n) * ms) }
func ptr(n int) *events.Duration {
	d := dur(n)
	return &d
}

func (c *conn) add(from events.Dir, when int, layer string, b events.Body) uint64 {
	t := c.talk.In(layer)
	say := t.Client
	if from == events.FromServer {
		say = t.Server
	}
	c.packet++
	c.evs = append(c.evs, say(c.packet, time.Duration(when)*ms, b))
	return c.packet
}

// rtt is the handshake: the server is n away, the client here.
func (c *conn) rtt(n int) *conn {
	c.add(events.FromServer, n, "tcp", &events.TCPRTT{Of: events.RTTSynAck, RTT: dur(n)})
	return c
}

func (c *conn) get(when int, stream uint64) uint64 {
	f := c.add(events.FromClient, when, c.layer, &events.HTTP2Frame{Type: "HEADERS", HTTPStream: stream, Length: 20, WindowsKnown: true})
	c.evs = append(c.evs, c.talk.In(c.layer).Client(f, time.Duration(when)*ms, &events.HTTPRequest{HTTPStream: stream, Method: "GET", Target: fmt.Sprintf("/o%d", stream)}))
	return f
}

// send is a frame of the server: size bytes with its header, its first byte at
// one time and its last at another.
func (c *conn) send(kind string, stream uint64, first, last int, size uint32, change ...func(*events.HTTP2Frame)) uint64 {
	b := &events.HTTP2Frame{Type: kind, HTTPStream: stream, Length: size - 9, FirstFrame: c.packet + 1, FirstTime: at(first),
		Offset: c.offset[1], WindowsKnown: true, StreamWindow: 1 << 20, ConnectionWindow: 1 << 20}
	for _, f := range change {
		f(b)
	}
	c.offset[1] += int64(size)
	return c.add(events.FromServer, last, c.layer, b)
}

func end(b *events.HTTP2Frame)    { b.Flags = []string{"END_STREAM"} }
func closed(b *events.HTTP2Frame) { b.StreamWindow = 0 }
func shut(b *events.HTTP2Frame)   { b.ConnectionWindow = 0 }

// data are frames of 10 kB that take 10 ms each, from a time on.
func (c *conn) data(from int, streams ...uint64) {
	for i, s := range streams {
		var last []func(*events.HTTP2Frame)
		if !slices.Contains(streams[i+1:], s) {
			last = append(last, end)
		}
		c.send("DATA", s, from+10*i, from+10*(i+1), 10_000, last...)
	}
}

func (c *conn) rows(t *testing.T) []analyzers.Row {
	t.Helper()
	c.add(events.FromClient, 5000, "tcp", &events.FlowEnd{Why: events.EndFIN, ServerPackets: 10})
	return foldtest.Rows(t, holhttp2.Question, c.evs...)
}

func of(rows []analyzers.Row, what holhttp2.What) map[uint64]*holhttp2.Value {
	out := map[uint64]*holhttp2.Value{}
	for _, r := range rows {
		if v, ok := r.Value.(*holhttp2.Value); ok && v.What == what {
			out[v.HTTPStream] = v
		}
	}
	return out
}

// The worked example of docs/analyses/hol.http2.md: O1 of 100 kB on stream 1, O2 of
// 20 kB on stream 3, asked for together, 1 MB/s, the server 20 ms away. They
// take turns by 10 kB: 1, 3, 1, 3, and then 1 is alone.
func takingTurns() *conn {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.data(120, 1, 3, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1)
	return c
}

func TestTakingTurns(t *testing.T) {
	rows := takingTurns().rows(t)
	got := of(rows, holhttp2.Stream)
	zero := ptr(0)
	want := map[uint64]*holhttp2.Value{
		1: {What: holhttp2.Stream, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 5, HTTPStream: 1, Method: "GET", Target: "/o1",
			Bytes: 100_000, Complete: true, Duration: dur(120), Before: zero, Waited: dur(20), ServerOrder: dur(20), TCPLoss: zero, HPACK: zero, OwnLoss: zero,
			Behind: []holhttp2.Behind{{HTTPStream: 3, Target: "/o3", Time: dur(20)}}, Interleaving: 1.2, FCFSWait: zero, Saved: ptr(-20), Count: 2,
			RequestFrame: 2, FirstFrame: 4, LastFrame: 15, Frames: []uint64{2, 4, 15}, Filter: "tcp.stream eq 5 && http2.streamid == 1"},
		3: {What: holhttp2.Stream, Client: "10.0.0.1:49152", Server: "10.0.0.2:80", Stream: 5, HTTPStream: 3, Method: "GET", Target: "/o3",
			Bytes: 20_000, Complete: true, Duration: dur(30), Before: ptr(10), Waited: dur(10), ServerOrder: dur(10), TCPLoss: zero, HPACK: zero, OwnLoss: zero,
			Behind: []holhttp2.Behind{{HTTPStream: 1, Target: "/o1", Time: dur(10)}}, Interleaving: 1.5, FCFSWait: ptr(90), Saved: ptr(80), Count: 2,
			RequestFrame: 3, FirstFrame: 5, LastFrame: 7, Frames: []uint64{3, 5, 7}, Filter: "tcp.stream eq 5 && http2.streamid == 3"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	p := of(rows, holhttp2.Period)[0]
	if p == nil || p.Count != 2 || p.Early != 1 || *p.Saved != dur(60) || p.Interleaving != 1.25 || p.Rate != 1e6 || len(rows) != 3 {
		t.Errorf("%+v of %q", p, foldtest.Keys(rows))
	}
}

// O₂…O₄ behind O₁, as in the books: one large and three small objects, taking
// turns by 10 kB. One after the other the small ones would be whole after 110,
// 120 and 130 ms; they are after 20, 30 and 40.
func TestThreeBehindOne(t *testing.T) {
	c := newConn().rtt(20)
	for _, s := range []uint64{1, 3, 5, 7} {
		c.get(100, s)
	}
	c.data(120, 1, 3, 5, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	got := of(c.rows(t), holhttp2.Stream)
	for s, want := range map[uint64]int{1: -30, 3: 90, 5: 90, 7: 90} {
		if v := got[s]; v == nil || v.Saved == nil || *v.Saved != dur(want) {
			t.Errorf("stream %d: %+v", s, v)
		}
	}
	if *got[7].FCFSWait != dur(120-30) || *got[7].Before != dur(30) {
		t.Errorf("%+v", got[7])
	}
}

// Stream 3 may send 10 kB only. What lets it go on passes here at 145, so that
// nothing of it can be seen before 165. Until then it is flow control, behind
// that the server's order.
func TestFlowControl(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.send("DATA", 1, 120, 130, 10_000)
	c.send("DATA", 3, 130, 140, 10_000, closed)
	c.send("DATA", 1, 140, 150, 10_000)
	c.add(events.FromClient, 145, c.layer, &events.HTTP2Frame{Type: "WINDOW_UPDATE", HTTPStream: 3, WindowIncrement: 1000, StreamWindow: 1000, WindowsKnown: true})
	c.send("DATA", 1, 150, 160, 10_000)
	c.send("DATA", 1, 160, 170, 10_000)
	c.send("DATA", 1, 170, 180, 10_000)
	c.send("DATA", 3, 180, 190, 10_000, end)
	c.send("DATA", 1, 190, 200, 10_000, end)
	v := of(c.rows(t), holhttp2.Stream)[3]
	if v == nil || v.FlowControl != dur(25) || v.ServerOrder != dur(15) || v.Waited != dur(40) {
		t.Errorf("%+v", v)
	}
}

// The window of the connection stops all streams.
func TestConnectionWindow(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.send("DATA", 3, 120, 130, 10_000)
	c.send("DATA", 1, 130, 140, 10_000, shut)
	c.add(events.FromClient, 150, c.layer, &events.HTTP2Frame{Type: "WINDOW_UPDATE", WindowIncrement: 1000, ConnectionWindow: 1000, WindowsKnown: true})
	c.send("DATA", 1, 170, 180, 10_000, end)
	c.send("DATA", 3, 180, 190, 10_000, end)
	got := of(c.rows(t), holhttp2.Stream)
	// Stream 3: 130 to 140 and 170 to 180 were 1's turns, 140 to 170 nobody's.
	if v := got[3]; v == nil || v.FlowControl != dur(30) || v.ServerOrder != dur(20) {
		t.Errorf("%+v", v)
	}
	if v := got[1]; v == nil || v.FlowControl != dur(30) || v.ServerOrder != 0 {
		t.Errorf("%+v", v)
	}
}

// The header block of stream 1 is lost. That of stream 3 arrives at 121 and
// waits until 151: even without TCP's order HPACK would have made it. Its DATA
// arrives at 131 and waits until then for TCP alone.
func TestLossAndHPACK(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	hol := func(offset, bytes int64, arrived int) {
		c.add(events.FromServer, 151, "tcp", &events.TCPHOL{Offset: offset, Bytes: bytes, Wait: dur(151 - arrived), HoleOffset: 0, HoleBytes: 100, Filled: true})
		c.packet--
	}
	hol(100, 100, 121)
	hol(200, 1000, 111) // earlier than what lies before it: the network may do that
	c.send("HEADERS", 1, 151, 151, 100)
	c.packet--
	c.send("HEADERS", 3, 121, 151, 100)
	c.packet--
	c.send("DATA", 3, 111, 151, 1000)
	c.send("DATA", 1, 160, 161, 1000, end)
	c.send("DATA", 3, 162, 163, 1000, end)
	rows := c.rows(t)
	v := of(rows, holhttp2.Stream)[3]
	if v == nil || *v.HPACK != dur(30) || *v.TCPLoss != dur(10) || *v.OwnLoss != 0 {
		t.Fatalf("%+v of %q", v, foldtest.Keys(rows))
	}
	if p := of(rows, holhttp2.Period)[0]; *p.TCPLoss != dur(40) || *p.HPACK != dur(30) {
		t.Errorf("%+v", p)
	}
}

// One stream at a time shares with nobody.
func TestAlone(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.data(120, 1, 1, 1)
	c.get(300, 3)
	c.data(320, 3, 3)
	if rows := c.rows(t); len(rows) != 0 {
		t.Errorf("%q", foldtest.Keys(rows))
	}
}

// Between frames nothing is sent: that is nobody's turn.
func TestPause(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.data(120, 1) // ends
	c.evs[len(c.evs)-1].Body.(*events.HTTP2Frame).Flags = nil
	c.send("DATA", 3, 130, 140, 10_000)
	c.send("DATA", 1, 1140, 1150, 10_000, end)
	c.send("DATA", 3, 1150, 1160, 10_000, end)
	v := of(c.rows(t), holhttp2.Stream)[3]
	// 10 ms of stream 1, and before it one packet at the rate so far: 1.46 ms.
	if v == nil || v.ServerOrder != events.Duration(11460*time.Microsecond) {
		t.Errorf("%+v", v)
	}
}

func TestUnknownParts(t *testing.T) {
	t.Run("joined midway, one direction", func(t *testing.T) {
		c := newConn()
		c.data(120, 1, 3, 1, 3)
		for _, e := range c.evs {
			e.Body.(*events.HTTP2Frame).WindowsKnown = false
		}
		v := of(c.rows(t), holhttp2.Stream)[3]
		if v == nil || v.Before != nil || !has(v, "before: its request") || !has(v, "flow_control: a SETTINGS") || !has(v, "handshake") || v.ServerOrder != dur(10) {
			t.Errorf("%+v", v)
		}
	})
	t.Run("TLS with keys", func(t *testing.T) {
		c := newConn().rtt(20)
		c.layer = "tcp/tls/http2"
		c.get(100, 1)
		c.get(100, 3)
		c.data(120, 1, 3, 1, 3)
		v := of(c.rows(t), holhttp2.Stream)[3]
		if v == nil || v.TCPLoss != nil || v.HPACK != nil || !has(v, "tcp_loss, hpack: inside TLS") || v.ServerOrder != dur(10) {
			t.Errorf("%+v", v)
		}
	})
	t.Run("gap", func(t *testing.T) {
		c := newConn().rtt(20)
		c.get(100, 1)
		c.get(100, 3)
		c.add(events.FromServer, 110, "tcp", &events.FlowGap{Bytes: 1000})
		c.data(120, 1, 3, 1, 3)
		if v := of(c.rows(t), holhttp2.Stream)[3]; v == nil || !has(v, "bytes of the server were not captured") {
			t.Errorf("%+v", v)
		}
	})
}

func has(v *holhttp2.Value, what string) bool {
	return slices.ContainsFunc(v.Unknown, func(s string) bool { return strings.Contains(s, what) })
}

func TestUndecided(t *testing.T) {
	for name, c := range map[string]struct {
		hello events.Body
		from  events.Dir
		rows  int
	}{
		"client offers both":      {&events.TLSClientHello{ALPN: []string{"h2", "http/1.1"}}, events.FromClient, 1},
		"client offers HTTP/1.1":  {&events.TLSClientHello{ALPN: []string{"http/1.1"}}, events.FromClient, 0},
		"server chooses HTTP/2":   {&events.TLSServerHello{ALPN: "h2", Version: "1.2"}, events.FromServer, 1},
		"server chooses HTTP/1.1": {&events.TLSServerHello{ALPN: "http/1.1", Version: "1.2"}, events.FromServer, 0},
	} {
		k := newConn()
		k.add(c.from, 10, "tcp/tls", c.hello)
		rows := k.rows(t)
		if len(rows) != c.rows || c.rows == 1 && !strings.HasPrefix(rows[0].Value.(*holhttp2.Value).Undecided, "encrypted") {
			t.Errorf("%s: %q", name, foldtest.Keys(rows))
		}
	}
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	v := foldtest.Value[*holhttp2.Value](t, c.rows(t), "tcp:5")
	if v.Undecided != "no frame of the server was captured" {
		t.Errorf("%+v", v)
	}
}

// A reset stream is answered for, and does not count against the others.
func TestReset(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.send("DATA", 1, 120, 130, 10_000)
	c.send("DATA", 3, 130, 140, 10_000)
	c.add(events.FromClient, 135, c.layer, &events.HTTP2Frame{Type: "RST_STREAM", HTTPStream: 1})
	c.send("DATA", 3, 140, 150, 10_000, end)
	got := of(c.rows(t), holhttp2.Stream)
	if v := got[1]; v == nil || v.Complete || v.Saved != nil {
		t.Errorf("%+v", v)
	}
	if v := got[3]; v == nil || !v.Complete || v.Saved == nil {
		t.Errorf("%+v", v)
	}
}

// With room for three streams, the fourth response ends the period.
func TestLimit(t *testing.T) {
	c := newConn().rtt(20)
	for i := range uint64(20) {
		c.get(100, 2*i+1)
	}
	for i := range uint64(20) {
		c.send("DATA", 2*i+1, 120+int(i), 121+int(i), 1000)
	}
	for i := range uint64(20) {
		c.send("DATA", 2*i+1, 220+int(i), 221+int(i), 1000, end)
	}
	l := events.DefaultLimits()
	l.FoldPending = 3
	c.add(events.FromClient, 5000, "tcp", &events.FlowEnd{})
	rows := foldtest.RowsWithin(t, holhttp2.Question, l, c.evs...)
	for _, r := range rows {
		if v := r.Value.(*holhttp2.Value); v.What == holhttp2.Stream && !v.Limited {
			t.Errorf("%+v", v)
		}
	}
}

func TestFindings(t *testing.T) {
	c := newConn().rtt(20)
	c.get(100, 1)
	c.get(100, 3)
	c.data(120, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1)
	s := holhttp2.Question.Summary()
	rows := c.rows(t)
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(true)
	if len(got.Rows) != 2 || len(got.Rows[0]) != len(got.Columns) || len(got.Findings) != 1 {
		t.Fatalf("%+v", got)
	}
	if f := got.Findings[0]; f.Text != "GET /o3 (stream 3 of HTTP/2 on stream 5) waited 120 ms while others were sent: the server's order, most for /o1" || len(f.Frames) == 0 || f.Filter == "" {
		t.Errorf("%+v", f)
	}
}

// An event of a connection in full flight.
func BenchmarkStep(b *testing.B) {
	c := newConn().rtt(20)
	for s := range uint64(8) {
		c.get(100, 2*s+1)
	}
	start := len(c.evs)
	for i := range 4096 {
		c.send("DATA", uint64(2*(i%8)+1), 120+i, 121+i, 10_000)
	}
	l := events.DefaultLimits()
	b.ReportAllocs()
	for i := 0; i < b.N; {
		r := holhttp2.Question.New(analyzers.Options{Limits: &l})
		out := func(analyzers.Row) {}
		for j, e := range c.evs {
			r.Step(e, out)
			if j >= start {
				i++
			}
		}
	}
}
