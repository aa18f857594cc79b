package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// tell gives out page i and forgets it.
func (c *client) tell(i int, emit analyzers.Emit) {
	v := c.pages[i]
	l := v.measure()
	r := &Value{
		What: APage, Client: c.addr.String(), URL: v.url, Start: l.start,
		Objects: len(l.objects), Later: l.later, Unfinished: l.unended, Limited: v.limited,
	}
	since := func(t events.Time) *events.Duration {
		d := t.Sub(l.start)
		return &d
	}
	if d := v.document; d != nil {
		r.Version = d.version
		if d.firstByte != 0 {
			r.FirstByte = since(d.firstByte)
		}
		if d.phase == whole_ {
			r.Document = since(d.end)
		}
	}
	switch d := v.document; {
	case d == nil:
		r.Undecided = "its document was not captured: when its loading began, and what else it shows, is not known"
	case d.phase != whole_:
		r.Undecided = "its document is not whole in the capture"
	case v.unread && !v.refers():
		r.Undecided = "not all of its HTML and CSS could be read: objects that nothing else ties to it are not known"
	case l.unended > 0:
		r.Undecided = "responses of " + strconv.Itoa(l.unended) + " objects are not whole in the capture: when the last one ended is not known"
	default:
		r.Load = since(l.end)
	}
	r.describe(l)
	r.Frames, r.Filter = l.evidence(v)
	emit(r.Client+" "+v.url, r)
	c.forget(i)
}

// refers reports whether the client says by Referer what belongs to a page.
func (v *visit) refers() bool {
	return slices.ContainsFunc(v.objects, func(o *object) bool { return o.referer != "" })
}

// describe sets waterfall, path and hosts.
func (r *Value) describe(l *load) {
	perHost := map[string]int{}
	type onHost struct {
		key  events.StreamKey
		host int
	}
	conns, hostConns := map[events.StreamKey]bool{}, map[onHost]bool{}
	busy := []analyzers.Union{}
	for _, o := range l.objects {
		end := o.end
		if !o.over() {
			end = max(o.requestTo, o.firstByte)
		}
		p := o.phases(o.start, end)
		line := Object{
			Number: o.number, URL: o.url, How: o.how, Version: o.version, Status: o.status, Type: o.mediaType, Bytes: o.head + o.bytes,
			Stream: o.key.String(), Opened: o.opened, Start: o.start.Sub(l.start), Phases: p,
			RequestFrame: o.requestFrame, EndFrame: o.endFrame,
		}
		if o.by != nil {
			line.By = o.by.number
		}
		if o.phase == whole_ {
			e := o.end.Sub(l.start)
			line.End = &e
		}
		if o.status >= 400 {
			r.Failed++
		}
		r.Waterfall = append(r.Waterfall, line)
		r.Bytes += line.Bytes

		i, ok := perHost[o.host]
		if !ok {
			i = len(r.Hosts)
			perHost[o.host] = i
			r.Hosts = append(r.Hosts, Host{Host: o.host})
			busy = append(busy, analyzers.Union{})
		}
		h := &r.Hosts[i]
		h.Objects++
		h.Bytes += line.Bytes
		h.DNS += p.DNS
		h.Connect += p.Connect + p.TLS
		conns[o.key] = true
		if k := (onHost{o.key, i}); !hostConns[k] {
			hostConns[k] = true
			h.Connections++
		}
	}
	r.Connections = len(conns)
	// A Union takes spans in the order of their ends.
	byEnd := slices.DeleteFunc(slices.Clone(l.objects), func(o *object) bool { return !o.over() })
	slices.SortStableFunc(byEnd, func(a, b *object) int { return cmp.Compare(a.end, b.end) })
	for _, o := range byEnd {
		busy[perHost[o.host]].Add(o.start, o.end)
	}
	for i := range r.Hosts {
		r.Hosts[i].Busy = busy[i].Total()
	}
	for _, s := range l.steps {
		r.Critical = append(r.Critical, Step{
			Object: s.number, URL: s.url, Because: s.because, From: s.from.Sub(l.start), To: s.to.Sub(l.start), Phases: s.phases(),
		})
		r.Hosts[perHost[s.host]].Critical += s.to.Sub(s.from)
	}
	if len(l.steps) > 0 {
		r.CriticalTime = &l.critical
	}
}

// evidence are the frames of the page's beginning, of its document and of its
// last object, and a filter for all its streams.
func (l *load) evidence(v *visit) ([]uint64, string) {
	first := l.objects[0]
	fs := []uint64{first.dnsFrame, first.synFrame, first.requestFrame}
	if d := v.document; d != nil {
		fs = append(fs, d.requestFrame, d.endFrame)
	}
	if l.last != nil {
		fs = append(fs, l.last.requestFrame, l.last.endFrame)
	}
	var keys []events.StreamKey
	for _, o := range l.objects {
		if o.dnsFrom != 0 {
			keys = append(keys, o.dnsKey)
		}
		keys = append(keys, o.key)
	}
	return analyzers.Frames(fs...), streamsFilter(keys)
}

// streamsFilter shows some streams: "tcp.stream in {0, 1} || udp.stream in {0}".
func streamsFilter(keys []events.StreamKey) string {
	var b strings.Builder
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b events.StreamKey) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Stream, b.Stream))
	})
	keys = slices.Compact(keys)
	keys = keys[:min(len(keys), maxStreams)]
	var proto uint8
	for _, k := range keys {
		switch {
		case k.Proto == proto:
			b.WriteString(", ")
		case proto != 0:
			b.WriteString("} || ")
			fallthrough
		default:
			b.WriteString(events.TransportName(k.Proto))
			b.WriteString(".stream in {")
			proto = k.Proto
		}
		b.WriteString(strconv.FormatUint(uint64(k.Stream), 10))
	}
	b.WriteString("}")
	return b.String()
}

// maxStreams is how many streams a filter names.
const maxStreams = 64

// tellRest gives out what belongs to no page.
func (c *client) tellRest(emit analyzers.Emit) {
	for _, o := range c.loose {
		c.drop(o)
	}
	c.loose = nil
	keys := make([]events.StreamKey, 0, len(c.conns))
	for k := range c.conns {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b events.StreamKey) int {
		return cmp.Or(cmp.Compare(c.conns[a].hello, c.conns[b].hello), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Stream, b.Stream))
	})
	for _, k := range keys {
		c.seal(c.conns[k])
	}
	if n := &c.rest; n.objects > 0 {
		emit(c.addr.String()+" rest", n.row(c, Rest, "no Referer and no page that was read ties them to a page"))
	}
	if n := &c.sealed; n.connections > 0 {
		emit(c.addr.String()+" encrypted", n.row(c, Sealed, "encrypted: what was asked for on these connections cannot be seen"))
	}
}

func (s *counted) row(c *client, w What, why string) *Value {
	return &Value{
		What: w, Undecided: why, Client: c.addr.String(), Objects: s.objects, Connections: s.connections, Bytes: s.bytes,
		Names: s.names(), Limited: c.limited, Frames: analyzers.Frames(s.frames...), Filter: streamsFilter(s.streams),
	}
}
