// Package httpfresh reads what HTTP messages say to and about caches: whether
// a response may be stored and for how long it is fresh (RFC 9111), and what a
// cache on the way did (Cache-Status of RFC 9211, X-Cache and its like, Age).
// It must not know exchanges or the capture.
package httpfresh

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Directives are those of Cache-Control that need no value (RFC 9111 section
// 5.2), as a set.
type Directives uint16

// The directives that are looked at.
const (
	NoStore Directives = 1 << iota
	NoCache
	Private
	Public
	MustRevalidate
	ProxyRevalidate
	MustUnderstand
	Immutable
	OnlyIfCached
)

// Has reports whether all of d are in s.
func (s Directives) Has(d Directives) bool { return s&d == d }

// Control is a Cache-Control field, all its lines together. Seconds are -1
// where the directive is not there; one that is there and no number is 0, so
// that the response counts as stale (section 4.2.1).
type Control struct {
	Directives      Directives
	MaxAge, SMaxAge int64
	MaxStale        int64 // of a request; without a value as much as there is
	StaleWhile      int64 // stale-while-revalidate (RFC 5861)
	StaleIfError    int64
}

// ReadControl reads Cache-Control; where there is none, Pragma: no-cache counts
// as no-cache (section 5.4).
func ReadControl(hs []events.Header) Control {
	c := Control{MaxAge: -1, SMaxAge: -1, MaxStale: -1, StaleWhile: -1, StaleIfError: -1}
	found, pragma := false, false
	for i := range hs {
		switch name := hs[i][0]; {
		case len(name) == len("Cache-Control") && equal(name, "cache-control"):
			c.read(hs[i][1])
			found = true
		case len(name) == len("Pragma") && equal(name, "pragma"):
			pragma = pragma || strings.Contains(strings.ToLower(hs[i][1]), "no-cache")
		}
	}
	if !found && pragma {
		c.Directives |= NoCache
	}
	return c
}

func (c *Control) read(v string) {
	for len(v) > 0 {
		part, rest := cutMember(v)
		v = rest
		name, value, valued := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		switch {
		case equal(name, "no-store"):
			c.Directives |= NoStore
		case equal(name, "no-cache"):
			// With field names it is about those fields only.
			if !valued {
				c.Directives |= NoCache
			}
		case equal(name, "private"):
			if !valued {
				c.Directives |= Private
			}
		case equal(name, "public"):
			c.Directives |= Public
		case equal(name, "must-revalidate"):
			c.Directives |= MustRevalidate
		case equal(name, "proxy-revalidate"):
			c.Directives |= ProxyRevalidate
		case equal(name, "must-understand"):
			c.Directives |= MustUnderstand
		case equal(name, "immutable"):
			c.Directives |= Immutable
		case equal(name, "only-if-cached"):
			c.Directives |= OnlyIfCached
		case equal(name, "max-age"):
			c.MaxAge = firstOf(c.MaxAge, value)
		case equal(name, "s-maxage"):
			c.SMaxAge = firstOf(c.SMaxAge, value)
		case equal(name, "stale-while-revalidate"):
			c.StaleWhile = firstOf(c.StaleWhile, value)
		case equal(name, "stale-if-error"):
			c.StaleIfError = firstOf(c.StaleIfError, value)
		case equal(name, "max-stale"):
			if c.MaxStale = math.MaxInt32; valued {
				c.MaxStale = seconds(value)
			}
		}
	}
}

// cutMember cuts a list at its first comma outside of a quoted string.
func cutMember(v string) (member, rest string) {
	quoted := false
	for i := 0; i < len(v); i++ {
		switch {
		case quoted && v[i] == '\\':
			i++
		case v[i] == '"':
			quoted = !quoted
		case v[i] == ',' && !quoted:
			return strings.TrimSpace(v[:i]), v[i+1:]
		}
	}
	return strings.TrimSpace(v), ""
}

// firstOf: of several, the first counts (section 4.2.1).
func firstOf(have int64, value string) int64 {
	if have >= 0 {
		return have
	}
	return seconds(value)
}

// seconds reads delta-seconds (section 1.2.2); what is none is 0, what is too
// large is 2^31.
func seconds(v string) int64 {
	v = strings.Trim(strings.TrimSpace(v), `"`)
	n, err := strconv.ParseUint(v, 10, 63)
	switch {
	case err == nil:
		return int64(min(n, 1<<31))
	case strings.Contains(err.Error(), "range"):
		return 1 << 31
	}
	return 0
}

// equal compares ASCII without case; lower is in small letters.
func equal(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}

// Source says where a freshness lifetime comes from.
type Source string

// The sources, in the order in which they count (section 4.2.1).
const (
	FromSMaxAge   Source = "s-maxage"
	FromMaxAge    Source = "max-age"
	FromExpires   Source = "expires"
	FromHeuristic Source = "heuristic"
	FromNothing   Source = "none"
)

// Refusal says why a response may not, or need not, be stored (section 3).
type Refusal string

// The refusals; "" is none.
const (
	Stored       Refusal = ""
	RefMethod    Refusal = "method"
	RefNoStore   Refusal = "no-store"
	RefPrivate   Refusal = "private"
	RefAuthority Refusal = "authorization" // an answer to a request with credentials, of which nobody said that it may be shared
	RefStatus    Refusal = "status"
	RefVary      Refusal = "vary"        // Vary: *
	RefNothing   Refusal = "no_lifetime" // nothing tells for how long, and nothing to validate by
	RefPartial   Refusal = "partial"     // 206: a part
	RefHead      Refusal = "head_not_captured"
)

// Freshness is what a response allows to one kind of cache.
type Freshness struct {
	Refusal  Refusal
	Source   Source
	Lifetime events.Duration // for how long it is fresh, from its making
	Age      events.Duration // that it had already when it came (section 4.2.3)
	Validate bool            // no-cache: never used without asking
}

// Until is when a response that came at t stops being fresh; t itself or
// before, where it never is.
func (f *Freshness) Until(t events.Time) events.Time {
	if f.Validate {
		return t
	}
	return t.Add(f.Lifetime - f.Age)
}

// heuristic is the share of the time since its last change for which a
// response counts as fresh when it does not say (section 4.2.2).
const heuristic = 10

// second is the unit of all that caches are told.
const second = events.Duration(time.Second)

// mostLifetime keeps sums within range.
const mostLifetime = 1 << 31

// Heuristic status codes may be stored without being told (RFC 9110 section
// 15.1).
func heuristicStatus(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// Judge says what a response allows to a shared or a private cache. asked and
// received are when the request was sent and the response came.
//
// The age is that which the response tells, and the time of the exchange: not
// what its Date tells, for that is another clock than the capture's.
func Judge(q *events.HTTPRequest, p *events.HTTPResponse, shared bool, asked, received events.Time) Freshness {
	c := ReadControl(p.Headers)
	f := Freshness{Source: FromNothing, Validate: c.Directives.Has(NoCache)}
	f.life(&c, p, shared, received)
	if age, ok := Age(p.Headers); ok {
		f.Age = events.Duration(age) * second
	}
	f.Age += max(received.Sub(asked), 0)
	explicit := f.Source == FromSMaxAge || f.Source == FromMaxAge || f.Source == FromExpires
	noStore := c.Directives.Has(NoStore) && !(c.Directives.Has(MustUnderstand) && heuristicStatus(p.Status))
	switch {
	case q.Method != "GET":
		f.Refusal = RefMethod
	case noStore, ReadControl(q.Headers).Directives.Has(NoStore):
		f.Refusal = RefNoStore
	case shared && c.Directives.Has(Private):
		f.Refusal = RefPrivate
	case shared && events.Get(q.Headers, "Authorization") != "" && c.Directives&(Public|MustRevalidate) == 0 && c.SMaxAge < 0:
		f.Refusal = RefAuthority
	case p.Status == 206:
		f.Refusal = RefPartial
	case !heuristicStatus(p.Status) && !(explicit && f.Lifetime > 0), p.Status == 304:
		f.Refusal = RefStatus
	case strings.Contains(events.Get(p.Headers, "Vary"), "*"):
		f.Refusal = RefVary
	case f.Lifetime <= 0 && !HasValidator(p.Headers):
		f.Refusal = RefNothing
	}
	return f
}

// Renew is the freshness after a 304 (section 4.3.4): what it says counts, and
// where it says nothing, the old lifetime goes on from now.
func (f *Freshness) Renew(q *events.HTTPRequest, p *events.HTTPResponse, shared bool, asked, received events.Time) {
	n := Judge(q, p, shared, asked, received)
	if n.Source != FromNothing || events.Get(p.Headers, "Cache-Control") != "" {
		f.Lifetime, f.Source, f.Validate = n.Lifetime, n.Source, n.Validate
	}
	f.Age = n.Age
}

// life is the lifetime (section 4.2.1).
func (f *Freshness) life(c *Control, p *events.HTTPResponse, shared bool, received events.Time) {
	set := func(s Source, seconds int64) {
		f.Source, f.Lifetime = s, events.Duration(max(min(seconds, mostLifetime), 0))*second
	}
	if shared && c.SMaxAge >= 0 {
		set(FromSMaxAge, c.SMaxAge)
		return
	}
	if c.MaxAge >= 0 {
		set(FromMaxAge, c.MaxAge)
		return
	}
	date := int64(received / events.Time(second))
	if t, ok := Date(events.Get(p.Headers, "Date")); ok {
		date = t
	}
	if v := events.Get(p.Headers, "Expires"); v != "" {
		// What is no date is in the past (section 5.3).
		t, ok := Date(v)
		if !ok {
			t = date
		}
		set(FromExpires, t-date)
		return
	}
	if v := events.Get(p.Headers, "Last-Modified"); v != "" && heuristicStatus(p.Status) {
		if t, ok := Date(v); ok {
			set(FromHeuristic, (date-t)/heuristic)
		}
	}
}

// HasValidator reports whether a response can be asked for under a condition.
func HasValidator(hs []events.Header) bool {
	return events.Get(hs, "ETag") != "" || events.Get(hs, "Last-Modified") != ""
}

// Age is the Age field in seconds (section 5.1).
func Age(hs []events.Header) (int64, bool) {
	v := events.Get(hs, "Age")
	if v == "" {
		return 0, false
	}
	member, _ := cutMember(v)
	n, err := strconv.ParseUint(member, 10, 31)
	return int64(n), err == nil
}

// Date reads an HTTP date (RFC 9110 section 5.6.7), in seconds since 1970.
func Date(v string) (int64, bool) {
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

// Same reports whether two responses bear the same validator: a strong or weak
// ETag, else Last-Modified; known is false where they have none to compare.
func Same(a, b []events.Header) (same, known bool) {
	x, y := events.Get(a, "ETag"), events.Get(b, "ETag")
	if x == "" || y == "" {
		x, y = events.Get(a, "Last-Modified"), events.Get(b, "Last-Modified")
	}
	return strings.TrimPrefix(x, "W/") == strings.TrimPrefix(y, "W/"), x != "" && y != ""
}
