package http2push

import (
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// key names a push: "tcp:5/2 GET http://a.test/a.css".
func (p *push) key(k events.StreamKey) string {
	key := k.String() + "/" + strconv.FormatUint(p.id, 10)
	if p.url != "" {
		key += " " + p.method + " " + p.url
	}
	return key
}

func (c *conn) value(k events.StreamKey, p *push) *Value {
	client, server := c.flow.Ends()
	v := &Value{
		Client: client.String(), Server: server.String(), Stream: k.Stream, HTTPStream: p.id, ForStream: p.parent, ForTarget: p.parentTarget,
		Method: p.method, URL: p.url, Status: p.status, Bytes: p.bytes, Complete: p.complete, Refused: p.refused,
		Duration: p.end.Sub(p.promised), Limited: c.limited, PromiseFrame: p.frame, LastFrame: p.lastFrame,
		Filter: k.Filter() + " && (http2.streamid == " + strconv.FormatUint(p.id, 10) + " || http2.push_promise.promised_stream_id == " + strconv.FormatUint(p.id, 10) + ")",
	}
	told := c.judge(p, v)
	if v.Outcome == Unused || v.Outcome == Cached {
		v.Wasted = v.Bytes
	}
	v.Frames = analyzers.Frames(p.frame, p.lastFrame, told)
	return v
}

// judge decides what became of p, and gives the frame that tells.
func (c *conn) judge(p *push, v *Value) (told uint64) {
	o := c.urls[p.url]
	if o == nil {
		o = &object{}
	}
	set := func(w Outcome, e Evidence, frame uint64) uint64 {
		v.Outcome, v.Evidence = w, e
		return frame
	}
	switch {
	case p.had != 0:
		return set(Cached, HadIt, p.had)
	case p.refused != "":
		return set(Unused, Refused, p.refusedAt)
	case !c.client:
		v.Undecided = "the client's side was not captured: it may have refused it, or asked for it"
	case p.url == "":
		v.Undecided = "what was promised could not be read"
	case o.asked != 0 && o.askedAt > p.promised:
		return set(Unused, AskedAgain, o.asked)
	case !p.complete:
		v.Undecided = "it was promised, and did not come whole"
	case o.referer != 0 && o.at > p.promised:
		return set(Used, Referer, o.referer)
	case o.named != 0:
		return set(Used, Named, o.named)
	default:
		v.Undecided = "nothing that was seen names it: a script may have used it"
	}
	return 0
}
