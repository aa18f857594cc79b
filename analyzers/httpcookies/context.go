package httpcookies

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/analyzers/sites"
	"github.com/wiretale/wiretale/events"
)

// context is for whose page a request was.
type context struct {
	page  string // its site; "": not known
	party Party
	why   string // undecided
}

// context finds the page of a request: by what the browser says of it
// (Sec-Fetch-*, Fetch Metadata), by Referer, and by what it fetched.
func (j *jars) context(x *httpopen.Exchange[struct{}]) context {
	own := sites.Of(x.Host())
	hs := x.Request.Headers
	dest, from := events.Get(hs, "Sec-Fetch-Dest"), events.Get(hs, "Sec-Fetch-Site")
	if dest == "document" {
		return context{page: own, party: First}
	}
	ref := j.referer(x, hs)
	switch {
	case ref == own:
		return context{page: own, party: First}
	case ref != "" && dest == "" && html(x):
		return context{party: Undecided, why: "a page that somebody went to from another site, or a frame in it: the browser does not say (Sec-Fetch-Dest)"}
	case ref != "":
		return context{page: ref, party: Third}
	case from == "cross-site":
		return context{party: Third}
	case from != "", html(x):
		return context{page: own, party: First}
	}
	return context{party: Undecided, why: "for which page is not said (Referer)"}
}

// referer is the site of the page that a request came from: of the page itself,
// if what refers to it is a part of one.
func (j *jars) referer(x *httpopen.Exchange[struct{}], hs []events.Header) string {
	scheme, host, path, ok := httpopen.Split(events.Get(hs, "Referer"))
	if !ok {
		return ""
	}
	if p := j.pages.Get(j.url(x.Flow.Client, j.open.Hash(scheme, host, path))); p != nil {
		return *p
	}
	return sites.Of(host)
}

// html reports whether a response is a page.
func html(x *httpopen.Exchange[struct{}]) bool {
	if x.Response == nil {
		return false
	}
	t, _, _ := strings.Cut(events.Get(x.Response.Headers, "Content-Type"), ";")
	t = strings.ToLower(strings.TrimSpace(t))
	return t == "text/html" || t == "application/xhtml+xml"
}
