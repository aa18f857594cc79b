package dnstransaction

import (
	"fmt"
	"testing"
)

// A finding about one query speaks of one.
func TestFindingsSpeakOfOneOrMany(t *testing.T) {
	for n, want := range map[int]string{
		1: "1 DNS query got two different answers; worst: n0. A from 10.0.0.5 to 10.0.0.53",
		3: "3 DNS queries got two different answers; worst: n0. A from 10.0.0.5 to 10.0.0.53",
	} {
		c := &talk{}
		for i := range n {
			f, at, id := udp(uint32(i), stub, uint16(4000+i), resolver), float64(100*i), uint16(i+1)
			name := fmt.Sprintf("n%d. A", i)
			c.q(f, at, id, name)
			c.a(f, at+2, id, name, "203.0.113.66")
			c.a(f, at+30, id, name, "192.0.2.1")
		}
		s := newSummary()
		for _, r := range c.rows(t) {
			s.Add(&r)
		}
		if found := s.Section(false).Findings; len(found) != 1 || found[0].Text != want {
			t.Errorf("%d: %+v, want %q", n, found, want)
		}
	}
	if got := counted(1, "retry", "retries") + counted(1200, "retry", "retries"); got != "1 retry1,200 retries" {
		t.Errorf("got %q", got)
	}
}
