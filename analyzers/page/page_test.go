package page_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/page"
	"github.com/wiretale/wiretale/events"
)

// web is a browser's traffic: every call is one packet. Times are in
// milliseconds.
type web struct {
	evs   []*events.Event
	frame uint64
	dns   uint32
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (w *web) next() uint64 { w.frame++; return w.frame }

func (w *web) lookUp(host string, from, to int) {
	t := foldtest.UDP(w.dns, fmt.Sprintf("10.0.0.1:%d", 30000+w.dns), "10.0.0.53:53")
	w.dns++
	m := events.DNSMessage{ID: uint16(w.dns), RD: true, Question: []events.DNSQuestion{{Name: host + ".", Type: "A"}}}
	a := m
	a.Response = true
	w.evs = append(w.evs, t.Client(w.next(), ms(from), &m), t.Server(w.next(), ms(to), &a))
}

// site is one connection of the browser.
type site struct {
	w    *web
	talk foldtest.Talk
	host string
	id   uint64 // of the next stream of HTTP/2 or 3; 0: HTTP/1
}

func (w *web) tcp(stream uint32, host string, from, to int) *site {
	t := foldtest.TCP(stream, fmt.Sprintf("10.0.0.1:%d", 50000+stream), "192.0.2.1:80")
	w.evs = append(w.evs, t.Client(w.next(), ms(from), &events.FlowStart{}),
		t.Client(w.next(), ms(to), &events.TCPRTT{Of: events.RTTAck, RTT: 1}))
	return &site{w: w, talk: t.In("tcp/http1"), host: host}
}

type request struct {
	s     *site
	id    uint64
	frame uint64
}

func (s *site) ask(at int, target string, fields ...string) *request {
	r := &request{s: s, id: s.id, frame: s.w.next()}
	version := "1.1"
	if s.id > 0 {
		s.id += 2
		version = "2"
	}
	e := &events.HTTPRequest{HTTPStream: r.id, Method: "GET", Target: target, Host: s.host, Version: version, FirstFrame: r.frame, FirstTime: foldtest.Start.Add(events.Duration(ms(at)))}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		e.Headers = append(e.Headers, events.Header{k, v})
	}
	s.w.evs = append(s.w.evs, s.talk.Client(r.frame, ms(at), e))
	return r
}

// answer is a response whose head comes at from and whose body is whole at to.
func (r *request) answer(from, to, status int, mediaType, doc string, fields ...string) {
	r.head(from, status, mediaType, fields...)
	r.body(to, doc)
}

func (r *request) head(at, status int, mediaType string, fields ...string) {
	e := &events.HTTPResponse{HTTPStream: r.id, Status: status, RequestFrame: r.frame, HasBody: true, Bytes: 100, FirstTime: foldtest.Start.Add(events.Duration(ms(at))),
		Headers: []events.Header{{"Content-Type", mediaType}}}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		e.Headers = append(e.Headers, events.Header{k, v})
	}
	r.s.w.evs = append(r.s.w.evs, r.s.talk.Server(r.s.w.next(), ms(at), e))
}

func (r *request) body(at int, doc string) {
	f := r.s.w.next()
	if doc != "" {
		r.s.w.evs = append(r.s.w.evs, r.s.talk.Server(f, ms(at), &events.HTTPDocument{HTTPStream: r.id, RequestFrame: r.frame, Bytes: []byte(doc), Whole: true}))
	}
	r.s.w.evs = append(r.s.w.evs, r.s.talk.Server(f, ms(at), &events.HTTPBody{HTTPStream: r.id, Of: "response", RequestFrame: r.frame, WireBytes: 900, Bytes: 900, Complete: true}))
}

func (w *web) rows(t *testing.T) []analyzers.Row {
	t.Helper()
	return foldtest.Rows(t, page.Question, w.evs...)
}

func one(t *testing.T, rows []analyzers.Row, key string) *page.Value {
	t.Helper()
	return foldtest.Value[*page.Value](t, rows, "10.0.0.1 "+key)
}

// lines are a waterfall as "path how by start-end", in milliseconds.
func lines(v *page.Value) (out []string) {
	for _, o := range v.Waterfall {
		path := o.URL[strings.Index(o.URL, "://")+3:]
		end := "…"
		if o.End != nil {
			end = fmt.Sprint(o.End.Std().Milliseconds())
		}
		out = append(out, fmt.Sprintf("%s %s %d %d-%s", path, o.How, o.By, o.Start.Std().Milliseconds(), end))
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The worked example of the page's documentation.
func TestVisit(t *testing.T) {
	var w web
	w.lookUp("a.test", 1000, 1010)
	c := w.tcp(0, "a.test", 1010, 1050)
	w.lookUp("b.test", 1105, 1115)
	c.ask(1050, "/").answer(1100, 1110, 200, "text/html", `<link rel=stylesheet href=s.css><img src=//b.test/i.png>`)
	d := w.tcp(1, "b.test", 1115, 1135)
	css := c.ask(1112, "/s.css")
	i := d.ask(1135, "/i.png")
	css.answer(1152, 1160, 200, "text/css", `p { background: url(bg.png) }`)
	bg := c.ask(1165, "/bg.png", "Referer: http://a.test/s.css")
	i.answer(1180, 1400, 200, "image/png", "")
	bg.answer(1205, 1300, 404, "image/png", "")
	rows := w.rows(t)
	v := one(t, rows, "http://a.test/")
	same(t, lines(v), []string{
		"a.test/ user 0 0-110",
		"b.test/i.png html 1 105-400",
		"a.test/s.css html 1 112-160",
		"a.test/bg.png css 3 165-300",
	})
	if v.Load == nil || v.Load.Std() != ms(400) || v.FirstByte.Std() != ms(100) || v.Document.Std() != ms(110) || v.Failed != 1 || v.Connections != 2 || v.Bytes != 4000 {
		t.Errorf("%+v", v)
	}
	// The image's host was looked up while the document was still coming.
	want := page.Phases{DNS: 10 + 10, Connect: 40 + 20, Wait: 50 + 45, Receive: 5 - 0 + 220}
	want.Receive = 5 + 220
	for _, d := range []*events.Duration{&want.DNS, &want.Connect, &want.Wait, &want.Receive} {
		*d *= 1e6
	}
	if *v.CriticalTime != want {
		t.Errorf("critical path %+v, want %+v", *v.CriticalTime, want)
	}
	if len(v.Critical) != 2 || v.Critical[0].To.Std() != ms(105) || v.Critical[1].Because != page.Named {
		t.Errorf("critical path %+v", v.Critical)
	}
	if len(v.Hosts) != 2 || v.Hosts[1].Host != "b.test" || v.Hosts[1].Busy.Std() != ms(295) || v.Hosts[1].DNS.Std() != ms(10) || v.Hosts[1].Connect.Std() != ms(20) {
		t.Errorf("hosts %+v", v.Hosts)
	}
	if v.Filter != "tcp.stream in {0, 1} || udp.stream in {0, 1}" {
		t.Errorf("filter %s", v.Filter)
	}
}

// The same over HTTP/2 in TLS, and over HTTP/3: streams, handshakes, and what
// the client fetched while the document was still coming.
func TestMultiplexed(t *testing.T) {
	for _, proto := range []string{"tcp/tls/http2", "udp/quic/http3"} {
		var w web
		var c *site
		if strings.HasPrefix(proto, "tcp") {
			c = w.tcp(0, "a.test", 0, 40)
		} else {
			u := foldtest.UDP(7, "10.0.0.1:50000", "192.0.2.1:443")
			w.evs = append(w.evs, u.Client(w.next(), 0, &events.FlowStart{}))
			c = &site{w: &w, talk: u, host: "a.test"}
		}
		c.talk, c.id = c.talk.In(proto), 1
		w.evs = append(w.evs, c.talk.Client(w.next(), ms(40), &events.TLSClientHello{SNI: "a.test", ALPN: []string{"h2", "h3"}}),
			c.talk.Client(w.next(), ms(80), &events.TLSHandshake{Done: true, Duration: events.Duration(ms(40))}))
		doc := c.ask(80, "/")
		doc.head(120, 200, "text/html")
		early := c.ask(125, "/early.js")
		doc.body(140, `<script src=early.js></script><img src=1.png><img src=2.png>`)
		a, b := c.ask(142, "/1.png"), c.ask(142, "/2.png")
		b.answer(185, 200, 200, "image/png", "")
		a.answer(185, 210, 200, "image/png", "")
		early.answer(170, 220, 200, "text/javascript", "")
		v := one(t, w.rows(t), "https://a.test/")
		same(t, lines(v), []string{"a.test/ user 0 0-140", "a.test/early.js html 1 125-220", "a.test/1.png html 1 142-210", "a.test/2.png html 1 142-200"})
		if v.Load == nil || v.Load.Std() != ms(220) || v.CriticalTime.TLS.Std() != ms(40) || len(v.Critical) != 2 || v.Critical[0].To.Std() != ms(125) {
			t.Errorf("%s: %+v %+v", proto, v.CriticalTime, v.Critical)
		}
	}
}

// A redirection is a part of the page that it leads to; what a Referer names
// belongs to that page, with the whole URL or the origin alone; a click does not.
func TestBelongs(t *testing.T) {
	var w web
	c := w.tcp(0, "a.test", 0, 10)
	c.ask(10, "/old").answer(20, 20, 301, "text/html", "", "Location: /new")
	c.ask(25, "/new", "Accept: text/html").answer(30, 40, 200, "text/html", `<a href=/next>next</a><iframe src=/frame></iframe>`)
	c.ask(50, "/frame", "Accept: text/html", "Referer: http://a.test/new").answer(55, 60, 200, "text/html", "<img src=in.png>")
	c.ask(65, "/in.png", "Referer: http://a.test/frame").answer(70, 75, 200, "image/png", "")
	c.ask(80, "/by-script.json", "Referer: http://a.test/new", "Accept: */*").answer(85, 90, 200, "application/json", "")
	c.ask(95, "/origin.png", "Referer: http://a.test/", "Sec-Fetch-Dest: image").answer(100, 105, 200, "image/png", "")
	c.ask(106, "/favicon.ico").answer(107, 108, 404, "text/html", "<p>none")
	c.ask(5000, "/poll", "Referer: http://a.test/new", "Sec-Fetch-Dest: empty").answer(5010, 5020, 200, "text/html", "<p>")
	c.ask(6000, "/next", "Accept: text/html", "Referer: http://a.test/new").answer(6010, 6020, 200, "text/html", "<p>")
	c.ask(6100, "/api", "Accept: application/json").answer(6110, 6120, 200, "application/json", "")
	rows := w.rows(t)
	v := one(t, rows, "http://a.test/new")
	same(t, lines(v), []string{
		"a.test/old user 0 0-20", "a.test/new redirect 1 25-40", "a.test/frame html 2 50-60", "a.test/in.png html 3 65-75",
		"a.test/by-script.json referer 2 80-90", "a.test/origin.png referer 2 95-105",
		"a.test/favicon.ico html 2 106-108",
	})
	if v.Later != 1 || v.Load == nil || v.Load.Std() != ms(108) {
		t.Errorf("%+v", v)
	}
	if v := one(t, rows, "http://a.test/next"); v.Objects != 1 || v.Load.Std() != ms(20) {
		t.Errorf("%+v", v)
	}
	if v := one(t, rows, "rest"); v.Objects != 1 || v.Undecided == "" || v.Bytes != 1000 {
		t.Errorf("%+v", v)
	}
}

// A page loaded again, from the client's cache as far as it may.
func TestAgain(t *testing.T) {
	var w web
	c := w.tcp(0, "a.test", 0, 10)
	c.ask(10, "/").answer(20, 30, 200, "text/html", `<img src=i.png>`)
	c.ask(30, "/i.png").answer(40, 50, 200, "image/png", "")
	again := c.ask(9000, "/")
	again.head(9010, 304, "")
	w.evs[len(w.evs)-1].Body.(*events.HTTPResponse).HasBody = false
	c.ask(9020, "/i.png").answer(9030, 9040, 200, "image/png", "")
	rows := w.rows(t)
	if len(rows) != 2 {
		t.Fatalf("rows %q", foldtest.Keys(rows))
	}
	for i, want := range []time.Duration{ms(50), ms(40)} {
		if v := rows[i].Value.(*page.Value); v.Objects != 2 || v.Load.Std() != want {
			t.Errorf("visit %d: %+v", i+1, v)
		}
	}
}

// Where it cannot be told, it is undecided, and says why.
func TestUndecided(t *testing.T) {
	const doc = `<img src=i.png>`
	for what, play := range map[string]func(w *web, c *site){
		"was not captured": func(_ *web, c *site) { // joined midway
			c.ask(20, "/i.png", "Referer: http://a.test/", "Accept: image/*").answer(30, 40, 200, "image/png", "")
		},
		"its document is not whole": func(w *web, c *site) { // one direction was lost
			c.ask(20, "/").head(30, 200, "text/html")
		},
		"responses of 1 objects": func(_ *web, c *site) {
			c.ask(20, "/").answer(30, 40, 200, "text/html", doc)
			c.ask(50, "/i.png").head(60, 200, "image/png")
		},
		"could be read": func(w *web, c *site) { // a gap in a document whose length was known
			c.ask(20, "/").answer(30, 40, 200, "text/html", doc)
			for _, e := range w.evs {
				if d, ok := e.Body.(*events.HTTPDocument); ok {
					d.Whole = false
				}
			}
		},
	} {
		var w web
		play(&w, w.tcp(0, "a.test", 0, 10))
		v := one(t, w.rows(t), "http://a.test/")
		if v.Load != nil || !strings.Contains(v.Undecided, what) {
			t.Errorf("%q: load %v, %q", what, v.Load, v.Undecided)
		}
	}
}

// A page is told, once, when it has rested for 60 s though its client says no
// more, with an object whose connection was over before it.
func TestRest(t *testing.T) {
	var w web
	c, d := w.tcp(0, "a.test", 0, 10), w.tcp(1, "a.test", 30, 35)
	c.ask(10, "/").answer(20, 30, 200, "text/html", "<img src=i.png><img src=never.png>")
	c.ask(40, "/i.png").answer(50, 60, 200, "image/png", "")
	d.ask(40, "/never.png")
	w.evs = append(w.evs, d.talk.Client(w.next(), ms(500), &events.FlowEnd{}))
	l := events.DefaultLimits()
	r := page.Question.New(analyzers.Options{Limits: &l})
	var rows []analyzers.Row
	emit := func(row analyzers.Row) { rows = append(rows, row) }
	for _, e := range w.evs {
		r.Step(e, emit)
	}
	at := func(n int) events.Time { return foldtest.Start.Add(events.Duration(ms(n))) }
	r.Expire(100, at(60_400), emit)
	if len(rows) != 0 {
		t.Fatalf("told at 60.4 s: %q", foldtest.Keys(rows))
	}
	r.Expire(101, at(61_000), emit)
	r.Expire(102, at(121_500), emit)
	if len(rows) != 1 || rows[0].Frame != 101 || r.Len() != 1 {
		t.Fatalf("told %q, %d keys, want the page at frame 101", foldtest.Keys(rows), r.Len())
	}
	if v := one(t, rows, "http://a.test/"); v.Objects != 3 || v.Unfinished != 1 {
		t.Errorf("%d objects, %d of them unfinished, want 3 and 1", v.Objects, v.Unfinished)
	}
	// One that waits for an answer does not hold up those after it.
	n := len(w.evs)
	e := w.tcp(2, "b.test", 122_000, 122_010)
	e.ask(122_010, "/").answer(122_020, 122_030, 200, "text/html", "<img src=poll>")
	e.ask(122_040, "/poll")
	e = w.tcp(3, "c.test", 125_000, 125_010)
	e.ask(125_010, "/").answer(125_020, 125_030, 200, "text/html", "")
	for _, x := range w.evs[n:] {
		r.Step(x, emit)
	}
	r.Expire(200, at(186_000), emit)
	if len(rows) != 2 {
		t.Fatalf("told %q, want the last page, too", foldtest.Keys(rows))
	}
	one(t, rows, "http://c.test/")
	r.Close(201, at(700_000), emit)
	if len(rows) != 3 {
		t.Errorf("told %q, want three pages", foldtest.Keys(rows))
	}
}

// However many requests there are, what is held of them is bounded, and what
// is left out is said.
func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldSamples, l.FoldPending = 4, 8
	var w web
	c := w.tcp(0, "a.test", 0, 10)
	c.ask(10, "/").answer(20, 30, 200, "text/html", strings.Repeat("<img src=i.png>", 20))
	for i := range 20 {
		c.ask(40+i, "/i.png").answer(40+i, 40+i, 200, "image/png", "")
	}
	v := one(t, foldtest.RowsWithin(t, page.Question, l, w.evs...), "http://a.test/")
	if v.Objects != 4 || v.Limited != 17 {
		t.Errorf("%d objects, %d left out", v.Objects, v.Limited)
	}
}

func BenchmarkStep(b *testing.B) {
	var w web
	c := w.tcp(0, "a.test", 0, 10)
	c.ask(10, "/").answer(20, 30, 200, "text/html", "<img src=i.png>")
	l := events.DefaultLimits()
	r := page.Question.New(analyzers.Options{Limits: &l})
	emit := func(analyzers.Row) {}
	for _, e := range w.evs {
		r.Step(e, emit)
	}
	i := c.ask(40, "/i.png")
	i.answer(50, 60, 200, "image/png", "")
	evs := w.evs[len(w.evs)-3:]
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, emit)
		}
	}
}
