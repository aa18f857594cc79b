package weblinks

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/analyzers/weburl"
)

func TestLinks(t *testing.T) {
	const doc = `<!DOCTYPE html><html><head>
<link rel="Stylesheet" href="/a.css"><link rel=canonical href="/not"><link rel="icon preload" href=icon.png>
<style>@import "b.css"; /* url(not.png) */ p { background: URL( 'c.png' ) }</style>
<script src="//cdn.test/d.js?x=1&amp;y=2"></script><script>var s = "<img src=not.png>"</script></head>
<body background=e.png><a href="not.html"><img src="../f.png#top" srcset="f2.png 2x, f3.png 3x"></a>
<!-- <img src=not.png> --><img src="data:image/gif;base64,AAAA"><iframe src="HTTP://Other.test:80"></iframe>
<video poster=g.jpg><source src=h.mp4></video><div style="background:url(i.png)"></div>
<base href="http://base.test/dir/"><img src="j k.png"><img src="mailto:x">`
	want := []string{
		"http://a.test/a.css", "http://a.test/p/icon.png", "http://a.test/p/b.css", "http://a.test/p/c.png",
		"http://cdn.test/d.js?x=1&y=2", "http://a.test/p/e.png", "http://a.test/f.png", "http://a.test/p/f2.png", "http://a.test/p/f3.png",
		"http://other.test/", "http://a.test/p/g.jpg", "http://a.test/p/h.mp4", "http://a.test/p/i.png", "http://base.test/dir/j%20k.png",
	}
	var got []string
	Links("http://a.test/p/index.html?q=/x", []byte(doc), func(u string) bool { got = append(got, u); return true })
	if !slices.Equal(got, want) {
		t.Errorf("links\n%q, want\n%q", got, want)
	}
	got = nil
	Links("http://a.test/p/", []byte(doc), func(u string) bool { got = append(got, u); return len(got) < 2 })
	if len(got) != 2 {
		t.Errorf("%d links after enough", len(got))
	}
}

// sameLinks holds what Links finds against the tokenizer's reading of the whole.
func sameLinks(t *testing.T, doc []byte) {
	t.Helper()
	var got, want []string
	Links("http://a.test/p/", doc, func(u string) bool { got = append(got, u); return true })
	links("http://a.test/p/", doc, func(u string) bool { want = append(want, u); return true })
	if !slices.Equal(got, want) {
		t.Errorf("%q\nlinks %q, want %q; kept %q", doc, got, want, cut(doc))
	}
}

// Documents made of all that is special, in any order.
func TestCut(t *testing.T) {
	pieces := []string{
		"<img src=a>", "<IMG SRC='b' >", "<img src=\"c>d\"", "<p style='x:url(d)'>", "<a href=n>", "</a>", "</ style=x>", "</>", "<!--", "-->", "--!>", "--!-", "-", "!", ">",
		"<", "/", "=", "'", "\"", " ", "\n", "x", "<script", "<script>", "<script src=e>", "</script>", "</SCRIPT ", "</script", "<style>", "url(f)", "</style>", "</styl", "<style/>",
		"<title>", "</title>", "<plaintext>", "<!DOCTYPE html>", "<!doc", "<?xml ", "<![CDATA[", "]]>", "<base href=/q/>", "<iframe src=g>", "</iframe>", "<link rel=icon href=h&amp;i>",
		"<td background=j", "<x/style=url(k)>", "<noscript>", "</noscript>", "&lt;", "\x00", "<é", "<textarea>", "</textarea/", "<body\tbackground\n=\fl>",
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		var doc []byte
		for range 1 + random.IntN(12) {
			doc = append(doc, pieces[random.IntN(len(pieces))]...)
		}
		if sameLinks(t, doc); t.Failed() {
			return
		}
	}
}

// Whatever a document holds, its reading ends.
func FuzzLinks(f *testing.F) {
	f.Add([]byte(`<img src="a"><style>@import url(b)`))
	f.Fuzz(func(t *testing.T, b []byte) {
		sameLinks(t, b)
		Links("http://a.test/", b, func(u string) bool {
			if n, ok := weburl.Normal(u); !ok || n != u {
				t.Errorf("%q is not in normal form: %q", u, n)
			}
			return true
		})
	})
}
