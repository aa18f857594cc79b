package httpcookies

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// visit is a capture made by hand: a browser at 10.0.0.10.
type visit struct {
	evs     []*events.Event
	frame   uint64
	stream  uint32
	version string
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

// get asks host for path with the fields of asked, and gets those of told:
// "Referer: http://a.test/ | Cookie: id=1". It returns the request's frame.
func (c *visit) get(host, path, asked, told string) uint64 {
	c.frame += 2
	at := time.Duration(c.frame) * time.Second
	talk := foldtest.TCP(c.stream, fmt.Sprintf("10.0.0.10:%d", 4000+c.stream), "198.51.100.80:80").In("tcp/http1")
	c.stream++
	version, id := "1.1", uint64(0)
	if c.version != "" {
		version, id = c.version, 4
	}
	ask := c.frame - 1
	c.evs = append(c.evs,
		talk.Client(ask, at, &events.HTTPRequest{Method: "GET", Target: path, Host: host, Version: version, HTTPStream: id, Headers: fields(asked), FirstTime: foldtest.Start.Add(events.Duration(at)), FirstFrame: ask}))
	if told != "-" {
		c.evs = append(c.evs, talk.Server(c.frame, at, &events.HTTPResponse{Status: 200, Version: version, HTTPStream: id, Headers: fields(told), RequestFrame: ask, FirstFrame: c.frame, FirstTime: foldtest.Start.Add(events.Duration(at))}))
	}
	return ask
}

func (c *visit) rows(t *testing.T) map[string]*Cookie {
	t.Helper()
	out := map[string]*Cookie{}
	for _, r := range foldtest.Rows(t, Question, c.evs...) {
		v := r.Value.(*Cookie)
		out[v.Domain+" "+v.Name] = v
	}
	return out
}

const page = "Content-Type: text/html"

// The worked example of docs/analyses/http.cookies.md. 6b86b273 is the
// beginning of the SHA-256 of "1".
func example(version string) *visit {
	c := &visit{version: version}
	c.get("www.news.test", "/", "", page+" | Set-Cookie: session=9; Path=/; HttpOnly")
	c.get("ads.tracker.test", "/pixel", "Referer: http://www.news.test/", "Content-Type: image/png | Set-Cookie: uid=1; Domain=tracker.test; Max-Age=3600; Secure; SameSite=None")
	c.get("www.shop.test", "/", "", page)
	c.get("ads.tracker.test", "/pixel", "Referer: http://www.shop.test/ | Cookie: uid=1", "Content-Type: image/png")
	c.get("www.news.test", "/sports", "Referer: http://www.news.test/ | Cookie: session=9", page)
	return c
}

func TestExample(t *testing.T) {
	for _, version := range []string{"", "2", "3"} {
		got := example(version).rows(t)
		hour := 3600 * second
		want := map[string]*Cookie{
			"www.news.test session": {
				Client: "10.0.0.10", Name: "session", Domain: "www.news.test", Scope: HostOnly, Site: "news.test", Party: First,
				SetBy: "www.news.test", SetOn: "news.test", Sets: 1, Path: "/", HTTPOnly: true, SetFrame: 2, Sent: 1, InClear: 2, Values: 1,
				Seen:   []Seen{{Site: "news.test", Party: First, Value: "<redacted:19581e27>", Requests: 1, Sets: 1, FirstFrame: 2, LastFrame: 9}},
				Frames: []uint64{2, 9},
			},
			"tracker.test uid": {
				Client: "10.0.0.10", Name: "uid", Domain: "tracker.test", Scope: Domain, Site: "tracker.test", Party: Third,
				SetBy: "ads.tracker.test", SetOn: "news.test", Sets: 1, Lifetime: &hour, Secure: true, SameSite: "none", SetFrame: 4, Sent: 1, InClear: 2, Values: 1,
				Tracking: true, Identifier: "<redacted:6b86b273>", TrackedSites: []string{"news.test", "shop.test"},
				Seen: []Seen{
					{Site: "news.test", Party: Third, Value: "<redacted:6b86b273>", Sets: 1, FirstFrame: 4, LastFrame: 4},
					{Site: "shop.test", Party: Third, Value: "<redacted:6b86b273>", Requests: 1, FirstFrame: 7, LastFrame: 7},
				},
				Frames: []uint64{4, 7},
			},
		}
		for k, v := range got {
			if !strings.Contains(v.Filter, "ip.addr == 10.0.0.10 && (http") {
				t.Errorf("%s: filter %s", k, v.Filter)
			}
			v.Filter = ""
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("HTTP/%s (-want +got):\n%s", version, d)
		}
	}
}

// Values that are redacted are the same as those that are not.
func TestRedacted(t *testing.T) {
	c := &visit{}
	c.get("a.test", "/", "Cookie: id=1", page)
	c.get("a.test", "/", "Cookie: id=<redacted:6b86b273>", page)
	if v := c.rows(t)["a.test id"]; v == nil || v.Values != 1 || v.Sent != 2 || v.Scope != Unknown {
		t.Errorf("%+v", v)
	}
}

// For whose page each request was, or why it is not known.
func TestParty(t *testing.T) {
	const cookie = " | Cookie: id=7"
	for _, c := range []struct {
		name, asked, told string
		before            func(*visit)
		want              Party
		page              string
	}{
		{"its own page", "", page, nil, First, "tracker.test"},
		{"a thing on its own page", "Referer: http://www.tracker.test/", "Content-Type: image/png", nil, First, "tracker.test"},
		{"on another's page", "Referer: https://www.news.test/x?y#z", "Content-Type: image/png", nil, Third, "news.test"},
		{"the browser says: went to", "Referer: http://www.news.test/ | Sec-Fetch-Dest: document", page, nil, First, "tracker.test"},
		{"the browser says: a frame", "Referer: http://www.news.test/ | Sec-Fetch-Dest: iframe", page, nil, Third, "news.test"},
		{"went to, or a frame", "Referer: http://www.news.test/", page, nil, Undecided, ""},
		{"nobody says", "", "Content-Type: image/png", nil, Undecided, ""},
		{"cross-site, on whose page is not said", "Sec-Fetch-Site: cross-site | Sec-Fetch-Dest: image", "Content-Type: image/png", nil, Third, ""},
		{"same site", "Sec-Fetch-Site: same-site | Sec-Fetch-Dest: image", "Content-Type: image/png", nil, First, "tracker.test"},
		{"no response", "Referer: http://www.news.test/", "-", nil, Third, "news.test"},
		{"of a style sheet of another host", "Referer: http://cdn.test/style.css", "Content-Type: image/png", func(v *visit) {
			v.get("cdn.test", "/style.css", "Referer: http://www.news.test/", "Content-Type: text/css")
		}, Third, "news.test"},
	} {
		v := &visit{}
		if c.before != nil {
			c.before(v)
		}
		v.get("ads.tracker.test", "/x", c.asked+cookie, c.told)
		got := v.rows(t)["ads.tracker.test id"]
		if got == nil || got.Party != c.want || got.Seen[0].Site != c.page || (got.Undecided != "") != (c.want == Undecided) || got.Tracking {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// Several in a field, and a field for each, as HTTP/2 has it (RFC 9113 section
// 8.2.3).
func TestCrumbs(t *testing.T) {
	v := &visit{}
	v.get("a.test", "/", "Cookie: a=1; b=2 ;c | cookie: d=x=y; =e;;", page)
	var names []string
	for k := range v.rows(t) {
		names = append(names, k)
	}
	slices.Sort(names)
	if fmt.Sprint(names) != "[a.test  a.test a a.test b a.test d]" {
		t.Errorf("%q", names)
	}
}

// A cookie for a domain comes back from all of its hosts, one for a host does
// not; and a client refuses what is not for the host that set it.
func TestScope(t *testing.T) {
	v := &visit{}
	v.get("a.x.test", "/", "", page+" | Set-Cookie: wide=1; Domain=.x.test | Set-Cookie: mine=1 | Set-Cookie: theirs=1; domain=y.test | Set-Cookie: all=1; Domain=co.uk")
	v.get("b.x.test", "/", "Cookie: wide=1; mine=2", page)
	v.get("a.x.test", "/", "Cookie: mine=1", page+" | Set-Cookie: mine=; Max-Age=0")
	v.get("a.x.test", "/", "", page+" | Set-Cookie: mine=3; Expires=Thu, 01-Jan-1970 00:00:00 GMT")
	got := v.rows(t)
	if w := got["x.test wide"]; w.Scope != Domain || w.Sent != 1 || w.Sets != 1 {
		t.Errorf("%+v", w)
	}
	if m := got["a.x.test mine"]; m.Scope != HostOnly || m.Sent != 1 || m.Sets != 3 || m.Deletes != 2 || m.Lifetime != nil {
		t.Errorf("%+v", m)
	}
	if m := got["b.x.test mine"]; m.Scope != Unknown || m.Sent != 1 || m.Sets != 0 {
		t.Errorf("%+v", m)
	}
	if w := got["y.test theirs"]; w.Refused == "" {
		t.Errorf("%+v", w)
	}
	if w := got["co.uk all"]; w.Refused == "" {
		t.Errorf("%+v", w)
	}
}

// Only the servers' side: what they set is known, for whom is not.
func TestRequestsMissing(t *testing.T) {
	v := example("")
	v.evs = slices.DeleteFunc(v.evs, func(e *events.Event) bool { return e.From == events.FromClient })
	for _, e := range v.evs {
		e.Body.(*events.HTTPResponse).RequestFrame = 0
	}
	got := v.rows(t)
	if u := got["tracker.test uid"]; len(got) != 2 || u == nil || u.Party != Undecided || u.Undecided == "" || u.Tracking || u.Sets != 1 {
		t.Errorf("%+v", u)
	}
}

// A name with ever new values tracks nobody.
func TestValues(t *testing.T) {
	v := &visit{}
	for i := range 40 {
		v.get("t.test", "/", fmt.Sprintf("Referer: http://s%d.test/ | Cookie: n=%d", i%7, i), "Content-Type: image/png")
	}
	if n := v.rows(t)["t.test n"]; n.Tracking || !n.MoreThan || n.Values != mostValues || n.Sent != 40 {
		t.Errorf("%+v", n)
	}
}

func TestLimit(t *testing.T) {
	v := &visit{}
	for i := range 100 {
		v.get("t.test", "/", fmt.Sprintf("Cookie: n%d=1", i), page)
	}
	l := events.DefaultLimits()
	l.FoldPending = 1
	rows := foldtest.RowsWithin(t, Question, l, v.evs...)
	if len(rows) != 17 {
		t.Fatalf("%d rows", len(rows))
	}
	if o := foldtest.Value[*Cookie](t, rows, "all others"); o.Sent != 84 || o.Undecided == "" {
		t.Errorf("%+v", o)
	}
}

func TestFinding(t *testing.T) {
	s := Question.Summary()
	for _, v := range example("").rows(t) {
		s.Add(&analyzers.Row{Value: v})
	}
	f := s.Section(false).Findings
	if len(f) != 1 || f[0].Text != "tracker.test knows 10.0.0.10 again on news.test, shop.test, by its cookie uid" || !slices.Equal(f[0].Frames, []uint64{4, 7}) {
		t.Errorf("%+v", f)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a=b; Domain=.x.test; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=1")
	f.Fuzz(func(t *testing.T, s string) {
		parseSet(s, foldtest.Start)
		each(s, func(string, mark) {})
	})
}

func BenchmarkStep(b *testing.B) {
	v := &visit{}
	for i := range 200 {
		v.get("ads.tracker.test", fmt.Sprint("/", i), fmt.Sprintf("Referer: http://s%d.test/ | Cookie: uid=<redacted:6b86b273>; b=<redacted:00000001> | User-Agent: x | Accept: */*", i%5), "Content-Type: image/png | Server: x")
	}
	l := events.DefaultLimits()
	r := Question.New(analyzers.Options{Limits: &l})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(v.evs[i%len(v.evs)], out)
	}
}
