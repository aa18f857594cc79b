package httpcache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

const (
	alice  = "10.0.0.11"
	bob    = "10.0.0.12"
	proxy  = "10.0.0.3"
	origin = "198.51.100.80"
)

// story is a capture made by hand: a packet a message.
type story struct {
	evs     []*events.Event
	frame   uint64
	stream  uint32
	version string // of HTTP; "": 1.1
}

func fields(text string) []events.Header {
	var hs []events.Header
	for line := range strings.SplitSeq(text, "|") {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			hs = append(hs, events.Header{name, v})
		}
	}
	return hs
}

// asked is a request that waits for its answer.
type asked struct {
	s       *story
	talk    foldtest.Talk
	request *events.HTTPRequest
	frame   uint64
}

func at(seconds float64) time.Duration { return time.Duration(seconds * 1e9) }

// ask: client asks server for a target, with fields.
func (s *story) ask(seconds float64, client, server, target, headers string) *asked {
	s.frame++
	port := 80
	layer := "tcp/http1"
	q := &events.HTTPRequest{Method: "GET", Target: target, Host: "www.a.test", Version: "1.1", Headers: fields(headers), FirstFrame: s.frame, FirstTime: foldtest.Start.Add(events.Duration(at(seconds)))}
	if m, rest, ok := strings.Cut(target, " "); ok {
		q.Method, q.Target = m, rest
	}
	a := &asked{s: s, request: q, frame: s.frame}
	ends := []string{fmt.Sprintf("%s:%d", client, 4000+s.stream), fmt.Sprintf("%s:%d", server, port)}
	a.talk = foldtest.TCP(s.stream, ends[0], ends[1])
	switch s.version {
	case "2":
		layer, q.Version, q.HTTPStream, q.Scheme = "tcp/http2", "2", 1, "http"
	case "3":
		a.talk = foldtest.UDP(s.stream, ends[0], ends[1])
		layer, q.Version, q.HTTPStream, q.Scheme = "udp/quic/http3", "3", 4, "http"
	}
	a.talk = a.talk.In(layer)
	s.stream++
	s.evs = append(s.evs, a.talk.Client(s.frame, at(seconds), q))
	return a
}

// told: it is answered, with bytes of body.
func (a *asked) told(seconds float64, status int, bytes int64, headers string) {
	a.s.frame++
	p := &events.HTTPResponse{HTTPStream: a.request.HTTPStream, Status: status, Version: a.request.Version, Headers: fields(headers), RequestFrame: a.frame, FirstFrame: a.s.frame,
		FirstTime: foldtest.Start.Add(events.Duration(at(seconds))), HasBody: bytes > 0}
	a.s.evs = append(a.s.evs, a.talk.Server(a.s.frame, at(seconds), p))
	if bytes > 0 {
		a.s.evs = append(a.s.evs, a.talk.Server(a.s.frame, at(seconds), &events.HTTPBody{HTTPStream: a.request.HTTPStream, Of: "response", WireBytes: bytes, Bytes: bytes, Complete: true, RequestFrame: a.frame}))
	}
}

// get is both at once.
func (s *story) get(seconds float64, client, server, target, headers string, status int, bytes int64, told string) {
	s.ask(seconds, client, server, target, headers).told(seconds+0.01, status, bytes, told)
}

func (s *story) rows(t *testing.T) map[string]*Cache {
	t.Helper()
	out := map[string]*Cache{}
	for _, r := range foldtest.Rows(t, Question, s.evs...) {
		out[r.Key] = r.Value.(*Cache)
	}
	return out
}

// tell is "url outcome evidence" of each decision.
func tell(v *Cache) string {
	var out []string
	for _, d := range v.Decisions {
		path := d.URL[strings.LastIndexByte(d.URL, '/')+1:]
		out = append(out, fmt.Sprintf("%s %s %s", path, d.Outcome, d.Evidence))
	}
	return strings.Join(out, ", ")
}

// The worked example of docs/analyses/http.cache.md.
func example(version string) *story {
	s := &story{version: version}
	forward := func(seconds float64, client, target, condition string, status int, told string) {
		a := s.ask(seconds, client, proxy, target, "")
		u := s.ask(seconds+0.01, proxy, origin, target, condition)
		bytes := int64(3000)
		if status == 304 {
			bytes = 0
		}
		u.told(seconds+0.05, status, bytes, told)
		a.told(seconds+0.06, 200, 3000, told)
	}
	forward(0, alice, "/1", "", 200, "Cache-Control: max-age=60")
	s.get(1, bob, proxy, "/1", "", 200, 3000, "Cache-Control: max-age=60")
	forward(2, alice, "/2", "", 200, `Cache-Control: no-cache | ETag: "x"`)
	forward(3, bob, "/2", `If-None-Match: "x"`, 304, `Cache-Control: no-cache | ETag: "x"`)
	return s
}

func TestBothSides(t *testing.T) {
	for _, version := range []string{"", "2", "3"} {
		got := example(version).rows(t)
		a, b, up := got["10.0.0.11 → 10.0.0.3 → www.a.test"], got["10.0.0.12 → 10.0.0.3 → www.a.test"], got["10.0.0.3 → 198.51.100.80 → www.a.test"]
		if a == nil || b == nil || up == nil || len(got) != 3 {
			t.Fatalf("rows %v", got)
		}
		if tell(a) != "1 miss upstream_seen, 2 miss upstream_seen" || tell(b) != "1 hit upstream_seen, 2 revalidated upstream_seen" {
			t.Errorf("alice: %s; bob: %s", tell(a), tell(b))
		}
		if *a.HitRate != 0 || *b.HitRate != 0.5 || *b.ByteHitRate != 1 || !b.Upstream || b.Undecided != "" {
			t.Errorf("%+v", b)
		}
		if *b.HitTime != events.Duration(at(0.01)) || *b.MissTime != events.Duration(at(0.06)) {
			t.Errorf("a hit takes %s, a miss %s", b.HitTime.Std(), b.MissTime.Std())
		}
		if d := b.Decisions[1]; d.UpstreamFrame != 12 || d.RequestFrame != 11 || d.ResponseFrame != 14 {
			t.Errorf("%+v", d)
		}
		if o := up.Own; o.Misses != 2 || o.Revalidated != 1 || o.Conditional != 1 || up.Undecided == "" || up.HitRate != nil || tell(up) != "1 miss request, 2 miss request, 2 revalidated request" {
			t.Errorf("upstream %+v: %s", up, tell(up))
		}
	}
}

// From the clients' side, nothing tells; and by Cache-Status it does.
func TestClientsSide(t *testing.T) {
	s := example("")
	s.evs = slices.DeleteFunc(s.evs, func(e *events.Event) bool { return e.Flow.Client.String() == proxy })
	if b := s.rows(t)["10.0.0.12 → 10.0.0.3 → www.a.test"]; b.Undecided == "" || b.HitRate != nil || b.Hits+b.Misses+b.Revalidated != 0 || b.Decisions[0].Level != Client {
		t.Errorf("%+v", b)
	}
	for _, e := range s.evs {
		if p, ok := e.Body.(*events.HTTPResponse); ok {
			p.Headers = append(p.Headers, events.Header{"Cache-Status", "p; hit"})
		}
	}
	if b := s.rows(t)["10.0.0.12 → 10.0.0.3 → www.a.test"]; b.Undecided != "" || *b.HitRate != 1 || b.Cache != "p" || b.By[0] != (Count{"cache_status", 2, 6000}) {
		t.Errorf("%+v", b)
	}
}

// Via says that there is a proxy, and not what it did; and Age tells of hits
// only, so that there is no rate.
func TestViaAlone(t *testing.T) {
	s := &story{}
	s.get(0, alice, proxy, "/1", "", 200, 100, "Via: 1.1 p")
	s.get(1, alice, proxy, "/2", "", 200, 100, "Via: 1.1 p | Age: 3")
	v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]
	if tell(v) != "1 undecided none, 2 hit age" || v.NotDecided != 1 || v.HitRate != nil || v.Undecided == "" || v.Cache != "p" {
		t.Errorf("%s %+v", tell(v), v)
	}
}

// Two wait for the same: the cache asks once. Then the one that is answered
// first is the one for which it asked, whoever came first.
func TestCollapsed(t *testing.T) {
	for _, second := range []bool{false, true} {
		s := &story{}
		a := s.ask(0, alice, proxy, "/1", "")
		b := s.ask(0.001, bob, proxy, "/1", "")
		u := s.ask(0.002, proxy, origin, "/1", "")
		u.told(0.05, 200, 100, "Cache-Control: max-age=60")
		first, last := a, b
		if second {
			first, last = b, a
		}
		first.told(0.06, 200, 100, "")
		last.told(0.07, 200, 100, "")
		got := s.rows(t)
		want := []string{"1 miss upstream_seen", "1 hit upstream_seen"}
		if second {
			slices.Reverse(want)
		}
		va, vb := got["10.0.0.11 → 10.0.0.3 → www.a.test"], got["10.0.0.12 → 10.0.0.3 → www.a.test"]
		if tell(va) != want[0] || tell(vb) != want[1] || va.Collapsed+vb.Collapsed != 1 && second {
			t.Errorf("alice %s, bob %s, collapsed %d", tell(va), tell(vb), va.Collapsed+vb.Collapsed)
		}
	}
}

// A cache that answers, and asks afterwards or at the same time, had it.
func TestRefreshedBehind(t *testing.T) {
	s := &story{}
	a := s.ask(0, alice, proxy, "/1", "")
	u := s.ask(0.001, proxy, origin, "/1", "")
	u.told(0.01, 200, 100, "")
	a.told(0.02, 200, 100, "")
	a = s.ask(1, alice, proxy, "/1", "")
	u = s.ask(1.001, proxy, origin, "/1", "")
	a.told(1.002, 200, 100, "Age: 900 | Cache-Control: max-age=60, stale-while-revalidate=3600")
	u.told(1.05, 200, 100, "")
	v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]
	if tell(v) != "1 miss upstream_seen, 1 hit upstream_seen" || v.Stale != 1 {
		t.Errorf("%s %+v", tell(v), v)
	}
}

// What it says, and what it did.
func TestContradicted(t *testing.T) {
	s := &story{}
	a := s.ask(0, alice, proxy, "/1", "")
	s.ask(0.001, proxy, origin, "/1", "").told(0.01, 200, 100, "")
	a.told(0.02, 200, 100, "X-Cache: HIT")
	s.get(1, alice, proxy, "/2", "", 200, 100, "X-Cache: MISS") // whose other side was lost
	v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]
	if tell(v) != "1 miss upstream_seen, 2 miss x_cache" || v.Contradicted != 1 {
		t.Errorf("%s %+v", tell(v), v)
	}
}

// Errors that a proxy makes, and what no cache answers, are no hits.
func TestNotOfCache(t *testing.T) {
	s := &story{}
	a := s.ask(0, alice, proxy, "/1", "")
	s.ask(0.001, proxy, origin, "/1", "").told(0.01, 200, 100, "")
	a.told(0.02, 200, 100, "")
	s.get(1, alice, proxy, "/2", "", 503, 100, "")
	s.get(2, alice, proxy, "POST /3", "", 200, 100, "")
	if v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]; tell(v) != "1 miss upstream_seen, 2 undecided none, 3 undecided none" {
		t.Errorf("%s", tell(v))
	}
}

// The Date of an earlier response, while the server's clock goes.
func TestDate(t *testing.T) {
	s := &story{}
	s.get(0, alice, origin, "/1", "", 200, 100, "Date: Sat, 21 Nov 2026 10:00:00 GMT")
	s.get(1, bob, origin, "/1", "", 200, 100, "Date: Sat, 21 Nov 2026 10:00:00 GMT") // could be by chance
	s.get(5, alice, origin, "/2", "", 200, 100, "Date: Sat, 21 Nov 2026 10:00:05 GMT")
	s.get(9, bob, origin, "/1", "", 200, 100, "Date: Sat, 21 Nov 2026 10:00:00 GMT")
	if v := s.rows(t)["10.0.0.12 → 198.51.100.80 → www.a.test"]; tell(v) != "1 undecided none, 1 hit date" {
		t.Errorf("%s", tell(v))
	}
	// A clock that stands tells nothing.
	s = &story{}
	for i := range 3 {
		s.get(float64(5*i), alice, origin, "/1", "", 200, 100, "Date: Thu, 01 Jan 1970 00:00:00 GMT")
	}
	if v := s.rows(t)["10.0.0.11 → 198.51.100.80 → www.a.test"]; v.Hits != 0 || v.Undecided == "" {
		t.Errorf("%s", tell(v))
	}
}

// The client's own cache: what it did, and what one of RFC 9111 would have.
func TestOwn(t *testing.T) {
	s := &story{}
	const fresh = `Cache-Control: max-age=60 | ETag: "f"`
	s.get(0, alice, origin, "/f", "", 200, 5000, fresh)
	s.get(10, alice, origin, "/f", "", 200, 5000, fresh)                                       // needless
	s.get(80, alice, origin, "/f", "", 200, 5000, fresh)                                       // stale: no condition, but it may ask
	s.get(150, alice, origin, "/f", `If-None-Match: "f"`, 304, 0, fresh)                       // revalidated
	s.get(160, alice, origin, "/f", `If-None-Match: "f"`, 200, 6000, `ETag: "g"`)              // changed
	s.get(0.5, bob, origin, "/f", "", 200, 5000, fresh)                                        // another client
	s.get(170, alice, origin, "/n", "", 200, 700, `Cache-Control: no-store | ETag: "n"`)       //
	s.get(180, alice, origin, "/n", "", 200, 700, `Cache-Control: no-store | ETag: "n"`)       // the same again
	s.get(190, alice, origin, "/n", "", 200, 700, `Cache-Control: no-store | ETag: "another"`) // not the same
	v := s.rows(t)["10.0.0.11 → 198.51.100.80 → www.a.test"]
	o := v.Own
	if o.Misses != 7 || o.Revalidated != 1 || o.Conditional != 2 || o.Changed != 1 || o.Needless != 1 || o.NeedlessBytes != 5000 || o.Unkept != 1 || o.UnkeptBytes != 700 || o.Inferred != 0 {
		t.Errorf("%+v", o)
	}
	if !slices.Equal(o.NeedlessFrames, []uint64{3}) || o.NeedlessTime != events.Duration(at(0.01)) {
		t.Errorf("%+v", o)
	}
	if fmt.Sprint(v.Refusals) != "[{no-store 3 2100}]" || fmt.Sprint(v.Lifetimes) != "[{max-age 3 15000} {none 1 6000}]" {
		t.Errorf("%v %v", v.Refusals, v.Lifetimes)
	}
}

// A page comes again, not modified: what it shows is used again, if it is
// fresh, unless the client has no cache.
func TestInferred(t *testing.T) {
	for _, condition := range []string{`If-None-Match: "p"`, ""} {
		s := &story{}
		status, bytes := 200, int64(100)
		if condition != "" {
			status, bytes = 304, 0
		}
		s.get(0, alice, origin, "/p", "", 200, 100, `Cache-Control: no-cache | ETag: "p"`)
		s.get(1, alice, origin, "/a", "Referer: http://www.a.test/p", 200, 100, "Cache-Control: max-age=600")
		s.get(2, alice, origin, "/b", "Referer: http://www.a.test/p", 200, 100, "Cache-Control: max-age=5")
		s.get(3, alice, origin, "/c", "Referer: http://www.a.test/p", 200, 100, "Cache-Control: max-age=600")
		s.get(30, alice, origin, "/p", condition, status, bytes, `ETag: "p"`)
		s.get(31, alice, origin, "/c", "Referer: http://www.a.test/p", 200, 100, "Cache-Control: max-age=600")
		v := s.rows(t)["10.0.0.11 → 198.51.100.80 → www.a.test"]
		if condition == "" {
			if v.Own.Inferred != 0 {
				t.Errorf("%s", tell(v))
			}
			continue
		}
		if v.Own.Inferred != 1 || !strings.Contains(tell(v), "p revalidated request, a hit not_asked, c miss request") {
			t.Errorf("%s", tell(v))
		}
	}
}

func TestUndecided(t *testing.T) {
	t.Run("no requests", func(t *testing.T) {
		s := example("")
		s.evs = slices.DeleteFunc(s.evs, func(e *events.Event) bool { return e.From == events.FromClient })
		for _, e := range s.evs {
			switch b := e.Body.(type) {
			case *events.HTTPResponse:
				b.RequestFrame = 0
			case *events.HTTPBody:
				b.RequestFrame = 0
			}
		}
		v := s.rows(t)["10.0.0.12 → 10.0.0.3"]
		if v == nil || v.Undecided == "" || v.HitRate != nil || v.Own.Misses != 0 || v.Requests != 2 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("no responses", func(t *testing.T) {
		s := &story{}
		s.ask(0, alice, origin, "/1", "")
		if v := s.rows(t)["10.0.0.11 → 198.51.100.80 → www.a.test"]; v.Undecided == "" || v.Unanswered != 1 || v.Requests != 0 {
			t.Errorf("%+v", v)
		}
	})
	t.Run("tunnel", func(t *testing.T) {
		s := &story{}
		s.get(0, alice, proxy, "CONNECT www.a.test:443", "", 200, 0, "")
		if v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]; !strings.Contains(v.Undecided, "CONNECT") || v.Requests != 0 {
			t.Errorf("%+v", v)
		}
	})
	// A response after a loss, and one whose head is torn.
	t.Run("torn", func(t *testing.T) {
		s := &story{}
		s.get(0, alice, proxy, "/1", "", 200, 10, "X-Cache: HIT")
		s.evs[1].Truncated = true
		if v := s.rows(t)["10.0.0.11 → 10.0.0.3 → www.a.test"]; v.Undecided == "" || v.Own.Misses != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// Beyond limits, sums stay right and it is said what is left off.
func TestLimits(t *testing.T) {
	s := &story{}
	for i := range 50 {
		x := "HIT"
		if i%5 == 0 {
			x = "MISS"
		}
		s.get(float64(i), fmt.Sprintf("10.1.%d.1", i%20), proxy, fmt.Sprint("/", i), "", 200, 100, "X-Cache: "+x)
	}
	l := events.DefaultLimits()
	l.FoldSamples, l.FoldPending = 2, 1
	var requests, hits, misses, left uint64
	rest := false
	for _, r := range foldtest.RowsWithin(t, Question, l, s.evs...) {
		v := r.Value.(*Cache)
		requests, hits, misses, left = requests+v.Requests, hits+v.Hits, misses+v.Misses, left+v.LeftOff
		rest = rest || r.Key == "all others" && v.Undecided != ""
		if len(v.Decisions) > 2 {
			t.Errorf("%d decisions listed", len(v.Decisions))
		}
	}
	if requests != 50 || hits != 40 || misses != 10 || left == 0 || !rest {
		t.Errorf("%d requests, %d hits, %d misses, %d left off, rest %v", requests, hits, misses, left, rest)
	}
}

func TestFindings(t *testing.T) {
	s := &story{}
	for i := range 4 {
		s.get(float64(i), alice, origin, "/f", "", 200, 50_000, "Cache-Control: max-age=600")
	}
	sum := Question.Summary()
	for k, v := range s.rows(t) {
		sum.Add(&analyzers.Row{Key: k, Value: v})
	}
	f := sum.Section(false).Findings
	if len(f) != 1 || f[0].Text != "10.0.0.11 fetched from www.a.test what it had and was still fresh, 3 times, 150 kB in 30.0 ms" || !slices.Equal(f[0].Frames, []uint64{3, 5, 7}) {
		t.Errorf("%+v", f)
	}
}

func BenchmarkStep(b *testing.B) {
	s := &story{}
	for i := range 500 {
		s.get(float64(i), alice, origin, fmt.Sprint("/images/picture-", i%300, ".png"), "User-Agent: Mozilla/5.0 | Accept: image/png | Referer: http://www.a.test/ | Accept-Encoding: gzip", 200, 5000,
			`Date: Sat, 21 Nov 2026 10:00:00 GMT | Server: nginx | Content-Type: image/png | Cache-Control: max-age=60 | ETag: "abc" | Last-Modified: Sat, 21 Nov 2026 09:00:00 GMT`)
	}
	l := events.DefaultLimits()
	r := Question.New(analyzers.Options{Limits: &l})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(s.evs[i%len(s.evs)], out)
	}
}
