package httphosting

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

// talks is a capture made by hand.
type talks struct {
	evs    []*events.Event
	frame  uint64
	stream uint32
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

// get asks addr for a path of host: two frames, the first is returned.
func (c *talks) get(client, addr, host, path string, status int, asked, told string) uint64 {
	c.frame += 2
	at := time.Duration(c.frame) * time.Millisecond
	ask := c.frame - 1
	talk := foldtest.TCP(c.stream, fmt.Sprintf("%s:%d", client, 4000+c.stream), addr).In("tcp/http1")
	c.stream++
	c.evs = append(c.evs,
		talk.Client(ask, at, &events.HTTPRequest{Method: "GET", Target: path, Host: host, Version: "1.1", Headers: fields(asked), FirstTime: foldtest.Start.Add(events.Duration(at)), FirstFrame: ask}),
		talk.Server(c.frame, at+3*time.Millisecond, &events.HTTPResponse{Status: status, Version: "1.1", Headers: fields(told), RequestFrame: ask, FirstFrame: c.frame, FirstTime: foldtest.Start.Add(events.Duration(at + time.Millisecond))}))
	return ask
}

func (c *talks) dns(records ...events.DNSRecord) {
	c.frame++
	talk := foldtest.UDP(c.stream, fmt.Sprintf("10.0.0.1:%d", 4000+c.stream), "10.0.0.53:53")
	c.stream++
	c.evs = append(c.evs, talk.Server(c.frame, time.Duration(c.frame)*time.Millisecond, &events.DNSMessage{Response: true, Opcode: "QUERY", Rcode: "NOERROR", Answer: records}))
}

func (c *talks) hello(addr, sni string) {
	c.frame++
	talk := foldtest.TCP(c.stream, fmt.Sprintf("10.0.0.1:%d", 4000+c.stream), addr).In("tcp/tls")
	c.stream++
	c.evs = append(c.evs, talk.Client(c.frame, time.Duration(c.frame)*time.Millisecond, &events.TLSClientHello{SNI: sni, FirstFrame: c.frame}))
}

func (c *talks) rows(t *testing.T) map[string]*Hosting {
	t.Helper()
	out := map[string]*Hosting{}
	for _, r := range foldtest.Rows(t, Question, c.evs...) {
		out[r.Key] = r.Value.(*Hosting)
	}
	return out
}

const server = "198.51.100.80:80"

// Two sites and a name that is not there, at one address.
func TestVirtualHosts(t *testing.T) {
	c := &talks{}
	c.get("10.0.0.1", server, "www.bakery.test", "/", 200, "", "")
	c.get("10.0.0.1", server, "WWW.Bakery.test:80", "/logo", 200, "", "")
	c.get("10.0.0.1", server, "www.library.test", "/", 200, "", "")
	c.get("10.0.0.1", server, "old.example.test", "/", 404, "", "")
	c.get("10.0.0.1", server, "198.51.100.80", "/", 200, "", "")
	got := c.rows(t)
	a := got["198.51.100.80"]
	want := []Member{
		{Name: "www.bakery.test", Port: 80, Requests: 2, Found: 2, FirstFrame: 1},
		{Name: "old.example.test", Port: 80, Requests: 1, Missing: 1, FirstFrame: 7},
		{Name: "www.library.test", Port: 80, Requests: 1, Found: 1, FirstFrame: 5},
	}
	if d := cmp.Diff(want, a.Names); d != "" || !a.Virtual || a.Sites != 3 || a.Requests != 5 || a.Undecided != "" || len(got) != 4 {
		t.Errorf("%+v (-want +got):\n%s", a, d)
	}
	s := Question.Summary()
	for _, v := range got {
		s.Add(&analyzers.Row{Value: v})
	}
	if f := s.Section(false).Findings; len(f) != 1 || !strings.HasPrefix(f[0].Text, "old.example.test leads to 198.51.100.80") {
		t.Errorf("%+v", f)
	}
}

// The same by what TLS clients ask for; and one name that has one address and
// two ports is no virtual host.
func TestTLS(t *testing.T) {
	c := &talks{}
	c.hello("192.0.2.1:443", "a.test")
	c.hello("192.0.2.1:443", "b.test")
	c.hello("192.0.2.2:443", "c.test")
	c.hello("192.0.2.2:8443", "c.test")
	c.hello("192.0.2.3:443", "")
	got := c.rows(t)
	if a := got["192.0.2.1"]; !a.Virtual || a.Sites != 2 || a.Names[0].Handshakes != 1 {
		t.Errorf("%+v", a)
	}
	if a := got["192.0.2.2"]; a.Virtual || len(a.Names) != 2 || a.Sites != 1 {
		t.Errorf("%+v", a)
	}
	if a := got["192.0.2.3"]; a.Undecided == "" || len(a.Names) != 0 {
		t.Errorf("%+v", a)
	}
	if n := got["c.test"]; len(n.Addresses) != 1 || n.Addresses[0].Handshakes != 2 {
		t.Errorf("%+v", n)
	}
}

// Addresses of a name: where it was asked, and what DNS told, behind an alias
// of another site.
func TestAddresses(t *testing.T) {
	c := &talks{}
	c.dns(events.DNSRecord{Name: "www.a.test.", Type: "CNAME", Data: "a.edge.cdn.example."},
		events.DNSRecord{Name: "a.edge.cdn.example.", Type: "A", Data: "203.0.113.1"},
		events.DNSRecord{Name: "a.edge.cdn.example.", Type: "A", Data: "203.0.113.2"})
	c.get("10.0.0.1", "203.0.113.1:80", "www.a.test", "/", 200, "", "")
	c.get("10.0.0.1", "203.0.113.9:80", "www.a.test", "/", 200, "", "")
	got := c.rows(t)
	n := got["www.a.test"]
	want := []Member{
		{Address: "203.0.113.1", Requests: 1, DNS: true, FirstFrame: 2},
		{Address: "203.0.113.9", Requests: 1, FirstFrame: 4},
		{Address: "203.0.113.2", DNS: true, FirstFrame: 1},
	}
	if d := cmp.Diff(want, n.Addresses); d != "" || !slices.Equal(n.Aliases, []string{"a.edge.cdn.example"}) {
		t.Errorf("%+v (-want +got):\n%s", n, d)
	}
	if d := cmp.Diff([]Mechanism{{How: ByDNS, To: "a.edge.cdn.example", Count: 1, FirstFrame: 1}}, n.CDN); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if a := got["203.0.113.1"]; !a.Names[0].DNS {
		t.Errorf("%+v", a)
	}
}

// An alias within the site is no CDN.
func TestOwnAlias(t *testing.T) {
	c := &talks{}
	c.dns(events.DNSRecord{Name: "www.a.test.", Type: "CNAME", Data: "web.a.test."}, events.DNSRecord{Name: "web.a.test.", Type: "CNAME", Data: "www.a.test."})
	c.get("10.0.0.1", server, "www.a.test", "/", 200, "", "")
	if n := c.rows(t)["www.a.test"]; n.CDN != nil || len(n.Aliases) == 0 {
		t.Errorf("%+v", n)
	}
}

func cdn(v *Hosting) string {
	var out []string
	for _, m := range v.CDN {
		out = append(out, fmt.Sprintf("%s %s %d/%d", m.How, m.To, m.Count, m.Clients))
	}
	return strings.Join(out, ", ")
}

func TestRedirect(t *testing.T) {
	c := &talks{}
	for _, client := range []string{"10.0.0.1", "10.0.0.2"} {
		c.get(client, server, "www.a.test", "/clip.bin", 302, "", "Location: http://north.cdn.test/www.a.test/clip.bin")
		// What the redirect led to is not counted again as a rewritten URL.
		c.get(client, "203.0.113.1:80", "north.cdn.test", "/www.a.test/clip.bin", 200, "Referer: http://www.a.test/", "")
	}
	c.get("10.0.0.1", server, "www.a.test", "/", 301, "", "Location: https://www.a.test/")            // the same site
	c.get("10.0.0.1", server, "www.a.test", "/login", 302, "", "Location: https://id.test/start?b=1") // something else
	c.get("10.0.0.1", server, "www.a.test", "/gone", 302, "", "Location: /here")
	n := c.rows(t)["www.a.test"]
	if got := cdn(n); got != "redirect north.cdn.test 2/2" {
		t.Errorf("%s", got)
	}
	// Each took 3 ms from request to end.
	if m := n.CDN[0]; m.Took == nil || *m.Took != 6e6 || m.FirstFrame != 2 {
		t.Errorf("%+v", m)
	}
}

func TestRewritten(t *testing.T) {
	c := &talks{}
	c.get("10.0.0.1", server, "www.a.test", "/", 200, "", "")
	c.get("10.0.0.1", "203.0.113.1:80", "north.cdn.test", "/www.a.test/1.png", 200, "Referer: http://www.a.test/", "")
	c.get("10.0.0.1", "203.0.113.1:80", "north.cdn.test", "/www.a.testing/1.png", 200, "Referer: http://www.a.test/", "")
	c.get("10.0.0.1", "203.0.113.2:80", "ads.test", "/pixel.png", 200, "Referer: http://www.a.test/", "") // shown by the page, not of it
	c.get("10.0.0.1", "203.0.113.2:80", "ads.test", "/count?page=/www.a.test/", 200, "Referer: http://www.a.test/", "")
	if got := cdn(c.rows(t)["www.a.test"]); got != "rewritten_url north.cdn.test 1/1" {
		t.Errorf("%s", got)
	}
}

// An edge that is seen to fetch from the page's site, though no path says so.
func TestEdge(t *testing.T) {
	c := &talks{}
	c.get("10.0.0.1", server, "www.a.test", "/", 200, "", "")
	edge := foldtest.TCP(100, "10.0.0.1:5000", "203.0.113.1:80").In("tcp/http1")
	up := foldtest.TCP(101, "203.0.113.1:5000", server).In("tcp/http1")
	ask := func(talk foldtest.Talk, frame uint64, host, path, ref string) *events.Event {
		return talk.Client(frame, 50*time.Millisecond, &events.HTTPRequest{Method: "GET", Target: path, Host: host, Version: "1.1", Headers: fields(ref), FirstFrame: frame})
	}
	c.evs = append(c.evs,
		ask(edge, 10, "i7.pics.test", "/img/1.png", "Referer: http://www.a.test/"),
		ask(up, 11, "www.a.test", "/img/1.png", ""),
		up.Server(12, 60*time.Millisecond, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: 11}),
		edge.Server(13, 61*time.Millisecond, &events.HTTPResponse{Status: 200, Version: "1.1", RequestFrame: 10, Headers: fields("Via: 1.1 pics")}))
	got := c.rows(t)
	if n := got["www.a.test"]; cdn(n) != "rewritten_url i7.pics.test 1/1" {
		t.Errorf("%s", cdn(n))
	}
	if n := got["i7.pics.test"]; !slices.Equal(n.EdgeOf, []string{"www.a.test"}) || cdn(n) != "cache_headers pics 1/1" {
		t.Errorf("%+v", n)
	}
}

func TestHeaders(t *testing.T) {
	for told, want := range map[string]string{
		"Server: nginx":                  "",
		"Server: cloudflare":             "cache_headers cloudflare 1/1",
		"X-Amz-Cf-Id: abc":               "cache_headers cloudfront 1/1",
		"X-Cache: HIT":                   "cache_headers  1/1",
		"Age: 7":                         "cache_headers  1/1",
		"Via: 1.1 varnish":               "cache_headers varnish 1/1",
		"Cache-Status: edge.test; hit":   "cache_headers edge.test 1/1",
		"Cache-Control: public, max-age": "",
	} {
		c := &talks{}
		c.get("10.0.0.1", server, "www.a.test", "/", 200, "", told)
		if got := cdn(c.rows(t)["www.a.test"]); got != want {
			t.Errorf("%s: %q, want %q", told, got, want)
		}
	}
}

// What is asked of a proxy says nothing of the proxy's address.
func TestProxy(t *testing.T) {
	c := &talks{}
	c.get("10.0.0.1", "10.0.0.3:3128", "www.a.test", "http://www.a.test/", 200, "", "Via: 1.1 p")
	if got := c.rows(t); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestRequestsMissing(t *testing.T) {
	c := &talks{}
	c.get("10.0.0.1", server, "www.a.test", "/", 200, "", "")
	c.evs = c.evs[1:]
	c.evs[0].Body.(*events.HTTPResponse).RequestFrame = 0
	if a := c.rows(t)["198.51.100.80"]; a == nil || a.Undecided == "" || a.Requests != 0 {
		t.Errorf("%+v", a)
	}
}

func TestLimit(t *testing.T) {
	c := &talks{}
	for i := range 60 {
		c.get("10.0.0.1", server, fmt.Sprintf("n%d.test", i), "/", 200, "", "")
	}
	l := events.DefaultLimits()
	l.FoldPending, l.FoldSamples = 1, 4
	rows := foldtest.RowsWithin(t, Question, l, c.evs...)
	if o := foldtest.Value[*Hosting](t, rows, "all others"); o.LeftOff == 0 || o.Undecided == "" {
		t.Errorf("%+v", o)
	}
	if a := foldtest.Value[*Hosting](t, rows, "198.51.100.80"); len(a.Names) != 4 || a.LeftOff == 0 {
		t.Errorf("%+v", a)
	}
}

func BenchmarkStep(b *testing.B) {
	c := &talks{}
	for i := range 200 {
		c.get("10.0.0.1", server, fmt.Sprintf("www.s%d.test", i%20), "/x", 200, "Referer: http://www.s1.test/ | User-Agent: x", "Server: nginx | Content-Type: image/png")
	}
	l := events.DefaultLimits()
	r := Question.New(analyzers.Options{Limits: &l})
	out := func(analyzers.Row) {}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Step(c.evs[i%len(c.evs)], out)
	}
}
