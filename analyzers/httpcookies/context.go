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
	own := x.Domain()
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
	return j.of(host)
}

// of is sites.Of, which takes longer than all else here.
func (j *jars) of(host string) string {
	if s, ok := j.sites[host]; ok {
		return s
	}
	if len(j.sites) >= keptSites {
		clear(j.sites)
	}
	host = strings.Clone(host)
	s := sites.Of(host)
	j.sites[host] = s
	return s
}

const keptSites = 4096

// refers reports whether a response may name others, for which it then is the
// Referer: a page, a style sheet, a script; not a picture.
func refers(x *httpopen.Exchange[struct{}]) bool {
	if x.Response == nil {
		return false
	}
	t := events.Get(x.Response.Headers, "Content-Type")
	for _, no := range [...]string{"image/", "video/", "audio/", "font/", "application/octet-stream", "application/json"} {
		if strings.HasPrefix(t, no) && !strings.HasPrefix(t, "image/svg") {
			return false
		}
	}
	return true
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
