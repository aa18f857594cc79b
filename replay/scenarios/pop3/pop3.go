// Package pop3 is a mail program that fetches letters over POP3 (RFC 1939) in
// its two modes: keep them at the server, or delete them there. Both ends are
// written here, since no library speaks POP3.
package pop3

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/stage"
)

// The scenarios, for scenarios/all.
var (
	Keep   = scenario("pop3-keep", "download and keep: on the second visit UIDL tells which letters are new", (*visits).keep)
	Delete = scenario("pop3-delete", "download and delete: on the second visit the maildrop is empty", (*visits).delete)
)

// All are the scenarios of this package, in the order people see them.
var All = []scenarios.Scenario{Keep, Delete}

const (
	user     = "bob"
	password = "hungry"
	port     = 110
)

// Addresses for documentation (RFC 5737) and a private client.
var (
	agentAddr  = netip.MustParseAddr("10.0.0.20")
	serverAddr = netip.MustParseAddr("198.51.100.110")
)

// date is what the letters bear: they are the same on every run.
var date = simnet.Epoch

// visits is a scenario while it runs.
type visits struct {
	*stage.Stage
	agent, host *stage.Actor
	author      *letters.Author
	drop        *maildrop
	// fetched are what RETR and TOP gave on each connection, in order.
	fetched map[netip.AddrPort][]fetched
}

// fetched is a letter, or its head, as the client got it.
type fetched struct {
	id    string // unique-id
	lines int    // of TOP; -1: all (RETR)
	raw   []byte
}

func scenario(name, doc string, play func(*visits, context.Context) error) scenarios.Scenario {
	return scenarios.Scenario{Name: name, Doc: doc, RTT: 40 * time.Millisecond,
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			v := &visits{fetched: map[netip.AddrPort][]fetched{}}
			return stage.Play(ctx, p, stage.Limit(p, 128),
				func(st *stage.Stage) error { v.Stage = st; return v.build() },
				func(ctx context.Context) error {
					stop, err := v.serve()
					if err != nil {
						return err
					}
					defer stop()
					return play(v, ctx)
				}, v.result)
		}}
}

func (v *visits) build() (err error) {
	if v.agent, err = v.Add("agent", "bob's mail program", agentAddr); err != nil {
		return err
	}
	if v.host, err = v.Add("hamburger", "mail server of hamburger.edu", serverAddr); err != nil {
		return err
	}
	v.author = letters.NewAuthor(v.Params.Seed, "crepes.fr")
	v.drop = &maildrop{}
	return errors.Join(v.deliver("A question", "Do you like ketchup?\nHow about pickles?\n"),
		v.deliver("A list", v.author.Words(120)+".\n.hidden\n..\n"+v.author.Words(20)),
		v.Join(v.agent, v.host, v.Params.Path(v.Params.RTT)))
}

// deliver puts a letter into the maildrop.
func (v *visits) deliver(subject, text string) error {
	l, err := v.author.Plain("alice@crepes.fr", "bob@hamburger.edu", subject, text, date)
	if err == nil {
		v.drop.add(l)
	}
	return err
}

// keep: what is there is fetched and stays. The next visit fetches what is
// new.
func (v *visits) keep(ctx context.Context) error {
	known := map[string]bool{}
	for visit := range 2 {
		c, err := v.open(ctx)
		if err != nil {
			return err
		}
		if err := c.logIn(user, password); err != nil {
			return err
		}
		if _, err := c.ok("STAT"); err != nil {
			return err
		}
		ids, err := c.list("UIDL")
		if err != nil {
			return err
		}
		if want := 2 + visit; len(ids) != want {
			return fmt.Errorf("%d letters, want %d", len(ids), want)
		}
		for _, e := range ids {
			if known[e.what] {
				continue
			}
			known[e.what] = true
			if visit == 1 { // look before it is fetched
				if err := c.fetch(e, 2); err != nil {
					return err
				}
			}
			if err := c.fetch(e, all); err != nil {
				return err
			}
		}
		if err := c.quit(); err != nil {
			return err
		}
		if visit == 0 {
			if err := v.deliver("Lunch?", v.author.Words(50)); err != nil {
				return err
			}
		}
	}
	return nil
}

// delete: each letter is fetched and marked; QUIT takes the marked ones away.
func (v *visits) delete(ctx context.Context) error {
	c, err := v.open(ctx)
	if err != nil {
		return err
	}
	if _, err := c.list("CAPA"); err != nil {
		return err
	}
	var no *refused
	if err := c.logIn(user, "guess"); !errors.As(err, &no) {
		return fmt.Errorf("a wrong password was answered with %w", err)
	}
	if err := c.logIn(user, password); err != nil {
		return err
	}
	found, err := c.list("LIST")
	if err != nil {
		return err
	}
	for _, e := range found {
		if err := c.fetch(e, all); err != nil {
			return err
		}
		if _, err := c.ok("DELE " + e.number); err != nil {
			return err
		}
	}
	// What is marked is not there any more (RFC 1939 section 5).
	if _, err := c.ok("RETR 1"); !errors.As(err, &no) {
		return fmt.Errorf("a deleted letter was answered with %w", err)
	}
	if err := c.quit(); err != nil {
		return err
	}

	if c, err = v.open(ctx); err != nil {
		return err
	}
	if err := c.logIn(user, password); err != nil {
		return err
	}
	if found, err = c.list("LIST"); err != nil {
		return err
	}
	if len(found) != 0 {
		return fmt.Errorf("%d letters are left", len(found))
	}
	return c.quit()
}
