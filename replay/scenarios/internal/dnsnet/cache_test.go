package dnsnet

import (
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

func record(t *testing.T, s string) mdns.RR {
	t.Helper()
	rr, err := mdns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

func TestCache(t *testing.T) {
	var c cache
	k := setKey{"x.test.", mdns.TypeA}
	if _, s := c.get(k, 0); s != absent {
		t.Errorf("state %d of what was never asked", s)
	}
	answer := &entry{rrs: []mdns.RR{record(t, "x.test. 3 IN A 192.0.2.1")}, ttl: 3 * time.Second, stored: time.Second, aa: true}
	c.put(k, answer)
	if e, s := c.get(k, 4*time.Second-1); s != live || e != answer {
		t.Errorf("state %d just before the end", s)
	}
	if _, s := c.get(k, 4*time.Second); s != expired {
		t.Errorf("state %d at the end", s)
	}
	glue := &entry{ttl: time.Hour, stored: 2 * time.Second}
	c.put(k, glue)
	if e, _ := c.get(k, 2*time.Second); e != answer {
		t.Error("glue replaced an answer that was good")
	}
	glue.stored = 4 * time.Second
	c.put(k, glue)
	if e, _ := c.get(k, 5*time.Second); e != glue {
		t.Error("glue did not replace what had expired")
	}
}

// TTLs run down in whole seconds, and never below 0.
func TestAged(t *testing.T) {
	rr := record(t, "x.test. 3 IN A 192.0.2.1")
	for age, want := range map[time.Duration]uint32{0: 3, 999 * time.Millisecond: 3, time.Second: 2, time.Minute: 0} {
		if got := aged([]mdns.RR{rr}, age)[0].Header().Ttl; got != want {
			t.Errorf("after %s: %d, want %d", age, got, want)
		}
	}
	if rr.Header().Ttl != 3 {
		t.Error("the record itself was changed")
	}
}

// A stream is cut into its messages, however it was written.
func TestFramer(t *testing.T) {
	const stream = "\x00\x03abc\x00\x00\x00\x01x"
	for cut := 0; cut <= len(stream); cut++ {
		var got []string
		f := framer{tell: func(n note) { got = append(got, n.wire) }}
		f.add([]byte(stream[:cut]), time.Time{}, time.Time{})
		f.add([]byte(stream[cut:]), time.Time{}, time.Time{})
		if len(got) != 3 || got[0] != "abc" || got[1] != "" || got[2] != "x" {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
}
