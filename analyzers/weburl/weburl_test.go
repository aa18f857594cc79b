package weburl

import "testing"

func TestURLs(t *testing.T) {
	for _, c := range [][2]string{
		{"HTTP://A.test", "http://a.test/"}, {"https://a.test:443/x?y#z", "https://a.test/x?y"}, {"http://a.test?x", "http://a.test/?x"},
		{"http://u:p@a.test/", "http://a.test/"}, {"about:blank", ""}, {"ftp://a.test/", ""}, {"http:///x", ""},
	} {
		if got, _ := Normal(c[0]); got != c[1] {
			t.Errorf("%s is %q, want %q", c[0], got, c[1])
		}
	}
	for _, c := range [][3]string{ // RFC 3986 section 5.4.1
		{"http://a/b/c/d;p?q", "g", "http://a/b/c/g"}, {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"}, {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
		{"http://a/b/c/d;p?q", "/g", "http://a/g"}, {"http://a/b/c/d;p?q", "//g", "http://g/"}, {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
		{"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"}, {"http://a/b/c/d;p?q", "..", "http://a/b/"}, {"http://a/b/c/d;p?q", "../..", "http://a/"},
		{"http://a/b/c/d;p?q", "../../../g", "http://a/g"}, {"http://a/b/c/d;p?q", "g#s", "http://a/b/c/g"}, {"http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/"},
	} {
		if got, _ := Resolve(c[0], c[1]); got != c[2] {
			t.Errorf("%s at %s is %q, want %q", c[1], c[0], got, c[2])
		}
	}
}
