// Package streaming is a film in segments, over DASH and over HLS (RFC 8216):
// a player that chooses the rate of each segment by what the link carried, and
// a link whose rate falls and comes back. Server and client are net/http, the
// player is our own. The film is noise in valid containers.
package streaming

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// slow is why they need their simulated link.
const slow = "its link changes its rate, which that of the loopback cannot"

// The scenarios of this package, for scenarios/all.
var (
	DASH = scenarios.Scenario{
		Name: "dash",
		Doc:  "an adaptive player (DASH) while the link's rate falls and comes back: a stall, and switches",
		RTT:  rtt, Takes: scenarios.TimeScale, Simulated: slow, Run: stream(publishDASH, readDASH),
	}
	HLS = scenarios.Scenario{
		Name: "hls",
		Doc:  "an adaptive player (HLS) while the link's rate falls and comes back: a stall, and switches",
		RTT:  rtt, Takes: scenarios.TimeScale, Simulated: slow, Run: stream(publishHLS, readHLS),
	}
)

const (
	rtt      = 40 * time.Millisecond
	siteName = "video.example.test"
	siteURL  = "http://" + siteName
	agent    = "wiretale-replay"

	// linkRate is the link's when all is well, bit/s.
	linkRate = 3_000_000
)

// step says at what segment the link gets what part of its rate.
type step struct {
	segment int // 1 is the first
	divisor int64
}

// steps is the link's day: all well; a twenty-fifth, which is under the lowest
// rate of the film; all well again.
var steps = []step{{1, 1}, {6, 25}, {8, 1}}

// manifest is what a player knows of a film.
type manifest struct {
	segment time.Duration
	count   int
	levels  []level // by rate, lowest first
}

// level is one rate of the film.
type level struct {
	name string
	rate int64 // bit/s
	// first is fetched once, before the first segment of this level: the head
	// of the film (DASH), or the list of its segments (HLS).
	first string
	// url is that of a segment; 1 is the first.
	url func(segment int) string
}

// reader learns a manifest from the server.
type reader func(get func(url string) ([]byte, error)) (*manifest, error)

func stream(publish func(*web.Site, *film) error, read reader) func(context.Context, scenarios.Params) (*scenarios.Result, error) {
	return func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return web.Play(ctx, p, 2*time.Minute, func(ctx context.Context, w *web.World) error {
			client, err := w.Host("client", "adaptive player", "10.0.0.10")
			if err != nil {
				return err
			}
			server, err := w.Host("server", "web server of "+siteName, "198.51.100.80", siteName)
			if err != nil {
				return err
			}
			// Rates follow the time scale, so that the same is chosen.
			full := int64(float64(cmp.Or(p.Rate, linkRate)) * w.Scale())
			way := p.Path(p.RTT)
			way.Rate = full
			if err := w.Net.Connect(client, server, way, way); err != nil {
				return err
			}
			site := &web.Site{}
			if err := publish(site, newFilm(p.Seed)); err != nil {
				return err
			}
			if err := w.Serve(server, "80", agent, site); err != nil {
				return err
			}
			lane := w.Lane(client, web.LaneOptions{})
			defer lane.Close()
			player := &player{
				w: w, host: client.Name(),
				get: func(url string) ([]byte, error) { return get(ctx, lane, url) },
				before: func(segment int) error {
					return setRate(w, server, client, segment, full)
				},
			}
			return player.play(ctx, read)
		})
	}
}

// setRate takes the step of a segment, if there is one.
func setRate(w *web.World, server, client *simnet.Host, segment int, full int64) error {
	for _, s := range steps {
		if s.segment != segment {
			continue
		}
		rate := full / s.divisor
		if err := w.Net.SetRate(server, client, rate); err != nil {
			return err
		}
		w.Choose(truth.Choice{Host: "network", What: "rate", Of: strconv.FormatInt(rate, 10), Why: fmt.Sprintf("step at segment %d", segment)})
	}
	return nil
}

func get(ctx context.Context, lane *web.Lane, url string) ([]byte, error) {
	page, err := web.Fetch(ctx, lane, agent, url)
	if err != nil {
		return nil, err
	}
	if page.Status != 200 {
		return nil, fmt.Errorf("streaming: %s: status %d", url, page.Status)
	}
	return page.Body, nil
}
