package replaytest_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestPage(t *testing.T) {
	r := replaytest.Run(t, "page", replay.Options{RTT: 8 * time.Millisecond, Seed: 4})
	r.Check(t)
	r.CheckRTT(t)
}

func TestOpen(t *testing.T) {
	replaytest.Open(t, "../../pcaps/page.pcapng", "../../pcaps/page.json").Check(t)
}
