package web

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

func TestParseVersion(t *testing.T) {
	for _, s := range append([]string{""}, Versions...) {
		if v, err := ParseVersion(s); err != nil || string(v) != s {
			t.Errorf("%q: %q, %v", s, v, err)
		}
	}
	if _, err := ParseVersion("http4"); err == nil {
		t.Error("http4 is a version")
	}
}

// What the libraries would refuse, or answer by themselves, is refused before.
func TestRefused(t *testing.T) {
	good := Exchange{Method: "GET", Host: "h", Target: "/", Status: 200}
	if err := good.Refused(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Exchange){
		"method":           func(x *Exchange) { x.Method = "G T" },
		"tunnel":           func(x *Exchange) { x.Method = "CONNECT" },
		"interim":          func(x *Exchange) { x.Status = 100 },
		"no status":        func(x *Exchange) { x.Status = 1000 },
		"host":             func(x *Exchange) { x.Host = "a b" },
		"no host":          func(x *Exchange) { x.Host = "" },
		"target":           func(x *Exchange) { x.Target = "a" },
		"blank":            func(x *Exchange) { x.Target = "/a b" },
		"escape":           func(x *Exchange) { x.Target = "/%zz" },
		"two slashes":      func(x *Exchange) { x.Target = "//a" },
		"star":             func(x *Exchange) { x.Target = "*" },
		"content with 204": func(x *Exchange) { x.Status, x.Body = 204, []byte("x") },
		"content of HEAD":  func(x *Exchange) { x.Method, x.Body = "HEAD", []byte("x") },
	} {
		x := good
		if change(&x); x.Refused() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestAim(t *testing.T) {
	for _, x := range []struct {
		target            string
		version           Version
		authority, wanted string
	}{
		{"/a?b", HTTP1, "h", "/a?b"},
		{"/a?b", HTTP3, "h", "/a?b"},
		{"/http://x/y", HTTP2, "h", "/http://x/y"},
		{"http://x/y?z", HTTP1, "x", "http://x/y?z"},
		{"http://x/y?z", HTTP2, "x", "/y?z"},
		{"http://x", HTTP2, "x", "/"},
		{"http://x?z", HTTP2, "x", "/?z"},
		{"*", HTTP1, "h", "*"},
	} {
		e := Exchange{Host: "h", Target: x.target}
		if a, w := e.aim(x.version); a != x.authority || w != x.wanted {
			t.Errorf("%s over %s: %q %q", x.target, x.version, a, w)
		}
	}
}

func TestServerName(t *testing.T) {
	at := netip.MustParseAddr("192.0.2.1")
	for in, want := range map[string]string{
		"www.Example.test": "www.example.test", "h:8080": "h", "10.0.0.1:80": "10.0.0.1", "[2001:db8::1]": "2001:db8::1", "[2001:db8::1]:80": "2001:db8::1",
		"a_b": "192.0.2.1", "-a": "192.0.2.1", "": "192.0.2.1", "a..b": "192.0.2.1", strings.Repeat("a", 64): "192.0.2.1",
	} {
		if got := serverName(in, at); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	fields := []events.Header{{"host", "h"}, {"user-agent", "x"}, {"X-one", "1"}, {"X-one", "2"}, {"Connection", "close"}, {"content-length", "5"}, {"bad name", "x"}, {"x-bad", "a\nb"}}
	names := func(v Version) string {
		var out []string
		for k, values := range header(v, fields) {
			out = append(out, k+"="+strings.Join(values, ","))
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	if got, want := names(HTTP1), "Connection=close User-Agent=x X-one=1,2"; got != want {
		t.Errorf("HTTP/1: %s, want %s", got, want)
	}
	if got, want := names(HTTP2), "User-Agent=x X-One=1,2"; got != want {
		t.Errorf("HTTP/2: %s, want %s", got, want)
	}
	x := Exchange{Version: HTTP2, Method: "GET", Status: 200, Body: []byte("abc")}
	if h, open := x.answer(); !open || h["Date"] != nil || h["Content-Type"] != nil || len(h) != 2 {
		t.Errorf("an answer without a length: %v, open %t", h, open)
	}
	x.Answer = []events.Header{{"Content-Length", "99"}}
	if h, open := x.answer(); open || h.Get("Content-Length") != "3" {
		t.Errorf("an answer with a length: %v, open %t", h, open)
	}
}
