package dnsnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/simnet"
)

// ErrNoAnswer says that a server was asked several times in vain.
var ErrNoAnswer = errors.New("no answer")

// Client asks servers from a host: a question over UDP, again and with twice
// the patience when no answer comes, and over TCP when the answer was cut.
type Client struct {
	W    *World
	Host *simnet.Host

	UDPSize uint16 // EDNS buffer size; 0: no EDNS
	DO      bool   // asks for signatures

	// First is the real time that it waits for the first answer, then twice
	// as long each time; 0: Patience. Attempts is how often it asks; 0: 3, and
	// 12 where the network loses packets, never waiting more than 8 times First.
	First    time.Duration
	Attempts int

	// ID and Port make up the next ones; nil: from the seed, hard to guess.
	ID   func() uint16
	Port func() uint16
	// Ignored is told of answers that fit no question; nil: nobody.
	Ignored func()
}

// Patience is how long a client waits for an answer unless it is told
// otherwise. Where nothing is lost it is long, since a busy machine may stop
// for a while.
func (w *World) Patience() time.Duration {
	if w.Lossy() {
		return 200*time.Millisecond + 4*w.P.RTT
	}
	return 8*time.Second + 8*w.P.RTT
}

// Query makes a question.
func (c *Client) Query(name string, qtype uint16, rd bool) *mdns.Msg {
	q := new(mdns.Msg)
	q.SetQuestion(mdns.Fqdn(name), qtype)
	q.RecursionDesired = rd
	if c.UDPSize > 0 {
		q.SetEdns0(c.UDPSize, c.DO)
	}
	return q
}

// Ask sends q to port 53 of a server and returns the answer. It fills in q's
// identifier.
func (c *Client) Ask(ctx context.Context, server netip.Addr, q *mdns.Msg) (*mdns.Msg, error) {
	what := fmt.Sprint(c.Host.Name(), server, q.Question[0])
	turn := c.W.turn(what)
	q.Id = uint16(c.W.Number("id", what, turn))
	if c.ID != nil {
		q.Id = c.ID()
	}
	var wish uint16
	if c.Port != nil {
		wish = c.Port()
	}
	s, err := c.socket(wish, what, turn)
	if err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(server, 53)
	a, err := c.overUDP(ctx, s, to, q)
	if err == nil && a.Truncated {
		a, err = c.overTCP(ctx, to, q)
	}
	return a, err
}

// socket is a new one, or for a wished port the one that is there already.
func (c *Client) socket(wish uint16, what string, turn int) (*Socket, error) {
	if wish == 0 {
		return c.W.open(c.Host, 0, what, turn)
	}
	c.W.mu.Lock()
	s := c.W.fixed[port{c.Host.Name(), wish}]
	c.W.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := c.W.open(c.Host, wish)
	if err == nil {
		c.W.mu.Lock()
		c.W.fixed[port{c.Host.Name(), wish}] = s
		c.W.mu.Unlock()
	}
	return s, err
}

// fits reports whether a datagram answers q as far as a client can tell (RFC
// 5452 section 9.1): address and port, identifier and question.
func fits(d datagram, to netip.AddrPort, q *mdns.Msg) (*mdns.Msg, bool) {
	a := new(mdns.Msg)
	if d.from != to || a.Unpack(d.wire) != nil {
		return nil, false
	}
	return a, a.Response && a.Id == q.Id && len(a.Question) == 1 && a.Question[0] == q.Question[0]
}

func (c *Client) overUDP(ctx context.Context, s *Socket, to netip.AddrPort, q *mdns.Msg) (*mdns.Msg, error) {
	wire, err := q.Pack()
	if err != nil {
		return nil, err
	}
	wait, attempts := c.First, c.Attempts
	if wait == 0 {
		wait = c.W.Patience()
	}
	if attempts == 0 {
		attempts = 3
		if c.W.Lossy() {
			attempts = 12
		}
	}
	longest := wait << 3
	s.drain()
	for range attempts {
		if err := s.write(wire, to); err != nil {
			return nil, err
		}
		a, err := c.wait(ctx, s, to, q, wait)
		if a != nil || err != nil {
			return a, err
		}
		wait = min(2*wait, longest)
	}
	return nil, fmt.Errorf("%s: %s from %s: %w in %d attempts", c.Host.Name(), key(q.Question[0]), to, ErrNoAnswer, attempts)
}

// wait returns the answer, or nothing after d.
func (c *Client) wait(ctx context.Context, s *Socket, to netip.AddrPort, q *mdns.Msg, d time.Duration) (*mdns.Msg, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case in := <-s.in:
			if a, ok := fits(in, to, q); ok {
				return a, nil
			}
			if c.Ignored != nil {
				c.Ignored()
			}
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *Client) overTCP(ctx context.Context, to netip.AddrPort, q *mdns.Msg) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second+20*c.W.P.RTT)
	defer cancel()
	conn, err := c.W.dialled.Dial(c.Host.DialContext)(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	co := &mdns.Conn{Conn: c.W.stream(c.Host.Name(), conn)}
	if err := co.WriteMsg(q); err != nil {
		return nil, err
	}
	return co.ReadMsg()
}

// key names a question in the truth.
func key(q mdns.Question) string {
	return mdns.CanonicalName(q.Name) + " " + mdns.TypeToString[q.Qtype]
}
