// Package httpcookies answers who set which cookies for whom: by the site whose
// page a person looked at, or by another whose things that page shows; and who
// knows a person again on the pages of several sites. It never shows a value,
// and must not follow what servers do with it.
package httpcookies

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/analyzers/sites"
	"github.com/wiretale/wiretale/events"
)

// Question is http.cookies.
var Question = analyzers.Question{
	Name: "http.cookies",
	Area: analyzers.Web,
	Doc:  "who set which cookies for whom: first or third party, and the same identifier across sites",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("http.cookies", o, &fold{limits: o.Limits})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Cookie{},
}

type fold struct{ limits *events.Limits }

// state is one for the capture: a page's site is told by other requests.
type state struct{ *jars }

type jars struct {
	open    *httpopen.Table[struct{}]
	cookies map[key]*cookie
	order   []*cookie
	most    int
	samples int
	rest    *cookie // beyond the limit
	// pages are the sites of the pages for which something was fetched.
	pages *httpfresh.Store[string]
	sites map[string]string
}

// key is one cookie of one client.
type key struct {
	client events.Addr
	domain string
	name   string
}

func (*fold) Kinds() []events.Kind { return httpopen.Kinds() }

func (*fold) Key(*events.Event) (struct{}, bool) { return struct{}{}, true }

func (*fold) Idle() time.Duration { return analyzers.Never }

func (f *fold) Step(_ struct{}, s *state, e *events.Event, _ analyzers.Emit) {
	if s.jars == nil {
		if e.Body.Kind() == events.KindFlowEnd {
			return
		}
		n := 16 * max(f.limits.FoldPending, 1)
		j := &jars{cookies: map[key]*cookie{}, most: n, samples: max(f.limits.FoldSamples, 1), pages: httpfresh.NewStore[string](n), sites: map[string]string{}}
		j.open = httpopen.New(f.limits, j)
		s.jars = j
	}
	s.open.Step(e)
}

func (*fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.jars == nil {
		return
	}
	s.open.Close()
	for _, c := range s.order {
		key, v := c.row()
		emit(key, v)
	}
}

// Opened has nothing to do: of which kind a request is, its response tells.
func (*jars) Opened(*httpopen.Exchange[struct{}]) {}

// Answered takes what a response sets: what is asked next may bear it.
func (j *jars) Answered(x *httpopen.Exchange[struct{}]) {
	hs := x.Response.Headers
	for i := range hs {
		if len(hs[i][0]) == len("Set-Cookie") && strings.EqualFold(hs[i][0], "Set-Cookie") {
			j.set(x, parseSet(hs[i][1], x.FirstByte))
		}
	}
}

// Over takes what a request bore.
func (j *jars) Over(x *httpopen.Exchange[struct{}]) {
	if x.RequestFrame == 0 {
		return
	}
	c, found := context{}, false
	hs := x.Request.Headers
	for i := range hs {
		if len(hs[i][0]) != len("Cookie") || !strings.EqualFold(hs[i][0], "Cookie") {
			continue
		}
		if !found {
			c, found = j.context(x), true
		}
		each(hs[i][1], func(name string, value mark) { j.sent(x, &c, name, value) })
	}
	if !refers(x) {
		return
	}
	if !found {
		c = j.context(x)
	}
	// What it fetched belongs to that page, and what that shows, too.
	if c.page != "" {
		k := j.url(x.Flow.Client, x.URL)
		if p := j.pages.Get(k); p == nil {
			*j.pages.Put(k) = c.page
		} else if *p != c.page {
			*p = c.page
		}
	}
}

// url is the key of a URL of a client.
func (j *jars) url(client events.Addr, url uint64) uint64 {
	return url*0x9e3779b97f4a7c15 ^ j.open.Client(client)
}

// find is the cookie of a client that goes to a host under a name: one for the
// host, or for a domain above it.
func (j *jars) find(client events.Addr, host, name string) *cookie {
	for d := host; d != ""; {
		if c := j.cookies[key{client, d, name}]; c != nil && (d == host || c.v.Scope == Domain) {
			return c
		}
		_, d, _ = strings.Cut(d, ".")
	}
	return nil
}

// make adds a cookie; beyond the limit it is that which stands for all others.
func (j *jars) make(client events.Addr, domain, name string, scope Scope) *cookie {
	if len(j.cookies) >= j.most {
		if j.rest == nil {
			j.rest = newCookie(1)
			j.rest.rest = true
			j.rest.v.Scope = Unknown
			j.order = append(j.order, j.rest)
		}
		return j.rest
	}
	domain, name = strings.Clone(domain), strings.Clone(name)
	c := newCookie(j.samples)
	c.client = client
	c.v.Name, c.v.Domain, c.v.Scope, c.v.Site = name, domain, scope, j.of(domain)
	j.cookies[key{client, domain, name}] = c
	j.order = append(j.order, c)
	return c
}

// host is the name that a request is for, without its port: cookies do not
// tell ports apart (RFC 6265 section 8.5).
func host(x *httpopen.Exchange[struct{}]) string { return sites.Name(x.Host()) }

func (j *jars) set(x *httpopen.Exchange[struct{}], s set) {
	h := host(x)
	domain, scope := h, HostOnly
	refused := ""
	if s.domain != "" {
		switch {
		case s.domain != h && !strings.HasSuffix(h, "."+s.domain) && x.RequestFrame != 0:
			refused = "its domain is not the host's, nor above it"
		case sites.IsSuffix(s.domain) && s.domain != h:
			refused = "its domain is a public suffix"
		}
		domain, scope = s.domain, Domain
	}
	if h == "" && s.domain == "" {
		scope = Unknown // the request was not captured
	}
	c := j.cookies[key{x.Flow.Client, domain, s.name}]
	if c == nil {
		c = j.make(x.Flow.Client, domain, s.name, scope)
	}
	v := &c.v
	if v.Sets == 0 && !c.rest {
		v.Scope, v.Refused = scope, refused
		v.SetBy, v.SetFrame = h, x.ResponseFrame
		v.Path, v.Secure, v.HTTPOnly, v.SameSite = strings.Clone(s.path), s.secure, s.httpOnly, strings.Clone(s.sameSite)
		if s.lasts {
			life := s.lifetime
			v.Lifetime = &life
		}
	}
	v.Sets++
	if s.lasts && s.lifetime == 0 {
		v.Deletes++
	}
	c.stream(x)
	ctx := context{party: Undecided, why: "the request was not captured"}
	if x.RequestFrame != 0 {
		ctx = j.context(x)
	}
	if v.SetOn == "" {
		v.SetOn = ctx.page
	}
	if e := c.seen(&ctx, s.value, x.ResponseFrame); e != nil {
		e.sets++
	}
}

func (j *jars) sent(x *httpopen.Exchange[struct{}], ctx *context, name string, value mark) {
	h := host(x)
	c := j.find(x.Flow.Client, h, name)
	if c == nil {
		c = j.make(x.Flow.Client, h, name, Unknown)
	}
	c.v.Sent++
	c.stream(x)
	if e := c.seen(ctx, value, x.RequestFrame); e != nil {
		e.requests++
	}
}
