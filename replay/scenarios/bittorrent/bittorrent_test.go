package bittorrent_test

import (
	"testing"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestSwarm(t *testing.T) {
	t.Parallel()
	r := replaytest.Run(t, "bt-swarm", replay.Options{Seed: 1})
	r.Check(t)
}
