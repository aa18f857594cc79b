// Package ftp is file transfer (RFC 959) in its two modes: active, where the
// server opens the data connections (PORT, EPRT), and passive, where the client
// does (PASV, EPSV), each over IPv4 and IPv6. The server is goftp.io/server with
// data connections of its own network; the passive client is jlaffaye/ftp, the
// active one is written here.
package ftp

import (
	"context"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/stage"
)

// The scenarios, for scenarios/all.
var (
	Active  = scenario("ftp-active", "the server opens the data connections: PORT over IPv4, EPRT over IPv6", (*transfer).active)
	Passive = scenario("ftp-passive", "the client opens the data connections: PASV over IPv4, EPSV over IPv6", (*transfer).passive)
)

// All are the scenarios of this package, in the order people see them.
var All = []scenarios.Scenario{Active, Passive}

const (
	user     = "carol"
	password = "open sesame"
	port     = 21
)

// Addresses for documentation (RFC 5737, RFC 3849) and a private client.
var (
	client4 = netip.MustParseAddr("10.0.0.30")
	client6 = netip.MustParseAddr("2001:db8:30::30")
	server4 = netip.MustParseAddr("198.51.100.21")
	server6 = netip.MustParseAddr("2001:db8:21::21")
)

// transfer is a scenario while it runs. Of each host, the control connections
// and what the other host may open belong to one side, the data connections
// that the server opens to another.
type transfer struct {
	*stage.Stage
	client, server         *stage.Actor
	clientData, serverData *stage.Actor
	files                  *files
	done                   moves
}

func scenario(name, doc string, play func(*transfer, context.Context) error) scenarios.Scenario {
	return scenarios.Scenario{Name: name, Doc: doc, RTT: 40 * time.Millisecond,
		MinMTU: 1280, // of IPv6 (RFC 8200 section 5)
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			t := &transfer{}
			return stage.Play(ctx, p, stage.Limit(p, 256),
				func(st *stage.Stage) error { t.Stage = st; return t.build() },
				func(ctx context.Context) error {
					stop, err := t.serve(ctx)
					if err != nil {
						return err
					}
					defer stop()
					return play(t, ctx)
				}, t.result)
		}}
}

func (t *transfer) build() (err error) {
	of := func(v4, v6 netip.Addr) []netip.Addr {
		if t.Params.Real != nil {
			return []netip.Addr{v4} // of IPv6 the loopback has one address, for one host
		}
		return []netip.Addr{v4, v6}
	}
	if t.client, err = t.Add("client", "FTP client", of(client4, client6)...); err != nil {
		return err
	}
	if t.server, err = t.Add("server", "FTP server", of(server4, server6)...); err != nil {
		return err
	}
	t.clientData, t.serverData = t.client.NewSide(), t.server.NewSide()
	author := letters.NewAuthor(t.Params.Seed, "files")
	t.files = newFiles(map[string][]byte{
		"/pub/notes.txt":  []byte(author.Words(150)),
		"/pub/novel.txt":  []byte(author.Words(2500)),
		"/pub/readme.txt": []byte("Nothing here is of use to anybody.\n"),
	})
	return t.Join(t.client, t.server, t.Params.Path(t.Params.RTT))
}
