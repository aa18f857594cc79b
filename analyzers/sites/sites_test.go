package sites

import "testing"

// From the rules of the list: .test is not in it, so that its rule "*" counts;
// co.uk and github.io are.
func TestOf(t *testing.T) {
	for host, want := range map[string]string{
		"www.news.test": "news.test", "ads.tracker.test:8080": "tracker.test", "A.B.Example.COM.": "example.com",
		"www.shop.co.uk": "shop.co.uk", "me.github.io": "me.github.io", "x.me.github.io": "me.github.io",
		"co.uk": "co.uk", "localhost": "localhost", "192.0.2.1:80": "192.0.2.1", "[2001:db8::1]:443": "[2001:db8::1]", "": "",
	} {
		if got := Of(host); got != want {
			t.Errorf("%q is of %q, want %q", host, got, want)
		}
	}
}

func TestIsSuffix(t *testing.T) {
	for domain, want := range map[string]bool{"co.uk": true, "com": true, "github.io": true, "example.com": false, "tracker.test": false} {
		if got := IsSuffix(domain); got != want {
			t.Errorf("%q: %v", domain, got)
		}
	}
}
