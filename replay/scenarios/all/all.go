// Package all is the one list of scenarios.
package all

import (
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/bittorrent"
	"github.com/wiretale/wiretale/replay/scenarios/conditional"
	"github.com/wiretale/wiretale/replay/scenarios/cookies"
	"github.com/wiretale/wiretale/replay/scenarios/dns"
	"github.com/wiretale/wiretale/replay/scenarios/ftp"
	"github.com/wiretale/wiretale/replay/scenarios/h2"
	"github.com/wiretale/wiretale/replay/scenarios/h3"
	"github.com/wiretale/wiretale/replay/scenarios/hosting"
	"github.com/wiretale/wiretale/replay/scenarios/http1"
	"github.com/wiretale/wiretale/replay/scenarios/imap"
	"github.com/wiretale/wiretale/replay/scenarios/page"
	"github.com/wiretale/wiretale/replay/scenarios/pop3"
	"github.com/wiretale/wiretale/replay/scenarios/proxycache"
	"github.com/wiretale/wiretale/replay/scenarios/smtp"
	"github.com/wiretale/wiretale/replay/scenarios/streaming"
	"github.com/wiretale/wiretale/replay/scenarios/visit"
)

// Scenarios are all that can be replayed, in the order people see them.
var Scenarios = []scenarios.Scenario{
	page.Scenario, visit.HTTP2, visit.HTTP3,
	dns.Iterative, dns.Recursive, dns.Hybrid,
	dns.Cache, dns.RoundRobin, dns.MXAlias, dns.CDN,
	dns.Retry, dns.TCP, dns.DNSSEC, dns.Poison, dns.Flood,
	http1.NonPersistent, http1.Persistent, http1.Parallel, http1.Pipelined,
	conditional.Scenario, proxycache.Scenario, cookies.Scenario,
	hosting.VHosts, hosting.CDN,
	streaming.DASH, streaming.HLS,
	h2.Multiplex, h2.MultiplexTLS, h2.Priority, h2.Push, h2.Loss,
	h3.Loss,
	smtp.One, smtp.Many, smtp.STARTTLS, smtp.MIME, smtp.Relay,
	pop3.Keep, pop3.Delete, imap.Scenario,
	ftp.Active, ftp.Passive,
	bittorrent.Swarm, bittorrent.DHT, bittorrent.UDPTracker, bittorrent.FreeRider, bittorrent.Versus,
}
