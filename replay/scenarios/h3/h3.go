// Package h3 shows HTTP/3 (RFC 9114) over QUIC (RFC 9000): one large object
// and three small ones on one connection, of which one datagram is lost. It
// stalls the stream whose bytes it carried; the others go on. Both ends are
// github.com/quic-go/quic-go/http3.
package h3

import (
	"context"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/multiplex"
)

// Loss is this package's line in scenarios/all.
var Loss = scenarios.Scenario{
	Name:      "h3-loss",
	Doc:       "HTTP/3: one lost datagram stalls one stream, and not the others",
	RTT:       40 * time.Millisecond,
	MinMTU:    multiplex.MinMTU,
	Simulated: "it is about a lost datagram, and the loopback loses none",
	Run:       play,
}

const (
	siteName = "www.example.test"

	// As in h2-loss, so that the two can be laid side by side.
	largePath = "/large.bin"
	largeSize = 56_000
	smallSize = 14_000

	// lostDatagram is the large packet of the server that is lost: behind its
	// handshake, when all streams are under way.
	lostDatagram = 20
)

// small are the three small objects, in the order of asking.
var small = []string{"/style.css", "/script.js", "/logo.svg"}

// Addresses for documentation (RFC 5737) and a private client.
var (
	clientAddr = netip.MustParseAddr("10.0.0.10")
	webAddr    = netip.MustParseAddr("198.51.100.80")
)

func play(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	w, err := multiplex.New(p, clientAddr)
	if err != nil {
		return nil, err
	}
	return w.Play(ctx, func(ctx context.Context) error { return visit(ctx, w) })
}

func visit(ctx context.Context, w *multiplex.World) error {
	there, back := w.Params.Path(w.Params.RTT), w.Params.Path(w.Params.RTT)
	var loss *multiplex.LostOne
	if w.Params.Loss == 0 {
		loss = multiplex.LoseOne(lostDatagram, w.Now)
		back.Drop = loss.Drop
	}
	origin, err := w.Origin("web", siteName, webAddr, there, back, makeContents(w.Params.Seed))
	if err != nil {
		return err
	}
	if err := origin.ServeHTTP3(); err != nil {
		return err
	}
	c, err := origin.HTTP3(ctx)
	if err != nil {
		return err
	}
	calls, err := c.FetchAll(ctx, append([]string{largePath}, small...)...)
	if err != nil {
		return err
	}
	multiplex.Finished(w, calls)
	if loss != nil {
		loss.Tell(w, calls)
	}
	c.Settle(ctx)
	return c.Close()
}

// makeContents makes the site up: the same for the same seed.
func makeContents(seed uint64) map[string]multiplex.Content {
	m := multiplex.NewMaker(seed, 0x6833) // "h3"
	return map[string]multiplex.Content{
		largePath: m.Noise(largeSize),
		small[0]:  m.CSS(smallSize),
		small[1]:  m.JS(smallSize),
		small[2]:  m.SVG(smallSize),
	}
}
