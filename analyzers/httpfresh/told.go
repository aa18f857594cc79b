package httpfresh

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// Outcome is what a cache did with a request.
type Outcome uint8

// The outcomes. Untold is where nothing tells.
const (
	Untold      Outcome = iota
	Hit                 // answered without asking anybody
	Revalidated         // asked whether what it had was still good, and it was
	Miss                // fetched
)

var outcomeNames = [...]string{Untold: "undecided", Hit: "hit", Revalidated: "revalidated", Miss: "miss"}

func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText makes an Outcome its name in JSON.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(outcomeNames[o]), nil }

// Evidence names what an outcome rests on.
type Evidence uint8

// The kinds of evidence, the best first.
const (
	NoEvidence   Evidence = iota
	UpstreamSeen          // the other side of the cache is in the capture
	ByStatus              // Cache-Status
	ByXCache              // X-Cache and its like
	ByAge                 // Age of a second or more
	ByDate                // the Date of an earlier response
	ByRequest             // of the client's own cache: what it asked, and was answered
	NotAsked              // of the client's own cache: it used a page again, and did not ask for this
)

var evidenceNames = [...]string{NoEvidence: "none", UpstreamSeen: "upstream_seen", ByStatus: "cache_status", ByXCache: "x_cache", ByAge: "age", ByDate: "date", ByRequest: "request", NotAsked: "not_asked"}

func (e Evidence) String() string { return evidenceNames[e] }

// MarshalText makes an Evidence its name in JSON.
func (e Evidence) MarshalText() ([]byte, error) { return []byte(evidenceNames[e]), nil }

// Told is what a response tells of the cache nearest to the client.
type Told struct {
	Outcome   Outcome
	Evidence  Evidence
	Cache     string // its name, where it says it
	Via       bool   // somebody stood between
	Collapsed bool
}

// Tell reads the response's fields about caches, the best evidence first.
func Tell(p *events.HTTPResponse) Told {
	var t Told
	var status, xcache bool
	for i := range p.Headers {
		// By length first: most fields are none of these.
		switch name := p.Headers[i][0]; len(name) {
		case len("Via"):
			if equal(name, "via") {
				t.Via = true
				if c := viaName(p.Headers[i][1]); c != "" {
					t.Cache = c
				}
			}
		case len("X-Cache"):
			xcache = xcache || equal(name, "x-cache")
		case len("X-Varnish"):
			xcache = xcache || equal(name, "x-varnish")
		case len("Cache-Status"):
			status = status || equal(name, "cache-status")
		case len("X-Proxy-Cache"):
			xcache = xcache || equal(name, "x-proxy-cache")
		case len("X-Cache-Status"):
			xcache = xcache || equal(name, "x-cache-status") || equal(name, "x-cache-lookup")
		case len("CF-Cache-Status"):
			xcache = xcache || equal(name, "cf-cache-status")
		}
	}
	if status {
		if list, err := ReadCacheStatus(p.Headers); err == nil && len(list) > 0 {
			t.status(list[len(list)-1])
			if t.Outcome != Untold {
				return t
			}
		}
	}
	if xcache {
		for _, name := range [...]string{"X-Cache", "CF-Cache-Status", "X-Cache-Status", "X-Proxy-Cache"} {
			if o := xCache(events.Get(p.Headers, name)); o != Untold {
				t.Outcome, t.Evidence = o, ByXCache
				return t
			}
		}
		// Varnish tells its own number of the request, and behind it that of
		// the request that fetched.
		if v := events.Get(p.Headers, "X-Varnish"); v != "" {
			t.Outcome, t.Evidence = Miss, ByXCache
			if strings.Contains(strings.TrimSpace(v), " ") {
				t.Outcome = Hit
			}
			return t
		}
	}
	// Age says that the response was not made for this request (RFC 9111
	// section 5.1); some caches tell 0 of what they just fetched.
	if age, ok := Age(p.Headers); ok && age > 0 {
		t.Outcome, t.Evidence = Hit, ByAge
	}
	return t
}

func (t *Told) status(c CacheStatus) {
	t.Cache, t.Evidence, t.Collapsed = c.Cache, ByStatus, c.Collapsed
	switch {
	case c.Hit, c.Collapsed:
		t.Outcome = Hit
	case c.Forward != "" && c.Status == 304:
		t.Outcome = Revalidated
	case c.Forward != "":
		t.Outcome = Miss
	default:
		t.Evidence = NoEvidence
	}
}

// viaName is the name of the last one in Via (RFC 9110 section 7.6.3).
func viaName(v string) string {
	last := ""
	for v != "" {
		var member string
		if member, v = cutMember(v); member != "" {
			last = member
		}
	}
	if f := strings.Fields(last); len(f) >= 2 {
		return f[1]
	}
	return ""
}

// xCache reads what caches say in fields of their own: "HIT", "MISS, HIT" (the
// one nearest to the client last), "TCP_MEM_HIT from cache.example",
// "RefreshHit from cloudfront", "EXPIRED".
func xCache(v string) Outcome {
	if i := strings.LastIndexByte(v, ','); i >= 0 {
		v = v[i+1:]
	}
	v = strings.TrimSpace(v)
	if i := strings.IndexAny(v, " \t"); i >= 0 {
		v = v[:i]
	}
	v = strings.ToUpper(v)
	switch {
	case v == "":
		return Untold
	case v == "REVALIDATED", strings.Contains(v, "REFRESH_HIT"), strings.Contains(v, "REFRESH_UNMODIFIED"), v == "REFRESHHIT":
		return Revalidated
	case strings.Contains(v, "MISS"), strings.Contains(v, "REFRESH"), v == "EXPIRED", v == "BYPASS", v == "DYNAMIC", v == "PASS":
		return Miss
	case strings.Contains(v, "HIT"), v == "STALE", v == "UPDATING":
		return Hit
	}
	return Untold
}
