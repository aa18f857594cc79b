package peer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
)

// Account is what a peer says of itself when it is closed.
type Account struct {
	Choices  []truth.Choice
	Pieces   []truth.Peer
	Finished time.Time        // when it had the last piece; zero: never, or it had all before
	Given    map[string]int64 // bytes of blocks sent, by host
	Taken    map[string]int64 // bytes of blocks received, by host
}

// Account is to be called after Close.
func (p *Peer) Account() Account {
	return Account{Choices: p.choices, Pieces: p.history, Finished: p.finished, Given: p.given, Taken: p.taken}
}

// Add puts what peers noted into t: their connections, and each message as
// both of its ends saw it. The peers must be closed. Connections that t has
// already keep their numbers.
func Add(t *truth.Truth, peers []*Peer) error {
	type key struct{ from, to netip.AddrPort }
	type end struct {
		*link
		host string
	}
	accepted, number := map[key]end{}, map[*link]*int{}
	var dialled []end
	for _, p := range peers {
		for _, l := range p.all {
			if l.dialled {
				dialled = append(dialled, end{l, p.cfg.Name})
			} else {
				accepted[key{l.remote, l.local}] = end{l, p.cfg.Name}
			}
		}
	}
	slices.SortStableFunc(dialled, func(a, b end) int { return a.opened.Compare(b.opened) })
	for _, c := range dialled {
		s, ok := accepted[key{c.local, c.remote}]
		if !ok {
			return fmt.Errorf("peer: connection %s to %s was never accepted", c.local, c.remote)
		}
		delete(accepted, key{c.local, c.remote})
		id := len(t.Connections)
		number[c.link], number[s.link] = &id, &id
		t.Connections = append(t.Connections, truth.Connection{
			ID: id, Client: c.local, Server: c.remote,
			ConnectStart: c.opened, ConnectEnd: c.ready, Accepted: s.opened,
			ClientClosed: c.closed, ServerClosed: s.closed, ClientBytes: c.bytes, ServerBytes: s.bytes,
		})
		for _, way := range [2][2]end{{c, s}, {s, c}} {
			from, to := way[0], way[1]
			if len(from.sent) != len(to.received) {
				return fmt.Errorf("peer: %s sent %d messages to %s, which received %d", from.host, len(from.sent), to.host, len(to.received))
			}
			for i, n := range from.sent {
				r := to.received[i]
				t.Messages = append(t.Messages, truth.Message{
					Kind: truth.BitTorrent, Transport: "tcp", Client: c.local, Server: c.remote, Connection: &id,
					Sender:   truth.End{Host: from.host, Start: n.start, End: n.end},
					Receiver: truth.End{Host: to.host, Start: r.start, End: r.end},
					Wire:     n.wire,
				})
			}
		}
	}
	if len(accepted) > 0 {
		return fmt.Errorf("peer: %d connections were accepted that nobody dialled", len(accepted))
	}
	for _, p := range peers {
		for i, c := range p.choices {
			c.Connection = number[p.on[i]]
			t.Choices = append(t.Choices, c)
		}
		t.Peers = append(t.Peers, p.history...)
	}
	slices.SortStableFunc(t.Choices, func(a, b truth.Choice) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Host, b.Host))
	})
	slices.SortStableFunc(t.Peers, func(a, b truth.Peer) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Host, b.Host))
	})
	return nil
}
