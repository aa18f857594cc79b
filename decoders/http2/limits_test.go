package http2

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

func limits(set ...string) decoders.Env {
	l := events.DefaultLimits()
	for _, s := range set {
		if err := l.Set(s); err != nil {
			panic(err)
		}
	}
	return decoders.Env{Limits: &l}
}

func count(tape *dt.Tape, kind string) (n int) {
	for _, k := range tape.Kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

func limitNames(tape *dt.Tape) string {
	var out []string
	for _, l := range dt.Of[*events.FlowLimit](tape) {
		out = append(out, l.Limit)
	}
	return strings.Join(out, " ")
}

// Rapid reset (CVE-2023-44487): each stream is forgotten as it is reset.
func TestRapidReset(t *testing.T) {
	c, _, hello := both()
	conn := newConn(limitsOf(limits("http2-streams=8")))
	out := new(null)
	for _, ch := range hello {
		conn.Data(decoders.Window{From: ch.From, Bytes: ch.Bytes, Frame: 1}, out)
	}
	for i := range uint32(20000) {
		ch := c.says(c.headers(2*i+1, false, get...), c.reset(2*i+1, http2.ErrCodeCancel))
		conn.Data(decoders.Window{From: ch.From, Bytes: ch.Bytes, Frame: 2}, out)
		if len(conn.streams) != 0 {
			t.Fatal(len(conn.streams))
		}
	}
	if out.limits != 0 || out.n < 3*20000 {
		t.Errorf("%d events, %d limits", out.n, out.limits)
	}
}

func limitsOf(env decoders.Env) decoders.Env {
	all := events.SetOf(events.Kinds()...)
	env.Want = &all
	return env
}

func TestTooManyStreams(t *testing.T) {
	c, s, hello := both()
	var open, answer []func()
	for i := range uint32(6) {
		open = append(open, c.headers(2*i+1, true, get...))
		answer = append(answer, s.headers(2*i+1, false, ":status: 200"), s.data(2*i+1, true, "x"))
	}
	talk := dt.Talk("too many", append(hello, c.says(open...), s.says(answer...))...)
	talk.Env = limits("http2-streams=4")
	tape := dt.Run(t, Proto, talk)
	if got := limitNames(tape); got != "http2-streams" {
		t.Error(got)
	}
	if a, b, n := count(tape, "http.request"), count(tape, "http.response"), count(tape, "http.body"); a != 6 || b != 6 || n != 4 {
		t.Errorf("%d requests, %d responses, %d bodies\n%s", a, b, n, lines(tape))
	}
}

// CONTINUATION flood: no more than http-head is kept of a block.
func TestContinuationFlood(t *testing.T) {
	c, _, hello := both()
	flood := []func(){c.raw(typeHeaders, 0, 1, "\x82")}
	for range 1000 {
		flood = append(flood, c.raw(typeContinuation, 0, 1, strings.Repeat("\x00\x01a\x01b", 100)))
	}
	flood = append(flood, c.raw(typeContinuation, flagEndHeaders, 1, ""), c.headers(3, true, get...))
	talk := dt.Talk("flood", append(hello, c.says(flood...))...)
	talk.Env = limits("http-head=2000")
	tape := dt.Run(t, Proto, talk)
	if got := limitNames(tape); got != "http-head" {
		t.Error(got)
	}
	frames := dt.Of[*events.HTTP2Frame](tape)
	if f := frames[len(frames)-2]; f.Type != "CONTINUATION" || !f.Undecodable {
		t.Errorf("%+v", f)
	}
	if f := frames[len(frames)-1]; f.Type != "HEADERS" || f.Undecodable || count(tape, "http.request") != 1 {
		t.Errorf("%+v", f)
	}
}

// HPACK bombs: a small block that stands for a large head.
func TestBombs(t *testing.T) {
	c, _, hello := both()
	entry := "\x40\x01a\x7f\x81\x17" + strings.Repeat("v", 3072) // 0x7f + 0x81 + 0x17<<7 = 127+1+2944
	many := strings.Repeat("\xbe", 16000)
	talk := dt.Talk("bomb", append(hello,
		c.says(c.raw(typeHeaders, flagEndHeaders|flagEndStream, 1, "\x82\x86\x84"+entry+many)),
		c.says(c.raw(typeHeaders, flagEndHeaders|flagEndStream, 3, "\x82\x86\x84"+strings.Repeat("\x90", 16000))),
	)...)
	tape := dt.Run(t, Proto, talk)
	if got := limitNames(tape); got != "http-head http-headers" {
		t.Error(got)
	}
	for _, r := range dt.Of[*events.HTTPRequest](tape) {
		n := 0
		for _, h := range r.Headers {
			n += len(h[0]) + len(h[1])
		}
		if n > 65536 || len(r.Headers) > 1000 || len(r.Headers) < 20 {
			t.Errorf("%d fields, %d bytes", len(r.Headers), n)
		}
	}
	if count(tape, "http.request") != 2 {
		t.Error(tape.Kinds())
	}
}

// A table larger than the limit: older entries are missing, and never wrong.
func TestTableLimit(t *testing.T) {
	c, s, _ := both()
	c.enc.SetMaxDynamicTableSizeLimit(1 << 20)
	c.enc.SetMaxDynamicTableSize(1 << 20)
	var asks []func()
	for i := range uint32(100) {
		asks = append(asks, c.headers(2*i+1, true, append(get[:4:4], fmt.Sprintf("x: %0100d", i))...))
	}
	asks = append(asks, c.headers(201, true, append(get[:4:4], fmt.Sprintf("x: %0100d", 0))...), c.headers(203, true, append(get[:4:4], fmt.Sprintf("x: %0100d", 99))...))
	talk := dt.Talk("table", c.says(c.preface(), c.settings()), s.says(s.settings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 20})), c.says(asks...))
	talk.Env = limits("http2-table=1000")
	tape := dt.Run(t, Proto, talk)
	if got := limitNames(tape); got != "http2-table" {
		t.Error(got)
	}
	reqs := dt.Of[*events.HTTPRequest](tape)
	for _, r := range reqs {
		i := (r.HTTPStream - 1) / 2
		if r.HTTPStream == 203 {
			i = 99
		}
		if r.HTTPStream == 201 || events.Get(r.Headers, "x") != fmt.Sprintf("%0100d", i) {
			t.Errorf("%+v", r)
		}
	}
	if got := count(tape, "flow.violation"); got != 0 {
		t.Errorf("%d violations\n%s", got, lines(tape))
	}
}

func TestLongFrame(t *testing.T) {
	c, _, hello := both()
	talk := dt.Talk("long", append(hello,
		c.says(c.raw(typeHeaders, flagEndHeaders, 1, strings.Repeat("\x82", 3000)), c.raw(typeGoaway, 0, 0, strings.Repeat("\x00", 3000)), c.headers(3, true, get...)),
	)...)
	talk.Env = limits("http-head=2000")
	tape := dt.Run(t, Proto, talk)
	if got := limitNames(tape); got != "http-head http-head" || count(tape, "http.request") != 1 {
		t.Errorf("%s\n%s", got, lines(tape))
	}
}

func TestManySettings(t *testing.T) {
	c, _, _ := both()
	talk := dt.Talk("settings", c.says(c.preface(), c.raw(typeSettings, 0, 0, strings.Repeat("\x00\x04\x00\x00\x00\x01", 100))))
	tape := dt.Run(t, Proto, talk)
	if f := dt.Of[*events.HTTP2Frame](tape)[0]; limitNames(tape) != "http2-settings" || len(f.Settings) != 64 {
		t.Errorf("%s %d", limitNames(tape), len(f.Settings))
	}
}
