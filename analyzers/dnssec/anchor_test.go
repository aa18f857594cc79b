package dnssec

import (
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/events"
)

// The key that IANA published in 2017, and its tag.
const ksk2017 = "257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU="

func TestRootAnchors(t *testing.T) {
	as := anchors(nil)
	if len(as) != len(rootAnchors) {
		t.Fatalf("%d of %d can be read", len(as), len(rootAnchors))
	}
	k := parseKey(".", ksk2017)
	if k == nil || k.KeyTag() != 20326 {
		t.Fatalf("%v", k)
	}
	for _, c := range []struct {
		year int
		want int // anchors that name it
	}{{2012, 0}, {2018, 1}, {2026, 1}} {
		n := 0
		for i := range as {
			if as[i].believes(k, events.TimeOf(time.Date(c.year, 6, 1, 0, 0, 0, 0, time.UTC))) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("in %d, %d anchors name the key of 2017, want %d", c.year, n, c.want)
		}
	}
	revoked := *k
	revoked.Flags |= mdns.REVOKE
	for i := range as {
		if as[i].believes(&revoked, events.TimeOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))) {
			t.Error("a revoked key is believed")
		}
	}
}
