package httpcookies

import (
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/httpopen"
	"github.com/wiretale/wiretale/events"
)

// cookie is one, while the capture is read. Its seen list has a line for each
// site and value.
type cookie struct {
	v        Cookie
	client   events.Addr
	lines    []edge
	values   []mark
	samples  int
	rest     bool
	versions [3]bool
	frames   []uint64

	undecided map[string]uint64

	// Where lines, values and frames begin: most cookies have few, and memory
	// of its own for each would be most of their cost.
	firstLine   [1]edge
	firstValues [4]mark
	firstFrames [2]uint64
}

// newCookie is one without a place for more than samples lines.
func newCookie(samples int) *cookie {
	c := &cookie{samples: samples}
	c.lines, c.values, c.frames = c.firstLine[:0], c.firstValues[:0], c.firstFrames[:0]
	return c
}

// edge is a Seen before it is told.
type edge struct {
	site        string
	party       Party
	requests    uint64
	sets        uint64
	first, last uint64 // frames
	value       mark
}

// mostValues is how many values of one cookie are followed: what changes with
// every answer is nobody's name.
const mostValues = 16

func (c *cookie) stream(x *httpopen.Exchange[struct{}]) {
	version := x.Request.Version
	if x.RequestFrame == 0 {
		version = x.Response.Version
	}
	switch version {
	case "2":
		c.versions[1] = true
	case "3":
		c.versions[2] = true
	default:
		c.versions[0] = true
	}
	if x.Flow.Proto == events.ProtoTCP && !strings.Contains(x.Layer, "/tls") {
		c.v.InClear++
	}
}

// seen finds the line of a value on a page; nil where there is no room.
func (c *cookie) seen(ctx *context, value mark, frame uint64) *edge {
	if len(c.frames) < analyzers.MaxFrames {
		c.frames = append(c.frames, frame)
	}
	if ctx.party == Undecided {
		if c.undecided == nil {
			c.undecided = map[string]uint64{}
		}
		c.undecided[ctx.why]++
	}
	if !slices.Contains(c.values, value) {
		if len(c.values) >= mostValues {
			c.v.MoreThan = true
			return nil
		}
		c.values = append(c.values, value)
	}
	for i := range c.lines {
		if e := &c.lines[i]; e.value == value && e.site == ctx.page && e.party == ctx.party {
			e.last = max(e.last, frame)
			e.first = min(e.first, frame)
			return e
		}
	}
	if len(c.lines) >= c.samples {
		c.v.LeftSites = true
		return nil
	}
	c.lines = append(c.lines, edge{site: ctx.page, party: ctx.party, first: frame, last: frame, value: value})
	return &c.lines[len(c.lines)-1]
}

// row is the answer, and its key. Their texts are one string.
func (c *cookie) row() (string, *Cookie) {
	v := c.v
	var room [256]byte
	b, client := append(room[:0], "all others"...), 0
	if !c.rest {
		b = c.client.IP().AppendTo(room[:0])
		client = len(b)
		b = append(append(b, ' '), c.v.Domain...)
		b = append(append(b, ' '), c.v.Name...)
	}
	key := len(b)
	text := string(c.appendFilter(b))
	v.Client, v.Filter = text[:client], text[key:]
	v.Values = len(c.values)
	if len(c.lines) > 0 {
		v.Seen = make([]Seen, 0, len(c.lines))
	}
	first, third := false, false
	for i := range c.lines {
		e := &c.lines[i]
		v.Seen = append(v.Seen, Seen{Site: e.site, Party: e.party, Value: e.value.String(), Requests: e.requests, Sets: e.sets, FirstFrame: e.first, LastFrame: e.last})
		first = first || e.party == First
		third = third || e.party == Third
	}
	switch {
	case first && third:
		v.Party = Both
	case first:
		v.Party = First
	case third:
		v.Party = Third
	default:
		v.Party = Undecided
	}
	c.track(&v)
	var why []string
	for w := range c.undecided {
		why = append(why, w)
	}
	slices.Sort(why)
	v.Undecided = strings.Join(why, "; ")
	if c.rest {
		v.Undecided, v.Tracking = "limit fold-pending: cookies beyond it are in this row together", false
	}
	fs := c.frames
	if v.Tracking {
		// Where each site saw it first.
		fs = nil
		for i := range v.Seen {
			if e := &v.Seen[i]; e.Value == v.Identifier && e.Party == Third {
				fs = append(fs, e.FirstFrame)
			}
		}
	}
	v.Frames = analyzers.Frames(fs...)
	return text[:key], &v
}

// track finds a value that was sent, or set, for pages of several sites of
// which the cookie's is none.
func (c *cookie) track(v *Cookie) {
	for _, m := range c.values {
		if m == 0 {
			continue
		}
		var on []string
		for i := range c.lines {
			if e := &c.lines[i]; e.value == m && e.party == Third && e.site != "" && !slices.Contains(on, e.site) {
				on = append(on, e.site)
			}
		}
		if len(on) > max(len(v.TrackedSites), 1) {
			v.Tracking, v.Identifier, v.TrackedSites = true, m.String(), on
		}
	}
	slices.Sort(v.TrackedSites)
}

// appendFilter shows the messages that bear the cookie.
func (c *cookie) appendFilter(b []byte) []byte {
	if c.rest {
		return append(b, "http.cookie || http.set_cookie"...)
	}
	ip := c.client.IP()
	if ip.Is4() {
		b = append(b, "ip.addr == "...)
	} else {
		b = append(b, "ipv6.addr == "...)
	}
	b = append(ip.AppendTo(b), " && ("...)
	begin := len(b)
	fields := func(names ...string) {
		for _, n := range names {
			if len(b) > begin {
				b = append(b, " || "...)
			}
			b = append(append(b, n...), " contains "...)
			if c.v.Name == "" {
				b = append(b, `""`...)
			} else {
				b = strconv.AppendQuote(b, c.v.Name)
				b = append(b[:len(b)-1], `="`...) // inside of the quotes
			}
		}
	}
	if c.versions[0] {
		fields("http.cookie", "http.set_cookie")
	}
	if c.versions[1] {
		fields("http2.headers.cookie", "http2.headers.set_cookie")
	}
	if c.versions[2] {
		if len(b) > begin {
			b = append(b, " || "...)
		}
		b = append(b, "http3"...)
	}
	return append(b, ')')
}
