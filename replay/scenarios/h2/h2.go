// Package h2 shows HTTP/2 (RFC 9113): one large object and three small ones on
// one connection, which take turns, go by priority, are pushed, or all wait for
// one lost segment. Server and, but for priorities and pushes, client are
// golang.org/x/net/http2; that client sends no priorities and refuses pushes,
// so these two have a small client of their own over the library's Framer.
package h2

//lint:file-ignore SA1019 golang.org/x/net/http2 is the reference that this scenario runs

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/multiplex"
)

const rtt = 40 * time.Millisecond

// Multiplex is this package's first line in scenarios/all.
var Multiplex = scenarios.Scenario{
	Name:  "h2-multiplex",
	Doc:   "HTTP/2: a large object and three small ones take turns on one connection",
	RTT:   rtt,
	Takes: scenarios.TLS,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, multiplexed)
	},
}

// MultiplexTLS is Multiplex, under TLS.
var MultiplexTLS = scenarios.Scenario{
	Name:  "h2-multiplex-tls",
	Doc:   "the same under TLS 1.3; the keys are in the capture",
	RTT:   rtt,
	Takes: scenarios.TLS,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		p.TLS = true
		return play(ctx, p, multiplexed)
	},
}

// Priority has a client that says what it needs first.
var Priority = scenarios.Scenario{
	Name:  "h2-priority",
	Doc:   "HTTP/2: the client's priorities let three small objects overtake a large one",
	RTT:   rtt,
	Takes: scenarios.TLS,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, prioritized)
	},
}

// Push has a server that sends what was not asked for.
var Push = scenarios.Scenario{
	Name:  "h2-push",
	Doc:   "HTTP/2: with a page the server pushes three small objects; the large one is asked for",
	RTT:   rtt,
	Takes: scenarios.TLS,
	Run:   func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) { return play(ctx, p, pushed) },
}

// Loss has one lost segment.
var Loss = scenarios.Scenario{
	Name:      "h2-loss",
	Doc:       "HTTP/2: one lost segment stalls all streams of the connection",
	RTT:       rtt,
	Takes:     scenarios.TLS,
	Simulated: "it is about a lost segment, and the loopback loses none",
	Run:       func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) { return play(ctx, p, lossy) },
}

// variant is which of the scenarios is played.
type variant uint8

const (
	multiplexed variant = iota
	prioritized
	pushed
	lossy
)

const siteName = "www.example.test"

// What the site has.
const (
	pagePath   = "/"
	largePath  = "/large.bin"
	stylePath  = "/style.css"
	scriptPath = "/script.js"
	logoPath   = "/logo.svg"
)

// small are the three small objects, in the order of asking.
var small = []string{stylePath, scriptPath, logoPath}

// Sizes in bytes, about. Where a segment is lost, the small ones are large
// enough to be under way at that moment.
const (
	largeSize      = 56_000
	smallSize      = 6_000
	smallLossySize = 14_000

	// sendBuffer is what the server's host keeps for the network. What the
	// server has not yet handed over it can still put into another order.
	sendBuffer = 16 << 10

	// smallThink is how long the server of h2-priority needs for a small
	// object: it has begun with the large one, and all three come to wait.
	smallThink = 5 * time.Millisecond

	// lostSegment is the large segment of the server that is lost: in the
	// second flight, when all streams are under way.
	lostSegment = 24
)

// Addresses for documentation (RFC 5737) and a private client.
var (
	clientAddr = netip.MustParseAddr("10.0.0.10")
	webAddr    = netip.MustParseAddr("198.51.100.80")
)

// site is a run of one of the scenarios.
type site struct {
	*multiplex.World
	origin *multiplex.Origin
	loss   *multiplex.LostOne
}

func play(ctx context.Context, p scenarios.Params, v variant) (*scenarios.Result, error) {
	w, err := multiplex.New(p, clientAddr)
	if err != nil {
		return nil, err
	}
	s := &site{World: w}
	return w.Play(ctx, func(ctx context.Context) error {
		if err := s.build(p, v); err != nil {
			return err
		}
		switch v {
		case prioritized:
			return s.prioritize(ctx)
		case pushed:
			return s.takePushes(ctx)
		default:
			return s.fetch(ctx)
		}
	})
}

// build makes the site and starts it.
func (s *site) build(p scenarios.Params, v variant) error {
	size := smallSize
	if v == lossy {
		size = smallLossySize
	}
	there, back := p.Path(p.RTT), p.Path(p.RTT)
	if v == lossy && p.Loss == 0 {
		s.loss = multiplex.LoseOne(lostSegment, s.Now)
		back.Drop = s.loss.Drop
	}
	var err error
	if s.origin, err = s.Origin("web", siteName, webAddr, there, back, makeContents(p.Seed, size)); err != nil {
		return err
	}
	var scheduler func() http2.WriteScheduler
	switch v {
	case prioritized:
		// RFC 7540 section 5.3; the library's own choice follows RFC 9218.
		scheduler = func() http2.WriteScheduler { return http2.NewPriorityWriteScheduler(nil) }
		s.origin.Slice = largeSize // all of a response waits, so that only priority decides
		s.origin.Think = func(path string) time.Duration {
			if path == largePath {
				return 0
			}
			return smallThink
		}
	case pushed:
		s.origin.Pushes = map[string][]string{pagePath: small}
	}
	buffer := sendBuffer
	if v == lossy {
		buffer *= 4 // the window, not the buffer, is to be the limit
	}
	if err := s.origin.Host.SetSendBuffer(buffer); err != nil {
		return err
	}
	return s.origin.ServeHTTP2(p.TLS, scheduler)
}

// makeContents makes the site up: the same for the same seed.
func makeContents(seed uint64, size int) map[string]multiplex.Content {
	m := multiplex.NewMaker(seed, 0x6832) // "h2"
	return map[string]multiplex.Content{
		pagePath: {Type: "text/html; charset=utf-8", Body: []byte("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>One large, three small</title>\n" +
			"<link rel=\"stylesheet\" href=\"" + stylePath + "\"><script src=\"" + scriptPath + "\"></script></head>\n" +
			"<body><img src=\"" + logoPath + "\" alt=\"Logo\"><a href=\"" + largePath + "\">Noise</a></body>\n</html>\n")},
		largePath:  m.Noise(largeSize),
		stylePath:  m.CSS(size),
		scriptPath: m.JS(size),
		logoPath:   m.SVG(size),
	}
}

// fetch asks for the large object and, right behind, for the small ones.
func (s *site) fetch(ctx context.Context) error {
	c, err := s.origin.HTTP2(ctx)
	if err != nil {
		return err
	}
	calls, err := c.FetchAll(ctx, append([]string{largePath}, small...)...)
	if err != nil {
		return err
	}
	multiplex.Finished(s.World, calls)
	s.origin.TellFrames()
	if s.loss != nil {
		s.loss.Tell(s.World, calls)
	}
	return c.Close()
}
