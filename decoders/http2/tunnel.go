package http2

import (
	"slices"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// openTunnel: CONNECT was answered with 2xx (RFC 9113 section 8.5), or an
// extended CONNECT (RFC 8441 section 5): the DATA of the stream is another
// protocol.
func (c *conn) openTunnel(st *stream, answer *events.HTTPResponse) {
	next := decoders.Next{}
	if st.protocol != "" {
		token := strings.ToLower(st.protocol)
		next.Protocol = decoders.ProtocolOf(token)
		next.Hint = decoders.HintUpgrade{Protocol: token, Request: st.connect, RequestFrame: st.requestFrame, Response: answer}
	}
	st.feed = c.out.Open(next)
	c.tunnels = append(c.tunnels, st)
	if st.early > 0 {
		st.feed.Gap(events.FromClient, st.early)
	}
	if st.halves[events.FromClient].phase == ended {
		c.endFeed(st, events.FromClient, events.EndFIN)
	}
}

// tunnelled hands on what was sent in a tunnel. Bytes before the answer are
// not held.
func (c *conn) tunnelled(st *stream, from events.Dir, b []byte) {
	switch {
	case st.feed != nil && !st.fed[from]:
		st.feed.Data(from, b)
	case from == events.FromClient && !st.fed[from]:
		st.early += int64(len(b))
	}
}

func (c *conn) loseTunnelled(st *stream, from events.Dir, n int64) {
	switch {
	case st == nil || st.connect == nil || st.fed[from]:
	case st.feed != nil:
		st.feed.Gap(from, n)
	case from == events.FromClient:
		st.early += n
	}
}

// endFeed ends one side of a tunnel.
func (c *conn) endFeed(st *stream, from events.Dir, why events.Ending) {
	if st.feed == nil || st.fed[from] {
		return
	}
	st.fed[from] = true
	st.feed.End(from, why)
	if st.fed[from.Other()] {
		st.feed = nil
		c.tunnels = slices.DeleteFunc(c.tunnels, func(t *stream) bool { return t == st })
	}
}

// closeTunnel ends a tunnel of which any number of bytes may be lost.
func (c *conn) closeTunnel(st *stream, why events.Ending) {
	c.endFeed(st, events.FromClient, why)
	c.endFeed(st, events.FromServer, why)
}
