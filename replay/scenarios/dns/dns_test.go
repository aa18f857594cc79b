package dns_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestScenarios(t *testing.T) {
	for _, name := range []string{"dns-iterative", "dns-recursive", "dns-hybrid", "dns-cache", "dns-roundrobin", "dns-mx-alias", "dns-cdn", "dns-retry", "dns-tcp", "dnssec", "dns-poison", "dns-flood"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, name, replay.Options{RTT: 20 * time.Millisecond, Seed: 7})
			r.Check(t)
		})
	}
}
