// Package smtp is mail on its way: five scenarios around the dialogue between
// the servers of crepes.fr and hamburger.edu. Clients and servers are
// emersion/go-smtp, letters are written by emersion/go-message.
package smtp

import (
	"context"
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
	One = scenario("smtp", "one letter from crepes.fr to hamburger.edu", 64, playOne)

	Many = scenario("smtp-many", "several letters over one connection, one recipient refused, one letter taken back", 128, playMany)

	STARTTLS = scenario("smtp-starttls", "a letter handed in under TLS: STARTTLS, then AUTH; the capture bears the keys", 64, playSTARTTLS)

	MIME = scenario("smtp-mime", "a letter with attachments: multipart, base64, quoted-printable, names of RFC 2047 and 2231, a letter inside", 64, playMIME)

	Relay = scenario("smtp-relay", "queue and retry: the first exchanger is dead, the second one says 451 and takes the letters on the next round", 256, playRelay).
		Heeding(scenarios.TimeScale).OnlySimulated("its dead exchanger never answers, and the loopback refuses at once")
)

// All are the scenarios of this package, in the order people see them.
var All = []scenarios.Scenario{One, Many, STARTTLS, MIME, Relay}

const (
	sender   = "crepes.fr"
	receiver = "hamburger.edu"
	alice    = "alice@" + sender
	bob      = "bob@" + receiver

	portMail       = 25
	portSubmission = 587
)

// Addresses for documentation (RFC 5737) and a private client.
var (
	agentAddr     = netip.MustParseAddr("10.0.0.10")
	crepesAddr    = netip.MustParseAddr("192.0.2.25")
	hamburgerAddr = netip.MustParseAddr("198.51.100.25")
	backupAddr    = netip.MustParseAddr("198.51.100.26")
)

// date is what the authors' clocks say: the moment at which the network begins,
// so that letters are the same on every run.
var date = simnet.Epoch

// mail is a scenario while it runs.
type mail struct {
	*stage.Stage
	author *letters.Author
	talks  []stage.Talk
	posted
	queue queue // of a relay
	under *under
}

// scenario makes a line for scenarios/all of what play does. trips is how
// many round trips are more than it needs.
func scenario(name, doc string, trips int, play func(context.Context, *mail) error) scenarios.Scenario {
	return scenarios.Scenario{Name: name, Doc: doc, RTT: 40 * time.Millisecond,
		Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
			m := &mail{}
			return stage.Play(ctx, p, stage.Limit(p, trips),
				func(st *stage.Stage) error {
					m.Stage = st
					m.author = letters.NewAuthor(p.Seed, sender)
					return nil
				},
				func(ctx context.Context) error { return play(ctx, m) },
				m.result)
		}}
}

// link joins two hosts by the link that all parameters are for.
func (m *mail) link(a, b *stage.Actor) error {
	return m.Join(a, b, m.Params.Path(m.Params.RTT))
}

// talk says that a calls b.
func (m *mail) talk(a, b *stage.Actor) { m.talks = append(m.talks, stage.Talk{Client: a, Server: b}) }

// two makes the hosts of the scenarios in which one server calls another.
func (m *mail) two() (client, server *stage.Actor, err error) {
	if client, err = m.Add("crepes", "mail server of "+sender, crepesAddr); err != nil {
		return nil, nil, err
	}
	if server, err = m.Add("hamburger", "mail server of "+receiver, hamburgerAddr); err != nil {
		return nil, nil, err
	}
	m.talk(client, server)
	return client, server, m.link(client, server)
}

// result is the truth of all conversations.
func (m *mail) result(r *stage.Result) error {
	conversations, err := r.Conversations(m.talks...)
	if err != nil {
		return err
	}
	for _, c := range conversations {
		if err := m.tell(r, c); err != nil {
			return fmt.Errorf("%s to %s: %w", c.Client, c.Server, err)
		}
	}
	r.Truth.Choices = m.queue.choices
	return nil
}
