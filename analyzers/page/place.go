package page

import (
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/weblinks"
	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// place finds the page that a request belongs to.
func (c *client) place(f *fold, o *object, r *events.HTTPRequest) bool {
	if from := c.moved[o.url]; from != nil {
		delete(c.moved, o.url)
		if o.requestFrom.Sub(from.firstByte) <= patience {
			o.by, o.how = from, ByRedirect
			if from.page == nil {
				return false // it may lead to a page of its own
			}
			return c.join(f, from.page, o, from, ByRedirect)
		}
	}
	by, isNamed := c.named[o.url]
	referer, said := weburl.Normal(events.Get(r.Headers, "Referer"))
	o.referer = referer
	if said && (!o.navigates || isNamed) {
		if from := c.referred(referer); from != nil {
			how := ByReferer
			if isNamed && by.by.page == from.page {
				return c.join(f, from.page, o, by.by, by.how)
			}
			return c.join(f, from.page, o, from, how)
		}
	}
	if isNamed {
		return c.join(f, by.by.page, o, by.by, by.how)
	}
	if origin, _, path := weburl.Split(o.url); path == "/favicon.ico" {
		// Nobody need name it (HTML section 4.6.7.8).
		for i := len(c.pages) - 1; i >= 0; i-- {
			if v := c.pages[i]; v.document != nil && strings.HasPrefix(v.url, origin+"/") {
				return c.join(f, v, o, v.document, ByHTML)
			}
		}
	}
	if said && !o.navigates && r.Method == "GET" {
		c.openUnseen(o, referer)
		return true
	}
	return false
}

// openUnseen begins a page whose document was not captured.
func (c *client) openUnseen(o *object, url string) {
	v := &visit{url: url, objects: []*object{o}, active: o.requestTo}
	c.pages = append(c.pages, v)
	if c.byURL == nil {
		c.byURL = map[string]*object{}
	}
	o.page, o.how = v, ByReferer
}

// part places an object that might have been a page, and is none.
func (c *client) part(f *fold, o *object) {
	if o.referer == "" {
		return
	}
	if from := c.referred(o.referer); from != nil {
		c.join(f, from.page, o, from, ByReferer)
	}
}

// referred is the object that a Referer names: a document, a style sheet, or,
// where only the origin is told (Referrer Policy section 3.4), the latest
// document of that origin.
func (c *client) referred(url string) *object {
	if o := c.byURL[url]; o != nil {
		return o
	}
	_, _, path := weburl.Split(url)
	for i := len(c.pages) - 1; i >= 0; i-- {
		v := c.pages[i]
		switch {
		case v.document == nil && v.url == url:
			return v.objects[0]
		case v.document != nil && path == "/":
			if origin, _, _ := weburl.Split(v.url); origin+"/" == url {
				return v.document
			}
		}
	}
	return nil
}

// join makes o an object of page v. It is false only where o would be lost.
func (c *client) join(f *fold, v *visit, o *object, by *object, how How) bool {
	if len(v.objects) >= f.objects {
		v.limited++
		c.held--
		return true
	}
	o.page, o.how = v, how
	if by != o {
		o.by = by
	}
	if v.document == nil && how == ByReferer {
		o.by = nil // nobody saw who named it
	}
	v.objects = append(v.objects, o)
	v.active = max(v.active, o.requestTo)
	c.byURL[o.url] = o
	return true
}

// open makes o the document of a new page, and what led to it a part of that.
func (c *client) open(f *fold, o *object) {
	if c.byURL == nil {
		c.byURL = map[string]*object{}
	}
	v := &visit{url: o.url, document: o, active: o.requestTo}
	if old := c.byURL[o.url]; old != nil && o.status == 304 && old.documentItself() {
		// It names what it named before.
		v.links = slices.Clone(old.page.links)
		for _, u := range v.links {
			c.named[u] = naming{o, c.named[u].how}
		}
	}
	c.pages = append(c.pages, v)
	o.page = v
	if o.by == nil || o.by.page != nil {
		o.by, o.how = nil, ByUser
	}
	c.byURL[o.url] = o
	chain := []*object{o}
	for h := o; h.by != nil && h.by.page == nil && len(chain) < maxHops; h = h.by {
		h.by.page = v
		chain = append(chain, h.by)
		if h.by.by == nil {
			h.by.how = ByUser
		}
	}
	slices.Reverse(chain)
	v.objects = chain
}

// maxHops is how many redirections in a row are followed: browsers give up
// earlier.
const maxHops = 32

// document takes what of a body there is to read.
func (c *client) document(f *fold, o *object, d *events.HTTPDocument) {
	v := o.page
	if v == nil {
		return
	}
	html := o.html()
	if !html && o.mediaType != "text/css" {
		return
	}
	if !d.Whole {
		v.unread = true
	}
	how := ByHTML
	if !html {
		how = ByCSS
	}
	if c.named == nil {
		c.named = map[string]naming{}
	}
	n := len(v.links)
	add := func(url string) bool {
		if url == o.url {
			return true
		}
		if len(v.links) >= f.pending {
			v.limited++
			return false
		}
		if old := c.named[url]; old.by == nil || old.by.page != v {
			v.links = append(v.links, url)
			c.named[url] = naming{o, how}
		}
		return true
	}
	if html {
		weblinks.Links(o.url, d.Bytes, add)
	} else {
		weblinks.CSS(string(d.Bytes), func(ref string) {
			if u, ok := weburl.Resolve(o.url, ref); ok {
				add(u)
			}
		})
	}
	if len(v.links) == n {
		return
	}
	// What was asked for while the document was still coming.
	kept := c.loose[:0]
	for _, l := range c.loose {
		by, ok := c.named[l.url]
		if ok && l.page == nil && by.by == o && l.requestTo >= o.firstByte && !l.documentItself() {
			c.join(f, v, l, o, how)
		} else if l.page == nil {
			kept = append(kept, l)
		}
	}
	clear(c.loose[len(kept):])
	c.loose = kept
}

// documentItself: it was taken for a page of its own.
func (o *object) documentItself() bool { return o.page != nil && o.page.document == o }

// sweep is how often, at most, a client that goes on is looked through for what
// is at rest.
const sweep = events.Duration(time.Second)

// retire tells the pages that are at rest, and forgets what belongs to none.
// Those that wait for an answer that never comes do not hold up the others.
func (c *client) retire(now events.Time, emit analyzers.Emit) {
	if d := now.Sub(c.swept); d >= 0 && d < sweep {
		return
	}
	c.swept = now
	for i := 0; i < len(c.pages); {
		if c.pages[i].resting(now) {
			c.tell(i, emit)
		} else {
			i++
		}
	}
	rest := quiet
	if c.underWay == 0 { // no document that could name them is still coming
		rest = patience
	}
	c.loose = slices.DeleteFunc(c.loose, func(o *object) bool {
		if o.page == nil && !o.rests(now, rest) {
			return false
		}
		c.drop(o)
		return true
	})
}

func (o *object) over() bool { return o.phase >= whole_ }

// rests: nothing has come of o for longer than that, and nothing will.
func (o *object) rests(now events.Time, than events.Duration) bool {
	return (o.over() || o.gone != 0) && now.Sub(max(o.end, o.gone)) > than
}

func (v *visit) resting(now events.Time) bool {
	if now.Sub(v.active) <= quiet {
		return false
	}
	for i := len(v.objects) - 1; i >= 0; i-- {
		if !v.objects[i].rests(now, quiet) {
			return false
		}
	}
	return true
}

// drop counts o where it belongs to no page.
func (c *client) drop(o *object) {
	if o.page != nil {
		return
	}
	o.queued, o.by = nil, nil
	if c.moved[o.movedTo] == o {
		delete(c.moved, o.movedTo)
	}
	c.held--
	c.rest.objects++
	c.rest.bytes += o.head + o.bytes
	c.rest.first(o.requestFrame, o.key)
	c.rest.host(o.host, o.requestFrame)
}

// forget takes a page that was told out of the indexes.
func (c *client) forget(i int) {
	v := c.pages[i]
	c.pages = slices.Delete(c.pages, i, i+1)
	for _, u := range v.links {
		if c.named[u].by != nil && c.named[u].by.page == v {
			delete(c.named, u)
		}
	}
	for _, o := range v.objects {
		if c.byURL[o.url] == o {
			delete(c.byURL, o.url)
		}
		o.queued = nil // else a connection would hold all that it ever carried
	}
	c.held -= len(v.objects)
	if len(c.moved) > 0 {
		for u, o := range c.moved {
			if o.page == v {
				delete(c.moved, u)
			}
		}
	}
}
