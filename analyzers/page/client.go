package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// client is all that is remembered of one address.
type client struct {
	addr     events.Addr
	starts   [2]starts // of TCP, of UDP
	looks    []lookup
	nextLook int
	waiting  [maxLookups]uint64 // questions of looks that are not answered
	conns    map[events.StreamKey]*conn
	last     *conn

	pages []*visit // being loaded, in the order of their first requests
	// byURL are the latest objects of these pages, named what these show.
	byURL map[string]*object
	named map[string]naming
	// moved are redirections whose target was not asked for yet.
	moved map[string]*object
	loose []*object // of no page yet, oldest first
	held  int       // objects, of pages and loose
	// underWay are the objects whose end may still come.
	underWay int
	swept    events.Time // when it was last looked through

	rest    counted // objects of no page
	sealed  counted // connections that could not be read
	limited int
}

// counted is what is told as a number only.
type counted struct {
	objects     int
	connections int
	bytes       int64
	hosts       []seenHost
	frames      []uint64
	streams     []events.StreamKey
}

// maxHosts is how many hosts are named of what is only counted.
const maxHosts = 32

// seenHost is a host and where it was seen first.
type seenHost struct {
	name  string
	frame uint64
}

// host notes that something at frame was of that host.
func (s *counted) host(name string, frame uint64) {
	for i := range s.hosts {
		if h := &s.hosts[i]; h.name == name {
			h.frame = min(h.frame, frame)
			return
		}
	}
	if len(s.hosts) < maxHosts {
		s.hosts = append(s.hosts, seenHost{strings.Clone(name), frame})
	}
}

// names are the hosts as they came.
func (s *counted) names() []string {
	slices.SortStableFunc(s.hosts, func(a, b seenHost) int { return cmp.Compare(a.frame, b.frame) })
	var names []string
	for _, h := range s.hosts {
		names = append(names, h.name)
	}
	return names
}

func (s *counted) first(frame uint64, k events.StreamKey) {
	if len(s.frames) < analyzers.MaxFrames {
		s.frames = append(s.frames, frame)
		s.streams = append(s.streams, k)
	}
}

// phase is how far an object is.
type phase uint8

const (
	asked    phase = iota // its request was sent
	answered              // its response has begun
	whole_                // its response is whole
	broken                // its response ended early, or with a gap
)

// object is one request and its response.
type object struct {
	url, host  string
	key        events.StreamKey
	httpStream uint64
	version    string
	phase      phase
	page       *visit  // nil: of none yet
	by         *object // that named it, or that moved to it
	how        How
	queued     *object // of HTTP/1: the one before it on its connection
	navigates  bool    // it may be a page of its own
	referer    string
	movedTo    string

	opened        bool        // it opened its connection
	start         events.Time // of its look-up, its connection or its request, whichever is first
	dnsFrom       events.Time
	dnsTo         events.Time
	dnsFrame      uint64
	dnsKey        events.StreamKey
	synFrame      uint64
	connectFrom   events.Time
	connectTo     events.Time
	tlsFrom       events.Time
	tlsTo         events.Time
	requestFrom   events.Time
	requestTo     events.Time
	free          events.Time // the response before it on its connection was over
	firstByte     events.Time
	end           events.Time
	gone          events.Time // its connection was over before it
	requestFrame  uint64
	responseFrame uint64
	endFrame      uint64
	status        int
	mediaType     string
	head, bytes   int64

	number int // in the order of the waterfall, from 1; 0: not of the load
}

// naming is how a page names one of its objects.
type naming struct {
	by  *object
	how How
}

// visit is a page while it is loaded.
type visit struct {
	url      string
	document *object // nil: it was not captured
	objects  []*object
	links    []string
	active   events.Time // of its last object
	unread   bool        // of the document not all could be read
	limited  int
}

func (c *client) request(f *fold, e *events.Event, r *events.HTTPRequest, emit analyzers.Emit) {
	n := c.conn(f, e, true)
	if n == nil {
		return
	}
	if len(n.queue) >= f.pending {
		c.limited++
		return
	}
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
	o := &object{
		url: weburl.Of(scheme, host, r.Target), version: r.Version, key: n.key, httpStream: r.HTTPStream,
		requestFrom: r.FirstTime, requestTo: e.Time, requestFrame: e.Pos.Frame, start: r.FirstTime,
		opened: n.asked == 0 && n.start.at != 0,
	}
	_, o.host, _ = weburl.Split(o.url)
	if r.HTTPStream == 0 {
		o.queued, n.latest = n.latest, o
	}
	n.asked++
	if o.opened {
		c.opens(n, o)
	}
	n.queue = append(n.queue, o)
	c.underWay++
	for c.held >= f.held && len(c.pages) > 0 {
		c.pages[0].limited++
		c.tell(0, emit)
	}
	c.held++
	o.navigates = navigates(r)
	if c.place(f, o, r) {
		return
	}
	if len(c.loose) >= f.objects {
		c.drop(c.loose[0])
		c.loose = slices.Delete(c.loose, 0, 1)
	}
	c.loose = append(c.loose, o)
}

// opens gives o the set-up of its connection, and the look-up before it.
func (c *client) opens(n *conn, o *object) {
	ready := n.start.ready
	if n.key.Proto == events.ProtoUDP {
		ready = n.start.at
	}
	if o.requestFrom.Sub(max(ready, n.tlsTo, n.start.at)) > patience {
		return // it was there before anybody wanted this object
	}
	o.start, o.synFrame = n.start.at, n.start.frame
	if n.start.ready != 0 && n.start.ready <= o.requestFrom {
		o.connectFrom, o.connectTo = n.start.at, n.start.ready
	}
	if n.tlsTo != 0 && n.tlsTo <= o.requestTo {
		o.tlsFrom, o.tlsTo = max(n.tlsFrom, n.start.at), min(n.tlsTo, o.requestFrom)
	}
	c.lookedUp(weburl.Name(o.host), n.start.at, o)
	if o.dnsFrom != 0 {
		o.start = min(o.start, o.dnsFrom)
	}
}

// navigates reports whether a request may be for a page of its own: a browser
// says so (Fetch Metadata), or accepts HTML by name, or says nothing.
func navigates(r *events.HTTPRequest) bool {
	if d := events.Get(r.Headers, "Sec-Fetch-Dest"); d != "" {
		return d == "document"
	}
	if events.Get(r.Headers, "X-Requested-With") != "" {
		return false
	}
	a := events.Get(r.Headers, "Accept")
	if a == "" || a == "*/*" { // a tool, unless it comes from a page
		return events.Get(r.Headers, "Referer") == ""
	}
	return strings.Contains(a, "text/html")
}

func (c *client) response(f *fold, n *conn, e *events.Event, r *events.HTTPResponse) {
	o := n.find(r.HTTPStream, r.RequestFrame, asked)
	if o == nil {
		return
	}
	o.phase, o.status = answered, r.Status
	o.firstByte, o.responseFrame, o.head = r.FirstTime, e.Pos.Frame, r.Bytes
	if o.httpStream == 0 {
		o.free = n.lastEnd
	}
	o.mediaType, _, _ = strings.Cut(events.Get(r.Headers, "Content-Type"), ";")
	o.mediaType = strings.Clone(strings.ToLower(strings.TrimSpace(o.mediaType))) // not with the whole head
	switch {
	case r.Status/100 == 3 && r.Status != 304:
		if to, ok := weburl.Resolve(o.url, events.Get(r.Headers, "Location")); ok {
			c.moves(f, to, o)
		}
	case o.page != nil || !o.navigates:
	case o.html():
		c.open(f, o)
	case o.status == 304:
		if old := c.byURL[o.url]; old != nil && old.documentItself() {
			o.mediaType = old.mediaType
			c.open(f, o)
		}
	default:
		c.part(f, o)
	}
	if !r.HasBody {
		c.finish(n, o, e, true)
	}
}

func (o *object) html() bool {
	return o.mediaType == "text/html" || o.mediaType == "application/xhtml+xml"
}

func (c *client) moves(f *fold, to string, o *object) {
	if c.moved == nil {
		c.moved = map[string]*object{}
	}
	if len(c.moved) >= f.pending {
		c.limited++
		return
	}
	c.moved[to], o.movedTo = o, to
}
