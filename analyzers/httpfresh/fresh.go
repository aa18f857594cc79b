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

var noControl = Control{MaxAge: -1, SMaxAge: -1, MaxStale: -1, StaleWhile: -1, StaleIfError: -1}

// ReadControl reads Cache-Control; where there is none, Pragma: no-cache counts
// as no-cache (section 5.4).
func ReadControl(hs []events.Header) Control {
	c := noControl
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

// reading are the fields of a response that its freshness depends on, found in
// one pass.
type reading struct {
	control                                  Control
	age, date, expires, modified, etag, vary string
	told, pragma                             bool
}

func read(hs []events.Header) (r reading) {
	r.control = noControl
	set := func(to *string, h *events.Header, lower string) {
		if *to == "" && equal(h[0], lower) {
			*to = h[1]
		}
	}
	for i := range hs {
		switch h := &hs[i]; len(h[0]) {
		case len("Age"):
			set(&r.age, h, "age")
		case len("Date"): // and ETag, Vary
			set(&r.date, h, "date")
			set(&r.etag, h, "etag")
			set(&r.vary, h, "vary")
		case len("Pragma"):
			r.pragma = r.pragma || equal(h[0], "pragma") && strings.Contains(strings.ToLower(h[1]), "no-cache")
		case len("Expires"):
			set(&r.expires, h, "expires")
		case len("Cache-Control"): // and Last-Modified
			if equal(h[0], "cache-control") {
				r.control.read(h[1])
				r.told = true
			}
			set(&r.modified, h, "last-modified")
		}
	}
	if !r.told && r.pragma {
		r.control.Directives |= NoCache
	}
	return r
}

// Judge says what a response allows to a shared or a private cache. asked and
// received are when the request was sent and the response came.
//
// The age is that which the response tells, and the time of the exchange: not
// what its Date tells, for that is another clock than the capture's.
func Judge(q *events.HTTPRequest, p *events.HTTPResponse, shared bool, asked, received events.Time) Freshness {
	r, c := read(p.Headers), ReadControl(q.Headers)
	return r.judge(q, p, &c, shared, asked, received)
}

// JudgeBoth is Judge for a private and for a shared cache.
func JudgeBoth(q *events.HTTPRequest, p *events.HTTPResponse, asked, received events.Time) (private, shared Freshness) {
	r, c := read(p.Headers), ReadControl(q.Headers)
	return r.judge(q, p, &c, false, asked, received), r.judge(q, p, &c, true, asked, received)
}

func (r *reading) judge(q *events.HTTPRequest, p *events.HTTPResponse, asks *Control, shared bool, asked, received events.Time) Freshness {
	c := &r.control
	f := Freshness{Source: FromNothing, Validate: c.Directives.Has(NoCache)}
	f.life(r, p.Status, shared, received)
	if age, ok := ageOf(r.age); ok {
		f.Age = events.Duration(age) * second
	}
	f.Age += max(received.Sub(asked), 0)
	explicit := f.Source == FromSMaxAge || f.Source == FromMaxAge || f.Source == FromExpires
	noStore := c.Directives.Has(NoStore) && !(c.Directives.Has(MustUnderstand) && heuristicStatus(p.Status))
	switch {
	case q.Method != "GET":
		f.Refusal = RefMethod
	case noStore, asks.Directives.Has(NoStore):
		f.Refusal = RefNoStore
	case shared && c.Directives.Has(Private):
		f.Refusal = RefPrivate
	case shared && c.Directives&(Public|MustRevalidate) == 0 && c.SMaxAge < 0 && events.Get(q.Headers, "Authorization") != "":
		f.Refusal = RefAuthority
	case p.Status == 206:
		f.Refusal = RefPartial
	case !heuristicStatus(p.Status) && !(explicit && f.Lifetime > 0), p.Status == 304:
		f.Refusal = RefStatus
	case strings.IndexByte(r.vary, '*') >= 0:
		f.Refusal = RefVary
	case f.Lifetime <= 0 && r.etag == "" && r.modified == "":
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
func (f *Freshness) life(r *reading, status int, shared bool, received events.Time) {
	c := &r.control
	set := func(s Source, seconds int64) {
		f.Source, f.Lifetime = s, events.Duration(max(min(seconds, mostLifetime), 0))*second
	}
	switch {
	case shared && c.SMaxAge >= 0:
		set(FromSMaxAge, c.SMaxAge)
		return
	case c.MaxAge >= 0:
		set(FromMaxAge, c.MaxAge)
		return
	case r.expires == "" && (r.modified == "" || !heuristicStatus(status)):
		return
	}
	date := int64(received / events.Time(second))
	if t, ok := Date(r.date); ok {
		date = t
	}
	if r.expires != "" {
		// What is no date is in the past (section 5.3).
		t, ok := Date(r.expires)
		if !ok {
			t = date
		}
		set(FromExpires, t-date)
		return
	}
	if t, ok := Date(r.modified); ok {
		set(FromHeuristic, (date-t)/heuristic)
	}
}

// Age is the Age field in seconds (section 5.1).
func Age(hs []events.Header) (int64, bool) { return ageOf(events.Get(hs, "Age")) }

func ageOf(v string) (int64, bool) {
	if v == "" {
		return 0, false
	}
	member, _ := cutMember(v)
	n, err := strconv.ParseUint(member, 10, 31)
	return int64(n), err == nil
}

// Date reads an HTTP date (RFC 9110 section 5.6.7), in seconds since 1970.
func Date(v string) (int64, bool) {
	if t, ok := fixDate(v); ok {
		return t, true
	}
	if len(v) < len("Sun Nov  6 08:49:37 1994") {
		return 0, false
	}
	for _, layout := range [...]string{time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.Unix(), true
		}
	}
	return 0, false
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// fixDate reads the form that all write today: "Sun, 06 Nov 1994 08:49:37 GMT".
func fixDate(v string) (int64, bool) {
	if len(v) != 29 || v[3:5] != ", " || v[7] != ' ' || v[11] != ' ' || v[16] != ' ' || v[19] != ':' || v[22] != ':' || v[25:] != " GMT" {
		return 0, false
	}
	good := true
	number := func(s string) int {
		n := 0
		for i := range len(s) {
			good = good && '0' <= s[i] && s[i] <= '9'
			n = 10*n + int(s[i]-'0')
		}
		return n
	}
	month := strings.Index(months, v[8:11])
	day, year, hour, minute, sec := number(v[5:7]), number(v[12:16]), number(v[17:19]), number(v[20:22]), number(v[23:25])
	if !good || month < 0 || month%3 != 0 || day < 1 || day > 31 || hour > 23 || minute > 59 || sec > 60 {
		return 0, false
	}
	return time.Date(year, time.Month(month/3+1), day, hour, minute, sec, 0, time.UTC).Unix(), true
}
