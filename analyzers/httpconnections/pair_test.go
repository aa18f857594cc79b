package httpconnections

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wiretale/wiretale/events"
)

// Connections are found by their key, whatever the order in which they open
// and end; and no more are held than allowed.
func TestConnections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fold{pending: rapid.IntRange(1, 30).Draw(t, "pending")}
		f.conns.make = func() *conn { return &conn{} }
		f.conns.reset = func(c *conn) *conn { *c = conn{}; return c }
		p := &pair{}
		want := map[events.StreamKey]*conn{}
		limited := 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			k := events.StreamKey{Stream: rapid.Uint32Range(0, 20).Draw(t, "stream"), Proto: events.ProtoTCP + 11*uint8(rapid.IntRange(0, 1).Draw(t, "udp"))}
			add := rapid.Bool().Draw(t, "add")
			c := p.conn(f, k, add)
			switch {
			case want[k] != nil:
				if c != want[k] {
					t.Fatalf("%v is another connection", k)
				}
				if !add {
					p.close(f, k, c)
					delete(want, k)
				}
			case !add || len(want) == f.pending:
				if c != nil {
					t.Fatalf("%v was not opened", k)
				}
				if add {
					limited++
				}
			default:
				if c == nil {
					t.Fatalf("%v cannot be opened", k)
				}
				want[k] = c
			}
		}
		if len(p.conns) != len(want) || p.limited != limited {
			t.Fatalf("%d connections, %d over the limit; want %d, %d", len(p.conns), p.limited, len(want), limited)
		}
	})
}

// Names of sites are found without regard to case, few or many.
func TestSites(t *testing.T) {
	f := &fold{pending: 50}
	p := &pair{}
	first := map[string]*site{}
	for range 2 {
		for i := range 50 {
			host := fmt.Sprintf("WWW%d.Example", i)
			u := p.site(f, host)
			if low := strings.ToLower(host); first[low] == nil {
				first[low] = u
			}
			if u == nil || u != first[strings.ToLower(host)] || p.site(f, strings.ToLower(host)) != u || u.host != strings.ToLower(host) {
				t.Fatal(host)
			}
		}
	}
	if p.site(f, "one-more.example") != nil || p.limited != 1 || len(p.sites) != 50 {
		t.Errorf("%d sites, %d over the limit", len(p.sites), p.limited)
	}
}
