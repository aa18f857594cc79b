// Package dash answers how a film over HTTP was played, by DASH (ISO/IEC
// 23009-1) or HLS (RFC 8216): the ladder of its manifest, each segment's
// representation, bytes and throughput, the playout buffer over time, start-up
// delay, stalls and switches, and what the network would have sustained. It
// must not look into segments, nor guess what is encrypted.
package dash

import (
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// Question is dash.
var Question = analyzers.Question{
	Name: "dash",
	Area: analyzers.Mix,
	Doc:  "films over DASH and HLS: ladder, segments, playout buffer, start-up delay, stalls, switches, and what the network would have sustained",
	New: func(o analyzers.Options) analyzers.Runner {
		return analyzers.Runs("dash", o, &fold{pending: max(o.Limits.FoldPending, 1), segments: max(o.Limits.FoldSamples, 1)})
	},
	Summary: func() analyzers.Summary { return newSummary() },
	Value:   Value{},
}

type fold struct {
	pending  int // requests under way, and films
	segments int // of one film that are told; sixteen times as many are known by their lists
}

func (*fold) Kinds() []events.Kind {
	return []events.Kind{events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTPDocument, events.KindFlowEnd}
}

// Key is the address of the player: it may use several connections.
func (*fold) Key(e *events.Event) (events.Addr, bool) {
	ok := true
	switch b := e.Body.(type) {
	case *events.FlowEnd:
		ok = b.Protocol == "" || strings.HasPrefix(b.Protocol, "http")
	case *events.HTTPRequest:
		ok = b.Method == "GET"
	}
	return e.Flow.Client, ok
}

// Idle is longer than a paused player mostly waits.
func (*fold) Idle() time.Duration { return 10 * time.Minute }

type state struct{ *client }

// client is one address that may play films.
type client struct {
	open    []request
	films   []*film // in the order of their manifests
	strays  strays  // segments of films whose manifest is not known
	limited int
}

// request is one under way. Its texts are parts of its head.
type request struct {
	key        events.StreamKey
	httpStream uint64
	frame      uint64
	at         events.Time // its first byte
	first      events.Time // of the response; 0: none yet
	status     int
	mediaType  string
	scheme     string
	host       string
	target     string
	manifest   *film   // it fetched this one's manifest
	download   int     // in downloads of of, from 1; 0: none
	of         *film   // whose segment it is
	bytes      int64   // of the head of the response
	url        *string // made once
}

func (r *request) link() string {
	if r.url == nil {
		u := weburl.Of(r.scheme, r.host, r.target)
		r.url = &u
	}
	return *r.url
}

func (f *fold) Step(_ events.Addr, s *state, e *events.Event, _ analyzers.Emit) {
	if s.client == nil {
		if _, ok := e.Body.(*events.HTTPRequest); !ok {
			return
		}
		s.client = &client{}
	}
	c := s.client
	switch b := e.Body.(type) {
	case *events.HTTPRequest:
		c.ask(f, e, b)
	case *events.HTTPResponse:
		if i := c.find(e.Key(), b.HTTPStream, b.RequestFrame, false); i >= 0 && !b.Interim {
			r := &c.open[i]
			r.first, r.status, r.bytes = max(b.FirstTime, 1), b.Status, b.Bytes
			r.mediaType = events.Get(b.Headers, "Content-Type")
			if !b.HasBody {
				c.close(i, e, 0, true)
			}
		}
	case *events.HTTPDocument:
		if i := c.find(e.Key(), b.HTTPStream, b.RequestFrame, true); i >= 0 && c.open[i].status == 200 {
			c.read(f, &c.open[i], e, b)
		}
	case *events.HTTPBody:
		if b.Of == "response" {
			if i := c.find(e.Key(), b.HTTPStream, b.RequestFrame, true); i >= 0 {
				c.close(i, e, b.WireBytes, b.Complete && b.Missing == 0)
			}
		}
	case *events.FlowEnd:
		c.hangUp(e.Key())
	}
}

func (f *fold) Close(k events.Addr, s *state, emit analyzers.Emit) {
	if s.client == nil {
		return
	}
	player := k.String()
	for _, m := range s.films {
		m.tell(player, s.client, emit)
	}
	s.strays.tell(player, emit)
}

func (c *client) ask(f *fold, e *events.Event, r *events.HTTPRequest) {
	scheme := r.Scheme
	if scheme == "" {
		scheme = "http"
		if e.Flow.Proto == events.ProtoUDP || strings.Contains(e.Layer, "/tls") {
			scheme = "https"
		}
	}
	host := r.Host
	if host == "" {
		_, server := e.Flow.Ends()
		host = server.String()
	}
	if len(c.open) >= f.pending {
		c.limited++
		c.forget(0)
	}
	q := request{key: e.Key(), httpStream: r.HTTPStream, frame: e.Pos.Frame, at: r.FirstTime, scheme: scheme, host: host, target: r.Target}
	if len(c.films) > 0 {
		c.place(f, &q)
	}
	c.open = append(c.open, q)
}

// place finds the film that a request asks a segment of: the latest one.
func (c *client) place(f *fold, q *request) {
	for i := len(c.films) - 1; i >= 0; i-- {
		m := c.films[i]
		at, ok := m.segment(q.link())
		if !ok {
			continue
		}
		if len(m.downloads) >= f.segments {
			m.limited++
			return
		}
		m.downloads = append(m.downloads, download{place: at, asked: q.at, requestFrame: q.frame, key: q.key})
		q.of, q.download = m, len(m.downloads)
		return
	}
}

func (c *client) find(k events.StreamKey, httpStream, frame uint64, answered bool) int {
	for i := range c.open {
		r := &c.open[i]
		if r.frame == frame && r.key == k && r.httpStream == httpStream && (r.first != 0) == answered {
			return i
		}
	}
	return -1
}

// close takes the end of a response.
func (c *client) close(i int, e *events.Event, body int64, whole bool) {
	r := &c.open[i]
	switch {
	case r.of != nil:
		d := &r.of.downloads[r.download-1]
		d.first, d.end, d.endFrame, d.bytes = r.first, e.Time, e.Pos.Frame, r.bytes+body
		d.body, d.status = body, r.status
		d.whole = whole && (r.status == 200 || r.status == 206)
	case r.manifest != nil:
		r.manifest.frames.add(r.frame, e.Pos.Frame)
	default:
		c.strays.see(r, e, body)
	}
	c.forget(i)
}

func (c *client) forget(i int) {
	n := len(c.open) - 1
	copy(c.open[i:], c.open[i+1:])
	c.open[n] = request{}
	c.open = c.open[:n]
}

func (c *client) hangUp(k events.StreamKey) {
	for i := len(c.open) - 1; i >= 0; i-- {
		if c.open[i].key == k {
			c.forget(i)
		}
	}
}
