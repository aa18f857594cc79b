package httpcachewhatif

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// near compares figures that are computed by hand to four digits.
func near(t *testing.T, what string, got, want, off float64) {
	t.Helper()
	if math.Abs(got-want) > off {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// The worked example: R = 1.54 Mb/s, L = 100 kb, λ = 15/s, 2 s to the origin.
//
//	ρ  = 15 · 100,000 / 1,540,000       = 0.9740
//	ρ' = 0.6 · ρ                        = 0.5844
//	W' = ρ' · L/R / (2 · (1 − ρ'))      = 0.5844 · 0.06494 / 0.8312 = 0.04566 s
//	d' = 0.6 · (2 + W') + 0.4 · 0.01    = 1.2314 s
//
// and now, W = 0.9740 · 0.06494 / 0.05195 = 1.2175 s, d = 3.2175 s.
func TestModel(t *testing.T) {
	m := model{R: 1.54e6, L: 100e3, Lambda: 15, Origin: 2, LAN: 0.01}
	now, with := m.load(0, true), m.load(0.4, true)
	near(t, "ρ", *now.Rho, 0.9740, 1e-4)
	near(t, "the wait", now.Wait.Std().Seconds(), 1.2175, 1e-3)
	near(t, "the delay", now.Delay.Std().Seconds(), 3.2175, 1e-3)
	near(t, "ρ with a cache", *with.Rho, 0.5844, 1e-4)
	near(t, "the wait with a cache", with.Wait.Std().Seconds(), 0.04566, 1e-5)
	near(t, "the delay with a cache", with.Delay.Std().Seconds(), 1.2314, 1e-4)
	// M/M/1 waits twice as long: 0.6 · (2 + 0.09132) + 0.004 = 1.2588.
	m.Queue = analyzers.MM1
	near(t, "the delay by M/M/1", m.load(0.4, true).Delay.Std().Seconds(), 1.2588, 1e-4)
	m.Lambda = 16 // 1.6 Mb/s over 1.54
	if l := m.load(0, true); !l.Endless || l.Wait != nil || l.Delay != nil || *l.Rho < 1 {
		t.Errorf("%+v", l)
	}
}

// talks is a capture made by hand: each get is a connection of its own.
type talks struct {
	evs    []*events.Event
	frame  uint64
	stream uint32
}

type answer struct {
	headers []events.Header
	status  int
	bytes   int64
	wait    time.Duration
}

func fields(kv ...string) []events.Header {
	var hs []events.Header
	for i := 0; i < len(kv); i += 2 {
		hs = append(hs, events.Header{kv[i], kv[i+1]})
	}
	return hs
}

func (c *talks) request(at time.Duration, client, server string, q events.HTTPRequest, a answer) {
	talk := foldtest.TCP(c.stream, client, server).In("tcp/http1")
	c.stream++
	c.frame++
	ask := 4 * c.frame
	q.FirstTime, q.FirstFrame = foldtest.Start.Add(events.Duration(at)), ask
	if q.Version == "" {
		q.Version = "1.1"
	}
	c.evs = append(c.evs, talk.Client(ask, at, &q))
	if a.status == 0 {
		return
	}
	p := &events.HTTPResponse{Status: a.status, Version: q.Version, Headers: a.headers, RequestFrame: ask, FirstFrame: ask + 1, HTTPStream: q.HTTPStream,
		FirstTime: foldtest.Start.Add(events.Duration(at + a.wait)), HasBody: a.bytes > 0, Bytes: 500}
	c.evs = append(c.evs, talk.Server(ask+1, at+a.wait, p))
	if a.bytes > 0 {
		c.evs = append(c.evs, talk.Server(ask+2, at+a.wait, &events.HTTPBody{Of: "response", HTTPStream: q.HTTPStream, WireBytes: a.bytes, Bytes: a.bytes, Complete: true, RequestFrame: ask}))
	}
}

const origin = "198.51.100.80:80"

// get asks for a path on the origin, with 12,000 bytes of body and 500 of head
// in answer.
func (c *talks) get(at time.Duration, path string, headers ...string) {
	c.request(at, fmt.Sprintf("10.0.0.%d:%d", 11+c.stream%5, 4000+c.stream), origin, events.HTTPRequest{Method: "GET", Target: path, Host: "www.example.test"},
		answer{headers: fields(headers...), status: 200, bytes: 12_000, wait: 2 * time.Second})
}

func (c *talks) row(t *testing.T, link analyzers.AccessLink) *WhatIf {
	t.Helper()
	q := Question
	q.New = func(o analyzers.Options) analyzers.Runner { o.AccessLink = link; return Question.New(o) }
	return foldtest.Value[*WhatIf](t, foldtest.Rows(t, q, c.evs...), "all clients")
}

var t1 = analyzers.AccessLink{Rate: 1_540_000}

// The worked example, from packets: ten requests, 15 a second, of which four
// are for what was asked for before, 100 kb each with its head.
func TestWorkedExample(t *testing.T) {
	c := &talks{}
	for i, path := range []string{"/1", "/2", "/3", "/1", "/4", "/2", "/5", "/1", "/6", "/3"} {
		c.get(time.Duration(i)*time.Second/15, path, "Cache-Control", "max-age=3600")
	}
	v := c.row(t, t1)
	if v.Undecided != "" || v.Requests != 10 || v.Hits != 4 || v.Misses != 6 || *v.HitRate != 0.4 || *v.ByteHitRate != 0.4 || v.Clients != 5 {
		t.Errorf("%+v", v)
	}
	near(t, "λ", *v.Lambda, 15, 1e-4)
	near(t, "L", 8**v.L, 100_000, 0)
	near(t, "the delay to the origin", v.OriginDelay.Std().Seconds(), 2, 0)
	near(t, "ρ now", *v.Present.Rho, 0.9740, 1e-4)
	near(t, "ρ with a cache", *v.With.Rho, 0.5844, 1e-4)
	near(t, "the mean delay", v.With.Delay.Std().Seconds(), 1.2314, 1e-4)
	if text := analyzers.DurationText(*v.With.Delay); text != "1.23 s" {
		t.Errorf("it reads %s", text)
	}
	s := Question.Summary()
	s.Add(&analyzers.Row{Value: v})
	sec := s.Section(false)
	if len(sec.Findings) != 1 || !strings.Contains(sec.Findings[0].Text, "0.97") || !strings.Contains(sec.Findings[0].Text, "0.58") {
		t.Errorf("%+v", sec.Findings)
	}
}

// What the cache would have done, one request after another, a second apart.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name                      string
		headers                   []string
		at                        []int // seconds
		hits, revalidated, misses uint64
		why                       string
	}{
		{"fresh", []string{"Cache-Control", "max-age=60"}, []int{0, 10, 50}, 2, 0, 1, "first"},
		// It came 2 s after it was asked for: 58 s are left then.
		{"stale, no validator", []string{"Cache-Control", "max-age=60"}, []int{0, 59, 61}, 1, 0, 2, "no_validator"},
		{"stale, not changed", []string{"Cache-Control", "max-age=60", "ETag", `"a"`}, []int{0, 61, 70}, 1, 1, 1, "first"},
		{"no-cache", []string{"Cache-Control", "no-cache", "ETag", `"a"`}, []int{0, 10}, 0, 1, 1, "first"},
		{"no-store", []string{"Cache-Control", "no-store"}, []int{0, 10}, 0, 0, 2, "no-store"},
		{"private", []string{"Cache-Control", "private, max-age=60"}, []int{0, 10}, 0, 0, 2, "private"},
		{"told for shared ones", []string{"Cache-Control", "max-age=0, s-maxage=60"}, []int{0, 10}, 1, 0, 1, "first"},
		{"nothing told", nil, []int{0, 10}, 0, 0, 2, "no_lifetime"},
		{"old already", []string{"Cache-Control", "max-age=60", "Age", "59"}, []int{0, 10}, 0, 0, 2, "no_validator"},
	} {
		tr := &talks{}
		for _, at := range c.at {
			tr.get(time.Duration(at)*time.Second, "/x", c.headers...)
		}
		v := tr.row(t, analyzers.AccessLink{})
		found := false
		for _, r := range v.Why {
			found = found || r.Name == c.why
		}
		if v.Hits != c.hits || v.Revalidated != c.revalidated || v.Misses != c.misses || !found {
			t.Errorf("%s: %d hits, %d revalidated, %d misses %v; want %d, %d, %d, %s", c.name, v.Hits, v.Revalidated, v.Misses, v.Why, c.hits, c.revalidated, c.misses, c.why)
		}
	}
}

// Another answer for other requests; POST makes what is stored of no use.
func TestVaryAndPost(t *testing.T) {
	c := &talks{}
	ask := func(at int, method, lang string) {
		c.request(time.Duration(at)*time.Second, fmt.Sprintf("10.0.0.1:%d", 4000+at), origin, events.HTTPRequest{Method: method, Target: "/x", Host: "www.example.test", Headers: fields("Accept-Language", lang)},
			answer{headers: fields("Cache-Control", "max-age=600", "Vary", "Accept-Language"), status: 200, bytes: 100})
	}
	ask(0, "GET", "en")
	ask(10, "GET", "en") // hit
	ask(20, "GET", "fr")
	ask(30, "HEAD", "fr") // hit
	ask(40, "POST", "fr")
	ask(50, "GET", "fr")
	v := c.row(t, analyzers.AccessLink{})
	if v.Hits != 2 || v.Misses != 4 || fmt.Sprint(v.Why) != "[{first 2 200} {method 1 100} {vary 1 100}]" {
		t.Errorf("%d hits, %d misses, %v", v.Hits, v.Misses, v.Why)
	}
}

// HTTP/2 and 3 are counted alike.
func TestVersions(t *testing.T) {
	for _, version := range []string{"1.1", "2", "3"} {
		c := &talks{}
		for i := range 3 {
			q := events.HTTPRequest{Method: "GET", Target: "/x", Host: "www.example.test", Scheme: "https", Version: version}
			if version != "1.1" {
				q.HTTPStream = uint64(4 * i)
			}
			c.request(time.Duration(i)*time.Second, "10.0.0.1:4000", origin, q, answer{headers: fields("Cache-Control", "max-age=600"), status: 200, bytes: 100})
		}
		if v := c.row(t, t1); v.Hits != 2 || v.Undecided != "" {
			t.Errorf("%s: %+v", version, v)
		}
	}
}

func TestUndecided(t *testing.T) {
	t.Run("no rate", func(t *testing.T) {
		c := &talks{}
		c.get(0, "/x")
		c.get(time.Second, "/x")
		if v := c.row(t, analyzers.AccessLink{}); !strings.Contains(v.Undecided, "--access-link") || v.With != nil || v.HitRate == nil {
			t.Errorf("%+v", v)
		}
	})
	t.Run("one request", func(t *testing.T) {
		c := &talks{}
		c.get(0, "/x")
		if v := c.row(t, t1); v.Undecided == "" || v.Lambda != nil || v.With != nil {
			t.Errorf("%+v", v)
		}
	})
	t.Run("no responses", func(t *testing.T) {
		c := &talks{}
		c.request(0, "10.0.0.1:4000", origin, events.HTTPRequest{Method: "GET", Target: "/x", Host: "a.test"}, answer{})
		if v := c.row(t, t1); v.Undecided == "" || v.Requests != 0 || v.HitRate != nil {
			t.Errorf("%+v", v)
		}
	})
	t.Run("no requests", func(t *testing.T) {
		c := &talks{}
		c.get(0, "/x")
		c.evs = c.evs[1:]
		c.evs[0].Body.(*events.HTTPResponse).RequestFrame = 0
		c.evs[1].Body.(*events.HTTPBody).RequestFrame = 0
		if v := c.row(t, t1); v.Undecided == "" || v.Requests != 0 {
			t.Errorf("%+v", v)
		}
	})
	// Before the link there is a proxy, and only its clients' side is here.
	t.Run("a proxy's clients", func(t *testing.T) {
		c := &talks{}
		for i := range 3 {
			c.request(time.Duration(i)*time.Second, "10.0.0.1:4000", "10.0.0.3:3128", events.HTTPRequest{Method: "GET", Target: "http://a.test/x", Host: "a.test"},
				answer{headers: fields("Cache-Control", "max-age=600"), status: 200, bytes: 100})
		}
		if v := c.row(t, t1); v.Undecided == "" || v.Present != nil || v.With == nil || v.With.Delay != nil || v.Hits != 2 {
			t.Errorf("%+v", v)
		}
	})
}

// What is forgotten for a limit is told.
func TestLimit(t *testing.T) {
	c := &talks{}
	for i := range 200 {
		c.get(time.Duration(i)*time.Millisecond, fmt.Sprint("/", i), "Cache-Control", "max-age=600")
	}
	l := events.DefaultLimits()
	l.FoldPending = 4
	v := foldtest.Value[*WhatIf](t, foldtest.RowsWithin(t, Question, l, c.evs...), "all clients")
	if v.Limited == 0 || v.Requests == 0 {
		t.Errorf("%+v", v)
	}
}

func BenchmarkStep(b *testing.B) {
	c := &talks{}
	for i := range 1000 {
		c.get(time.Duration(i)*time.Millisecond, fmt.Sprint("/", i%400), "Cache-Control", "max-age=600", "Content-Type", "image/png", "Server", "x", "Date", "Sun, 06 Nov 1994 08:49:37 GMT")
	}
	l := events.DefaultLimits()
	r := Question.New(analyzers.Options{Limits: &l})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(c.evs[i%len(c.evs)], out)
	}
}
