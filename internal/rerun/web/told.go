package web

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// Connections are those over TCP, as both ends tell; they are not numbered. It
// is for after Close.
func (p *Player) Connections() []truth.Connection {
	type ends struct{ client, server netip.AddrPort }
	accepted := map[ends]*witness.Conn{}
	for _, c := range p.server.Conns() {
		a := c.Account()
		accepted[ends{a.Remote, a.Local}] = c
	}
	var out []truth.Connection
	for _, c := range p.client.Conns() {
		a := c.Account()
		if s := accepted[ends{a.Local, a.Remote}]; s != nil {
			out = append(out, witness.Pair{Client: c, Server: s}.Connection(0))
		}
	}
	return out
}

// Tell adds what was said to t, whose connections are numbered: what went in
// clear to its messages, the rest to what is protected.
func (p *Player) Tell(t *truth.Truth) {
	type ends struct{ client, server netip.AddrPort }
	ids := map[ends]int{}
	for _, c := range t.Connections {
		ids[ends{c.Client, c.Server}] = c.ID
	}
	xs := slices.DeleteFunc(slices.Clone(p.exchanges), func(x *Exchange) bool { return x.Told.Err != nil })
	slices.SortStableFunc(xs, func(a, b *Exchange) int { return a.Told.Asked.Start.Compare(b.Told.Asked.Start) })
	ordinals := map[ends]int{}
	for _, x := range xs {
		e := ends{x.Told.Client, x.Told.Server}
		ordinals[e]++
		req := truth.Message{Kind: truth.HTTPRequest, Transport: "udp", Client: e.client, Server: e.server}
		if x.Version != HTTP3 {
			req.Transport = "tcp"
			if id, ok := ids[e]; ok {
				req.Connection = &id
			}
		}
		resp := req
		resp.Kind = truth.HTTPResponse
		url := x.URL(p.scheme(x.Version))
		req.Sender, req.Receiver = x.Told.Asked, x.Told.Got
		req.HTTP = &truth.HTTP{Ordinal: ordinals[e], Method: x.Method, URL: url, ContentType: events.Get(x.Fields, "Content-Type"),
			BodyBytes: int64(len(x.Content)), SHA256: sum(x.Content)}
		resp.Sender, resp.Receiver = x.Told.Said, x.Told.Heard
		resp.HTTP = &truth.HTTP{Ordinal: ordinals[e], Method: x.Method, URL: url, Status: x.Status, ContentType: events.Get(x.Answer, "Content-Type"),
			BodyBytes: int64(len(x.Body)), SHA256: sum(x.Body)}
		if p.secure(x.Version) {
			t.Protected = append(t.Protected, req, resp)
		} else {
			t.Messages = append(t.Messages, req, resp)
		}
	}
}

// sum is the SHA-256 in hex, and nothing for nothing.
func sum(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
