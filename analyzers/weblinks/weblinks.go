// Package weblinks reads which URLs a page or a style sheet names as parts of
// itself. It is shared by questions, and it must not know what was fetched.
package weblinks

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/wiretale/wiretale/analyzers/weburl"
)

// Links calls add for each URL that an HTML document shows a part of itself
// from, in its order, until add says that it is enough. Links to follow are
// none of them.
func Links(base string, doc []byte, add func(url string) bool) {
	if doc = cut(doc); len(doc) > 0 {
		links(base, doc, add)
	}
}

// links is Links without leaving anything out before.
func links(base string, doc []byte, add func(url string) bool) {
	more := true
	see := func(ref string) {
		if u, ok := weburl.Resolve(base, ref); more && ok {
			more = add(u)
		}
	}
	z := html.NewTokenizer(bytes.NewReader(doc))
	style := false
	var t tag
	for more {
		switch z.Next() {
		case html.ErrorToken: // the end, or the end of what was read
			return
		case html.TextToken:
			if style {
				CSS(string(z.Text()), see)
			}
		case html.EndTagToken:
			style = false
		case html.StartTagToken, html.SelfClosingTagToken:
			name, attrs := z.TagName()
			t.name = string(name)
			t.read(z, attrs)
			style = t.name == "style"
			if t.name == "base" {
				if u, ok := weburl.Resolve(base, t.href); ok {
					base = u
				}
				continue
			}
			t.shows(see)
		}
	}
}

// tag is a start tag with those attributes that may name a part of the page.
type tag struct {
	name                                          string
	src, href, srcset, rel, style, data           string
	poster, kind /* type */, background, imageset string
}

func (t *tag) read(z *html.Tokenizer, more bool) {
	*t = tag{name: t.name}
	for more {
		var k, v []byte
		k, v, more = z.TagAttr()
		switch string(k) {
		case "src":
			t.src = string(v)
		case "href":
			t.href = string(v)
		case "xlink:href":
			if t.href == "" {
				t.href = string(v)
			}
		case "srcset":
			t.srcset = string(v)
		case "imagesrcset":
			t.imageset = string(v)
		case "rel":
			t.rel = strings.ToLower(string(v))
		case "style":
			t.style = string(v)
		case "data":
			t.data = string(v)
		case "poster":
			t.poster = string(v)
		case "type":
			t.kind = strings.ToLower(string(v))
		case "background":
			t.background = string(v)
		}
	}
}

// shows calls see for what the tag loads (HTML section 4).
func (t *tag) shows(see func(string)) {
	switch t.name {
	case "img", "source":
		see(t.src)
		candidates(t.srcset, see)
	case "script", "iframe", "frame", "embed", "audio", "track":
		see(t.src)
	case "video":
		see(t.src)
		see(t.poster)
	case "input":
		if t.kind == "image" {
			see(t.src)
		}
	case "object":
		see(t.data)
	case "image", "use": // of SVG
		see(t.href)
	case "link":
		if slices.ContainsFunc(strings.Fields(t.rel), loads) {
			see(t.href)
			candidates(t.imageset, see)
		}
	}
	if t.background != "" {
		see(t.background)
	}
	if t.style != "" {
		CSS(t.style, see)
	}
}

// loads reports whether a link of that kind is fetched with the page.
func loads(rel string) bool {
	switch rel {
	case "stylesheet", "icon", "apple-touch-icon", "preload", "modulepreload", "manifest":
		return true
	}
	return false
}

// candidates are the URLs of a srcset (HTML section 4.8.4.2.1): one of them is
// fetched.
func candidates(set string, see func(string)) {
	for set != "" {
		set = strings.TrimLeft(set, " \t\n\r\f,")
		end := strings.IndexAny(set, " \t\n\r\f")
		if end < 0 {
			end = len(set)
		}
		url := set[:end]
		set = set[end:]
		if cut := strings.TrimRight(url, ","); cut != url {
			see(cut)
			continue
		}
		see(url)
		if i := strings.IndexByte(set, ','); i >= 0 {
			set = set[i+1:]
		} else {
			set = ""
		}
	}
}

// CSS calls see for each url(…) and @import of a style sheet (CSS Syntax
// section 4.3.6), outside comments, in its order.
func CSS(css string, see func(string)) {
	for {
		i := strings.IndexAny(css, "/uU@")
		if i < 0 {
			return
		}
		css = css[i:]
		switch {
		case strings.HasPrefix(css, "/*"):
			end := strings.Index(css[2:], "*/")
			if end < 0 {
				return
			}
			css = css[2+end+2:]
		case hasFold(css, "url("):
			css = argument(css[4:], ")", see)
		case hasFold(css, "@import"):
			css = css[len("@import"):]
			if rest := strings.TrimLeft(css, " \t\n\r\f"); rest != "" && (rest[0] == '"' || rest[0] == '\'') {
				css = argument(rest, ";", see)
			}
		default:
			css = css[1:]
		}
	}
}

func hasFold(s, lower string) bool {
	return len(s) >= len(lower) && strings.EqualFold(s[:len(lower)], lower)
}

// argument sees the string, quoted or not, at the front of css, and gives what
// is behind it.
func argument(css, end string, see func(string)) (rest string) {
	css = strings.TrimLeft(css, " \t\n\r\f")
	if css == "" {
		return ""
	}
	if q := css[0]; q == '"' || q == '\'' {
		i := strings.IndexByte(css[1:], q)
		if i < 0 {
			return ""
		}
		see(css[1 : 1+i])
		return css[i+2:]
	}
	i := strings.Index(css, end)
	if i < 0 {
		return ""
	}
	see(strings.TrimRight(css[:i], " \t\n\r\f"))
	return css[i:]
}
