// Package page is the visit of one web page: a DNS look-up of its host, then
// HTTP/1.1 for the page and its ten images, over at most two persistent
// connections. Client and servers are miekg/dns and net/http.
package page

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// Scenario is this package's line in scenarios/all.
var Scenario = scenarios.Scenario{
	Name: "page",
	Doc:  "a DNS look-up, then an HTTP/1.1 page with ten images over two connections",
	RTT:  40 * time.Millisecond,
	Run:  run,
}

const (
	siteName = "www.example.test"
	siteURL  = "http://" + siteName + "/"

	// The resolver is nearer than the web server: 10 ms where that is 40.
	resolverNearer = 4

	connections = 2 // a browser's limit, as small as shows parallel fetching
	images      = 10
)

// Addresses for documentation (RFC 5737) and a private client.
var (
	clientAddr = netip.MustParseAddr("10.0.0.10")
	dnsAddr    = netip.MustParseAddr("192.0.2.53")
	webAddr    = netip.MustParseAddr("198.51.100.80")
)

// visit is the scenario while it runs.
type visit struct {
	p       scenarios.Params
	net     *simnet.Network
	client  *simnet.Host
	dns     *simnet.Host
	web     *simnet.Host
	browser witness.Side
	site    witness.Side
	resolve lookup
	pages   *pages
	fetched fetches
}

func run(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
	// The connections, not the wall clock, end the scenario; this is for
	// networks that were asked to be absurd.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+200*p.RTT)
	defer cancel()

	v := &visit{p: p}
	if err := v.build(); err != nil {
		return nil, err
	}
	err := v.play(ctx)
	if cerr := v.net.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return v.result()
}

// build makes hosts and links.
func (v *visit) build() (err error) {
	v.net, err = simnet.New(v.p.Network())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			v.net.Close()
		}
	}()
	for _, h := range []struct {
		host **simnet.Host
		name string
		addr netip.Addr
	}{
		{&v.client, "client", clientAddr},
		{&v.dns, "dns", dnsAddr},
		{&v.web, "web", webAddr},
	} {
		if *h.host, err = v.net.AddHost(h.name, v.p.Addr(h.addr)); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		server *simnet.Host
		way    simnet.Path
	}{
		{v.dns, simnet.Path{Delay: v.p.RTT / resolverNearer / 2}},
		{v.web, v.p.Path(v.p.RTT)},
	} {
		if err = v.net.Connect(v.client, l.server, l.way, l.way); err != nil {
			return err
		}
	}
	if v.pages, err = makePages(v.p.Seed); err != nil {
		return err
	}
	v.browser.Now, v.site.Now = v.net.Now, v.net.Now
	return nil
}

// play is the visit: both servers up, look up, fetch, hang up, silence.
func (v *visit) play(ctx context.Context) (err error) {
	stopDNS, err := v.serveDNS()
	if err != nil {
		return err
	}
	defer stopDNS()
	stopWeb, err := v.serveWeb()
	if err != nil {
		return err
	}
	defer stopWeb()

	addr, err := v.lookUp(ctx)
	if err != nil {
		return fmt.Errorf("look-up: %w", err)
	}
	if err := v.browse(ctx, addr); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return v.net.Quiet(ctx, v.p.RTT+50*time.Millisecond)
}

// result puts the accounts of hosts and network together.
func (v *visit) result() (*scenarios.Result, error) {
	t := truth.Truth{
		Hosts: []truth.Host{
			host(v.client, "browser"),
			host(v.dns, "name server of "+siteName),
			host(v.web, "web server of "+siteName),
		},
		Messages: v.resolve.messages(),
	}
	for _, s := range v.net.Stats() {
		t.Paths = append(t.Paths, truth.Path{From: s.From, To: s.To,
			Delay: truth.Duration(s.Path.Delay), Packets: s.Packets, Bytes: s.Bytes})
	}
	for _, d := range v.net.Drops() {
		t.Drops = append(t.Drops, truth.Drop{Time: d.Time.Std(), From: d.From,
			Src: d.Src, Dst: d.Dst, Bytes: d.Bytes, Reason: d.Reason})
	}
	pairs, err := witness.Join(&v.browser, &v.site)
	if err != nil {
		return nil, err
	}
	for id, pair := range pairs {
		t.Connections = append(t.Connections, pair.Connection(id))
		m, err := v.exchanges(id, pair)
		if err != nil {
			return nil, err
		}
		t.Messages = append(t.Messages, m...)
	}
	t.SortMessages()
	return &scenarios.Result{Recording: v.net.Recording(), Truth: t}, nil
}

func host(h *simnet.Host, role string) truth.Host {
	return truth.Host{Name: h.Name(), Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()}
}
