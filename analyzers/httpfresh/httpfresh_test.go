package httpfresh

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/events"
)

// now is Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
var now = events.TimeOf(time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC))

func fields(kv ...string) []events.Header {
	var hs []events.Header
	for i := 0; i < len(kv); i += 2 {
		hs = append(hs, events.Header{kv[i], kv[i+1]})
	}
	return hs
}

const (
	date  = "Sun, 06 Nov 1994 08:49:37 GMT"
	later = "Sun, 06 Nov 1994 08:50:37 GMT" // a minute
	ago   = "Sun, 06 Nov 1994 08:39:37 GMT" // ten minutes: a minute by heuristic
)

// From RFC 9111 sections 3 and 4.2.1.
func TestJudge(t *testing.T) {
	minute := 60 * second
	for _, c := range []struct {
		name   string
		method string
		asked  []events.Header
		status int
		hs     []events.Header
		shared bool
		want   Freshness
	}{
		{"max-age", "GET", nil, 200, fields("Cache-Control", "public, max-age=60"), false, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"s-maxage is for shared caches", "GET", nil, 200, fields("Cache-Control", "max-age=5, s-maxage=60"), true, Freshness{Source: FromSMaxAge, Lifetime: minute}},
		{"and not for private ones", "GET", nil, 200, fields("Cache-Control", "max-age=60, s-maxage=5"), false, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"max-age before Expires", "GET", nil, 200, fields("Date", date, "Expires", ago, "Cache-Control", "max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"Expires", "GET", nil, 200, fields("Date", date, "Expires", later), true, Freshness{Source: FromExpires, Lifetime: minute}},
		{"Expires: 0 is in the past", "GET", nil, 200, fields("Date", date, "Expires", "0", "ETag", `"a"`), true, Freshness{Source: FromExpires}},
		{"heuristic", "GET", nil, 200, fields("Date", date, "Last-Modified", ago), true, Freshness{Source: FromHeuristic, Lifetime: minute}},
		{"no heuristic for 302", "GET", nil, 302, fields("Date", date, "Last-Modified", ago), true, Freshness{Source: FromNothing, Refusal: RefStatus}},
		{"302 with a lifetime", "GET", nil, 302, fields("Cache-Control", "max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"no-store", "GET", nil, 200, fields("Cache-Control", "no-store, max-age=60"), false, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefNoStore}},
		{"no-store of the request", "GET", fields("Cache-Control", "no-store"), 200, fields("Cache-Control", "max-age=60"), false, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefNoStore}},
		{"private, shared", "GET", nil, 200, fields("Cache-Control", "private, max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefPrivate}},
		{"private, private", "GET", nil, 200, fields("Cache-Control", "private, max-age=60"), false, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"private for one field", "GET", nil, 200, fields("Cache-Control", `private="Set-Cookie, X", max-age=60`), true, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"no-cache", "GET", nil, 200, fields("Cache-Control", "NO-CACHE", "ETag", `"a"`), false, Freshness{Source: FromNothing, Validate: true}},
		{"two lines", "GET", nil, 200, fields("Cache-Control", "public", "cache-control", "max-age=60"), false, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"the first max-age counts", "GET", nil, 200, fields("Cache-Control", "max-age=60, max-age=5"), false, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"a max-age that is no number is stale", "GET", nil, 200, fields("Cache-Control", "max-age=soon", "ETag", `"a"`), false, Freshness{Source: FromMaxAge}},
		{"authorized", "GET", fields("Authorization", "<redacted>"), 200, fields("Cache-Control", "max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefAuthority}},
		{"authorized and public", "GET", fields("Authorization", "<redacted>"), 200, fields("Cache-Control", "public, max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"post", "POST", nil, 200, fields("Cache-Control", "max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefMethod}},
		{"a part", "GET", nil, 206, fields("Cache-Control", "max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefPartial}},
		{"Vary: *", "GET", nil, 200, fields("Cache-Control", "max-age=60", "Vary", "*"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Refusal: RefVary}},
		{"nothing told", "GET", nil, 200, fields("Date", date), true, Freshness{Source: FromNothing, Refusal: RefNothing}},
		{"must-understand, understood", "GET", nil, 200, fields("Cache-Control", "must-understand, no-store, max-age=60"), true, Freshness{Source: FromMaxAge, Lifetime: minute}},
		{"Age", "GET", nil, 200, fields("Cache-Control", "max-age=60", "Age", "50"), true, Freshness{Source: FromMaxAge, Lifetime: minute, Age: 50 * second}},
	} {
		q := &events.HTTPRequest{Method: c.method, Headers: c.asked}
		p := &events.HTTPResponse{Status: c.status, Headers: c.hs}
		if d := cmp.Diff(c.want, Judge(q, p, c.shared, now, now)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// The time of the exchange is a part of the age (section 4.2.3): asked 2 s
// before it came with Age 50 of 60, it is fresh for 8 s more.
func TestUntil(t *testing.T) {
	p := &events.HTTPResponse{Status: 200, Headers: fields("Cache-Control", "max-age=60", "Age", "50")}
	f := Judge(&events.HTTPRequest{Method: "GET"}, p, true, now.Add(-2*second), now)
	if got := f.Until(now).Sub(now); got != 8*second {
		t.Errorf("fresh for %s", got.Std())
	}
}

func TestDate(t *testing.T) {
	for _, v := range []string{date, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		if got, ok := Date(v); !ok || got != int64(now/1e9) {
			t.Errorf("%q: %d, %v", v, got, ok)
		}
	}
	if _, ok := Date("-1"); ok {
		t.Error("-1 is no date")
	}
}

// The examples of RFC 9211 section 3, and what is no list (RFC 8941).
func TestReadCacheStatus(t *testing.T) {
	for _, c := range []struct {
		in   []events.Header
		want []CacheStatus
		bad  bool
	}{
		{in: fields("Cache-Status", "ExampleCache; hit"), want: []CacheStatus{{Cache: "ExampleCache", Hit: true}}},
		{in: fields("Cache-Status", "ExampleCache; hit; ttl=30"), want: []CacheStatus{{Cache: "ExampleCache", Hit: true, TTL: 30}}},
		{in: fields("Cache-Status", "ExampleCache; hit; ttl=-412"), want: []CacheStatus{{Cache: "ExampleCache", Hit: true, TTL: -412}}},
		{in: fields("Cache-Status", `ExampleCache; fwd=uri-miss; stored`), want: []CacheStatus{{Cache: "ExampleCache", Forward: "uri-miss", Stored: true}}},
		{in: fields("Cache-Status", "ExampleCache; fwd=stale; fwd-status=304"), want: []CacheStatus{{Cache: "ExampleCache", Forward: "stale", Status: 304}}},
		{in: fields("Cache-Status", "OriginCache; hit; ttl=1100", "Cache-Status", `"CDN Company Here"; hit; ttl=545`), want: []CacheStatus{{Cache: "OriginCache", Hit: true, TTL: 1100}, {Cache: "CDN Company Here", Hit: true, TTL: 545}}},
		{in: fields("cache-status", `a;fwd=request;collapsed;key="k\"1"  ,  b; hit=?0;fwd=miss`), want: []CacheStatus{{Cache: "a", Forward: "request", Collapsed: true}, {Cache: "b", Forward: "miss"}}},
		{in: fields("Cache-Status", "a; hit=1; fwd=\"text\"; ttl=x"), want: []CacheStatus{{Cache: "a"}}},
		{in: fields("Cache-Status", "proxy.example.test:80/x; detail=:AA==:; hit"), want: []CacheStatus{{Cache: "proxy.example.test:80/x", Hit: true}}},
		{in: fields("X", "y")},
		{in: fields("Cache-Status", "a; hit,"), bad: true},
		{in: fields("Cache-Status", "a b"), bad: true},
		{in: fields("Cache-Status", `"open`), bad: true},
		{in: fields("Cache-Status", "a; =1"), bad: true},
		{in: fields("Cache-Status", "12; hit"), bad: true},
		{in: fields("Cache-Status", "a; ttl=:x"), bad: true},
	} {
		got, err := ReadCacheStatus(c.in)
		if d := cmp.Diff(c.want, got); d != "" && !c.bad || (err != nil) != c.bad {
			t.Errorf("%q: %v (-want +got):\n%s", c.in, err, d)
		}
	}
}

func TestTell(t *testing.T) {
	for _, c := range []struct {
		in   []events.Header
		want Told
	}{
		{fields("Server", "x"), Told{}},
		{fields("Via", "1.1 vegur, 1.1 proxy.example (squid/5)"), Told{Via: true, Cache: "proxy.example"}},
		{fields("X-Cache", "MISS", "Cache-Status", "c; hit"), Told{Outcome: Hit, Evidence: ByStatus, Cache: "c"}},
		{fields("Cache-Status", "c; fwd=stale; fwd-status=304"), Told{Outcome: Revalidated, Evidence: ByStatus, Cache: "c"}},
		{fields("Cache-Status", "c; fwd=miss; collapsed"), Told{Outcome: Hit, Evidence: ByStatus, Cache: "c", Collapsed: true}},
		{fields("Cache-Status", "broken;;", "X-Cache", "HIT"), Told{Outcome: Hit, Evidence: ByXCache}},
		{fields("X-Cache", "HIT from cache.example.com"), Told{Outcome: Hit, Evidence: ByXCache}},
		{fields("X-Cache", "MISS, HIT"), Told{Outcome: Hit, Evidence: ByXCache}},
		{fields("X-Cache", "HIT, MISS"), Told{Outcome: Miss, Evidence: ByXCache}},
		{fields("X-Cache", "TCP_REFRESH_HIT from proxy"), Told{Outcome: Revalidated, Evidence: ByXCache}},
		{fields("X-Cache", "RefreshHit from cloudfront"), Told{Outcome: Revalidated, Evidence: ByXCache}},
		{fields("X-Cache", "TCP_MISS"), Told{Outcome: Miss, Evidence: ByXCache}},
		{fields("X-Cache", "CONFIG_NOCACHE"), Told{}},
		{fields("CF-Cache-Status", "DYNAMIC"), Told{Outcome: Miss, Evidence: ByXCache}},
		{fields("X-Cache-Status", "EXPIRED"), Told{Outcome: Miss, Evidence: ByXCache}},
		{fields("X-Varnish", "1234 567"), Told{Outcome: Hit, Evidence: ByXCache}},
		{fields("X-Varnish", "1234"), Told{Outcome: Miss, Evidence: ByXCache}},
		{fields("Age", "12"), Told{Outcome: Hit, Evidence: ByAge}},
		{fields("Age", "0"), Told{}}, // some say so of what they just fetched
		{fields("Age", "-3"), Told{}},
	} {
		if got := Tell(&events.HTTPResponse{Status: 200, Headers: c.in}); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestStore(t *testing.T) {
	s := NewStore[int](2)
	for k := range uint64(3) {
		*s.Put(k) = int(k)
	}
	// 0 and 1 are old; to be asked for makes 0 young.
	if v := s.Get(0); v == nil || *v != 0 {
		t.Fatal("0 is lost")
	}
	s.Put(4)
	if s.Get(1) != nil || s.Get(0) == nil || s.Forgotten != 1 || len(s.All()) != 3 {
		t.Errorf("forgotten %d, %d left", s.Forgotten, len(s.All()))
	}
	s.Drop(0)
	if s.Get(0) != nil {
		t.Error("0 is there")
	}
	// What held the values of keys that went holds others, from zero on.
	for k := range uint64(300) {
		if v := s.Put(100 + k); *v != 0 {
			t.Fatalf("%d of another key", *v)
		} else {
			*v = int(k) + 1
		}
		if v := s.Get(100 + k); v == nil || *v != int(k)+1 {
			t.Fatalf("%d is lost", k)
		}
	}
	if n := len(s.All()); n > 4 || s.made > 8 {
		t.Errorf("%d left, in %d places", n, s.made)
	}
}

func FuzzCacheStatus(f *testing.F) {
	f.Add(`a; hit; ttl=30, "b"; fwd=miss; key=:AA==:`)
	f.Fuzz(func(t *testing.T, s string) {
		hs := fields("Cache-Status", s, "X-Cache", s, "Via", s, "Age", s, "Cache-Control", s)
		_, _ = ReadCacheStatus(hs)
		Tell(&events.HTTPResponse{Headers: hs})
		ReadControl(hs)
	})
}
