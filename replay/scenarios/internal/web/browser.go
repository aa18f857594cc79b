package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/net/html"
)

// Page is what a fetch brought.
type Page struct {
	URL    string // after redirects
	Status int
	Header http.Header
	Body   []byte
}

// Browser is a client that looks at pages: it fetches a page, reads it, and
// fetches what it shows over its lanes.
type Browser struct {
	// Lanes are used in turn; the page itself takes the first.
	Lanes []http.RoundTripper
	Jar   http.CookieJar // nil: keeps no cookies
	Agent string         // User-Agent
}

// Get fetches one URL over the lane of that number and follows redirects.
// referer is the page that asks for it, or "".
func (b *Browser) Get(ctx context.Context, lane int, url, referer string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", b.Agent)
	if referer != "" {
		req.Header.Set("Referer", referer)
	}
	c := &http.Client{Transport: b.Lanes[lane%len(b.Lanes)], Jar: b.Jar}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return &Page{URL: resp.Request.URL.String(), Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// Visit fetches a page and then all that it shows: the first object over the
// first lane, the second over the second and so on, lanes in parallel. The
// page comes first, the objects in the order of the page.
func (b *Browser) Visit(ctx context.Context, url string) ([]*Page, error) {
	page, err := b.Get(ctx, 0, url, "")
	if err != nil {
		return nil, err
	}
	found, err := ObjectsOf(page.URL, page.Body)
	if err != nil {
		return nil, err
	}
	out := make([]*Page, 1+len(found))
	out[0] = page
	errs := make([]error, len(b.Lanes))
	var wg sync.WaitGroup
	for lane := range b.Lanes {
		wg.Go(func() {
			for i := lane; i < len(found); i += len(b.Lanes) {
				if out[1+i], errs[lane] = b.Get(ctx, lane, found[i], page.URL); errs[lane] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// source names, for elements that make a browser fetch, the attribute that
// says what.
var source = map[string]string{"img": "src", "script": "src", "iframe": "src", "link": "href"}

// ObjectsOf are the addresses of what a page shows, in its order.
func ObjectsOf(base string, page []byte) ([]string, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	var out []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return nil, err
			}
			return out, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			for _, a := range t.Attr {
				if a.Key != source[t.Data] {
					continue
				}
				u, err := at.Parse(a.Val)
				if err != nil {
					return nil, err
				}
				out = append(out, u.String())
			}
		}
	}
}

// Fetch gets one URL over one lane, without cookies.
func Fetch(ctx context.Context, lane http.RoundTripper, agent, url string) (*Page, error) {
	b := &Browser{Lanes: []http.RoundTripper{lane}, Agent: agent}
	return b.Get(ctx, 0, url, "")
}
