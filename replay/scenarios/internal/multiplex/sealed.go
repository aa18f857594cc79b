package multiplex

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// found is a TCP connection with both its ends.
type found struct {
	conn *Conn
	pair witness.Pair
}

// pairs are the TCP connections to an origin.
func (o *Origin) pairs() ([]found, error) {
	if o.fault != nil {
		return nil, o.fault
	}
	joined, err := witness.Join(&o.client, &o.server)
	if err != nil {
		return nil, err
	}
	var out []found
	for _, p := range joined {
		a := p.Client.Account()
		i := slices.IndexFunc(o.conns, func(c *Conn) bool { return c.ends == ends{a.Local, a.Remote} })
		if i < 0 {
			return nil, fmt.Errorf("multiplex: connection %s to %s: nobody used it", a.Local, a.Remote)
		}
		out = append(out, found{o.conns[i], p})
	}
	return out, nil
}

// sealed are the hellos, and the bytes of each direction, of what cannot be
// read without keys.
func (o *Origin) sealed(ids map[ends]int) ([]truth.Message, error) {
	if o.sealing == clear {
		return nil, nil
	}
	pairs, err := o.pairs()
	if err != nil {
		return nil, err
	}
	var out []truth.Message
	for _, c := range o.conns {
		i := slices.IndexFunc(o.hellos, func(h hello) bool { return h.from == c.client })
		if i < 0 {
			return nil, fmt.Errorf("multiplex: %s: the server got no hello of %s", o.Name, c.client)
		}
		in := o.hellos[i]
		random, err := c.keys.random()
		if err != nil {
			return nil, err
		}
		if in.name != o.Name || !slices.Contains(in.alpn, c.state.NegotiatedProtocol) {
			return nil, fmt.Errorf("multiplex: %s: the server got a hello for %q, %v; chosen is %q", o.Name, in.name, in.alpn, c.state.NegotiatedProtocol)
		}
		m := truth.Message{Transport: "udp", Client: c.client, Server: c.server}
		if id, ok := ids[c.ends]; ok {
			m.Transport, m.Connection = "tcp", &id
		}
		var a *accounts
		if o.sealing == inQUIC {
			a, err = o.datagrams(c)
		} else {
			a, err = o.records(c, pairs)
		}
		if err != nil {
			return nil, err
		}
		hello, answer, there, back := m, m, m, m
		hello.Kind, answer.Kind, there.Kind, back.Kind = truth.TLSHello, truth.TLSHello, truth.Encrypted, truth.Encrypted
		hello.TLS = &truth.TLS{Hello: "client", Random: random, ServerName: in.name, ALPN: in.alpn}
		answer.TLS = &truth.TLS{Hello: "server", Version: "1.3", CipherSuite: tls.CipherSuiteName(c.state.CipherSuite)}
		if c.state.Version != tls.VersionTLS13 {
			return nil, fmt.Errorf("multiplex: %s: %s", o.Name, tls.VersionName(c.state.Version))
		}
		client, server := o.w.Browser.Name(), o.Host.Name()
		hello.Sender, hello.Receiver = a.hello[0].end(client), a.hello[1].end(server)
		answer.Sender, answer.Receiver = a.answer[0].end(server), a.answer[1].end(client)
		there.Sender, there.Receiver = a.there[0].end(client), a.there[1].end(server)
		back.Sender, back.Receiver = a.back[0].end(server), a.back[1].end(client)
		there.Object = &truth.Object{Bytes: a.thereBytes, Read: a.thereRead}
		back.Object = &truth.Object{Bytes: a.backBytes, Read: a.backRead}
		out = append(out, hello, answer, there, back)
	}
	return out, nil
}

// stretch is a span at one host.
type stretch witness.Run

func (s stretch) end(host string) truth.End { return truth.End{Host: host, Start: s.Start, End: s.End} }

// accounts are what both ends of a connection say, the sender first.
type accounts struct {
	hello, answer, there, back [2]stretch
	thereBytes, backBytes      int64
	thereRead, backRead        *int64 // as truth.Object has it
}

// records are the accounts of TLS over TCP. The first turn of the client is
// its hello; that of the server begins with its own.
func (o *Origin) records(c *Conn, pairs []found) (*accounts, error) {
	i := slices.IndexFunc(pairs, func(f found) bool { return f.conn == c })
	if i < 0 {
		return nil, errors.New("multiplex: TLS without a TCP connection")
	}
	client, server := pairs[i].pair.Client.Account(), pairs[i].pair.Server.Account()
	if len(client.Runs) < 2 || len(server.Runs) < 2 {
		return nil, fmt.Errorf("multiplex: %s: no handshake", o.Name)
	}
	a := &accounts{
		hello:  [2]stretch{stretch(client.Runs[0]), stretch(server.Runs[0])},
		answer: [2]stretch{stretch(server.Runs[1]), stretch(client.Runs[1])},
		there:  [2]stretch{span(client, true), span(server, false)},
		back:   [2]stretch{span(server, true), span(client, false)},
	}
	a.thereBytes, a.backBytes = a.there[0].Bytes, a.back[0].Bytes
	for _, d := range o.w.Net.Drops() {
		src, dst := netip.AddrPortFrom(d.Src, d.SrcPort), netip.AddrPortFrom(d.Dst, d.DstPort)
		switch {
		case d.Captured || d.Proto != "tcp" || d.Payload == 0:
		case src == client.Local && dst == client.Remote && a.there[1].Bytes < a.thereBytes:
			a.thereRead = &a.there[1].Bytes
		case src == server.Local && dst == server.Remote && a.back[1].Bytes < a.backBytes:
			a.backRead = &a.back[1].Bytes
		}
	}
	return a, nil
}

// span is all that an end wrote, or read.
func span(a witness.Account, written bool) stretch {
	var s stretch
	for _, r := range a.Runs {
		if r.Written != written {
			continue
		}
		if s.Start.IsZero() {
			s.Start = r.Start
		}
		s.End = r.End
		s.Bytes += r.Bytes
	}
	return s
}

// datagrams are the accounts of QUIC. Of its bytes the truth tells those that
// passed the capture point: a datagram that is lost before it is in no capture.
func (o *Origin) datagrams(c *Conn) (*accounts, error) {
	sent, read := c.socket.With(c.server)
	said, got := o.socket.With(c.client)
	if sent.Datagrams == 0 || said.Datagrams == 0 || read.Datagrams == 0 || got.Datagrams == 0 {
		return nil, fmt.Errorf("multiplex: %s: no datagrams", o.Name)
	}
	first := func(t witness.Traffic) stretch { return stretch{Start: t.Start, End: t.Start} }
	all := func(t witness.Traffic) stretch { return stretch{Start: t.Start, End: t.End, Bytes: t.Bytes} }
	a := &accounts{
		hello:      [2]stretch{first(sent), first(got)},
		answer:     [2]stretch{first(said), first(read)},
		there:      [2]stretch{all(sent), all(got)},
		back:       [2]stretch{all(said), all(read)},
		thereBytes: sent.Bytes, backBytes: said.Bytes,
	}
	for _, d := range o.w.Net.Drops() {
		src, dst := netip.AddrPortFrom(d.Src, d.SrcPort), netip.AddrPortFrom(d.Dst, d.DstPort)
		switch {
		case d.Captured || d.Proto != "udp":
		case src == c.client && dst == c.server:
			a.thereBytes -= int64(d.Payload)
		case src == c.server && dst == c.client:
			a.backBytes -= int64(d.Payload)
		}
	}
	return a, nil
}
