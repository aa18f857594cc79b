package httpcachewhatif

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// WhatIf is what one shared cache for all clients of the capture would have
// done. docs/analyses/http.cache.whatif.md defines each field.
type WhatIf struct {
	Undecided string `json:"undecided,omitzero" doc:"why not all of the figures can be told"`

	Clients  int             `json:"clients" doc:"addresses that asked on their own account"`
	Requests uint64          `json:"requests" doc:"that they sent, and that were answered"`
	Span     events.Duration `json:"span" doc:"seconds from the first of these requests to the last"`
	Lambda   *float64        `json:"lambda,omitzero" doc:"λ: requests a second, (requests - 1) / span"`
	Bytes    int64           `json:"bytes" doc:"of their responses, heads and bodies on the wire"`
	L        *float64        `json:"mean_bytes,omitzero" doc:"L: mean bytes of a response, head and body on the wire"`
	Object   *float64        `json:"mean_object_bytes,omitzero" doc:"mean bytes of a body alone"`

	Hits        uint64   `json:"hits" doc:"requests that the cache would have answered"`
	Revalidated uint64   `json:"revalidated" doc:"that it would have asked about, for the answer not modified"`
	Misses      uint64   `json:"misses"`
	HitRate     *float64 `json:"hit_rate,omitzero" doc:"h: hits / requests"`
	ByteHitRate *float64 `json:"byte_hit_rate,omitzero" doc:"share of the bytes of bodies that would not have crossed the access link, revalidated ones included"`
	Outdated    uint64   `json:"outdated,omitzero" doc:"of the hits: the server had changed it meanwhile, within its lifetime"`
	Why         []Reason `json:"why,omitzero" doc:"misses by reason"`
	Limited     uint64   `json:"limited,omitzero" doc:"objects forgotten by limit fold-pending, whose next request counts as the first"`

	Link    int64  `json:"access_link,omitzero" doc:"R: bit/s, as told by --access-link"`
	Queue   string `json:"queue,omitzero" doc:"model of what waits for the link"`
	Present *Load  `json:"now,omitzero" doc:"what crossed the link in the capture"`
	None    *Load  `json:"without,omitzero" doc:"if no cache stood before the link"`
	With    *Load  `json:"with,omitzero" doc:"with the cache"`

	OriginDelay  *events.Duration `json:"origin_delay,omitzero" doc:"seconds to the first byte of a response from beyond the link, without waiting: of each server the least, mean over requests"`
	LANDelay     events.Duration  `json:"lan_delay" doc:"seconds to the first byte of a hit; assumed"`
	Measured     *events.Duration `json:"measured_delay,omitzero" doc:"seconds to the first byte, mean, as captured"`
	NonCacheable uint64           `json:"not_cacheable,omitzero" doc:"responses that a shared cache may not, or need not, store"`

	Frames []uint64 `json:"frames"`
	Filter string   `json:"filter"`
}

// Reason is why requests would have missed.
type Reason struct {
	Name     string `json:"name" doc:"first (never asked before), stale, changed, or why what came before may not be stored"`
	Requests uint64 `json:"requests"`
	Bytes    int64  `json:"bytes" doc:"of bodies"`
}

// Load is the access link under one arrangement.
type Load struct {
	Rho   *float64         `json:"utilisation,omitzero" doc:"ρ: share of the link that is used"`
	Wait  *events.Duration `json:"queue_wait,omitzero" doc:"seconds that a response waits for the link, mean by the model; left out where the queue grows without end"`
	Delay *events.Duration `json:"mean_delay,omitzero" doc:"seconds to the first byte, mean by the model"`
	// Endless is set where the link is asked for more than it can carry.
	Endless bool `json:"overloaded,omitzero" doc:"ρ is 1 or more: the queue grows without end"`
}

// model is the arithmetic of the question, without a capture.
type model struct {
	R      float64 // bit/s
	L      float64 // bits
	Lambda float64 // requests a second
	Origin float64 // seconds
	LAN    float64 // seconds
	Queue  analyzers.Queue
}

// load is the link where share h of the requests never comes to it:
// ρ = (1−h)·λ·L/R, delay = (1−h)·(origin + wait) + h·LAN.
func (m model) load(h float64, withDelay bool) *Load {
	if m.R <= 0 {
		return nil
	}
	rho := (1 - h) * m.Lambda * m.L / m.R
	l := &Load{Rho: &rho}
	wait, ok := m.Queue.Wait(rho, m.L/m.R)
	if !ok {
		l.Endless = true
		return l
	}
	l.Wait = seconds(wait)
	if withDelay {
		l.Delay = seconds((1-h)*(m.Origin+wait) + h*m.LAN)
	}
	return l
}

// seconds as a Duration, at most three hundred years.
func seconds(s float64) *events.Duration {
	const most = 1e10
	d := events.Duration(min(s, most)*1e9 + 0.5)
	return &d
}
