package httphosting

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers/httpfresh"
	"github.com/wiretale/wiretale/events"
)

// marks are fields, and beginnings of Server, that content delivery networks
// put into what they pass on.
var marks = []struct{ field, begins, name string }{
	{"CF-RAY", "", "cloudflare"},
	{"X-Amz-Cf-Id", "", "cloudfront"},
	{"X-Amz-Cf-Pop", "", "cloudfront"},
	{"X-Fastly-Request-ID", "", "fastly"},
	{"X-Akamai-Request-ID", "", "akamai"},
	{"Akamai-Cache-Status", "", "akamai"},
	{"X-Azure-Ref", "", "azure front door"},
	{"X-Msedge-Ref", "", "azure front door"},
	{"X-Cdn", "", "cdn"},
	{"Server", "cloudflare", "cloudflare"},
	{"Server", "AkamaiGHost", "akamai"},
	{"Server", "ECS (", "edgecast"},
	{"Server", "ECAcc (", "edgecast"},
	{"Server", "Footprint", "level3"},
	{"Server", "keycdn", "keycdn"},
	{"Server", "BunnyCDN", "bunny"},
}

// cacheBefore reports whether a response tells of a cache before the server
// that made it, and what its name is, where it tells.
func cacheBefore(p *events.HTTPResponse) (name string, ok bool) {
	t := httpfresh.Tell(p)
	if t.Via || t.Outcome != httpfresh.Untold {
		name, ok = t.Cache, true
	}
	if name != "" {
		return name, ok
	}
	for i := range p.Headers {
		h := &p.Headers[i]
		for _, m := range marks {
			if len(h[0]) == len(m.field) && strings.EqualFold(h[0], m.field) && strings.HasPrefix(h[1], m.begins) {
				return m.name, true
			}
		}
	}
	return "", ok
}
