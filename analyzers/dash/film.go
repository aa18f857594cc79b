package dash

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// Format is the kind of a manifest.
type Format string

// The formats.
const (
	DASH Format = "dash"
	HLS  Format = "hls"
)

// film is one film that a client plays.
type film struct {
	url       string
	format    Format
	asked     events.Time // for its manifest
	live      bool
	fault     string // why its manifest cannot be read
	enough    events.Duration
	levels    []*level
	known     map[string]place // segments that are listed one by one
	lists     map[string]int   // HLS: playlists, and their levels
	downloads []download       // in the order of their requests
	named     int              // segments in known and in the timelines of all levels
	limited   int
	frames    span
}

// span are the frames of the manifest.
type span struct{ first, last uint64 }

func (s *span) add(first, last uint64) {
	if s.first == 0 {
		s.first, s.last = first, last
	}
}

// level is one representation: a rung of the ladder.
type level struct {
	id        string
	set       string // that it is an alternative of: video, audio, …
	bandwidth int64  // bit/s, as the manifest says
	width     int
	height    int
	codecs    string
	media     *template
	heads     string // URL of its initialisation, "" none
	listed    int    // segments that are listed one by one
	sequence  int64  // HLS: number of the last one listed
}

// place is where a segment belongs.
type place struct {
	level    int
	number   int64 // from the manifest; one after another
	duration events.Duration
	last     bool // of the film
}

// download is one segment as it was fetched.
type download struct {
	place
	key          events.StreamKey
	asked        events.Time
	first, end   events.Time
	requestFrame uint64
	endFrame     uint64
	bytes, body  int64
	status       int
	whole        bool
}

// segment finds the place of a URL.
func (m *film) segment(url string) (place, bool) {
	if p, ok := m.known[url]; ok {
		return p, true
	}
	for i, l := range m.levels {
		if l.media == nil {
			continue
		}
		if p, ok := l.media.match(url); ok {
			p.level = i
			return p, true
		}
	}
	return place{}, false
}

var (
	errCut   = errors.New("not all of it was captured, or it is longer than limit document-bytes")
	errEmpty = errors.New("it names no representation")
)

// read takes what a response says if it is a manifest.
func (c *client) read(f *fold, r *request, e *events.Event, d *events.HTTPDocument) {
	t := strings.ToLower(r.mediaType)
	text := strings.TrimSpace(strings.TrimPrefix(string(d.Bytes[:min(len(d.Bytes), 512)]), "\ufeff"))
	switch {
	case strings.HasPrefix(text, "#EXTM3U"):
		c.readHLS(f, r, d)
	case strings.Contains(t, "dash+xml"), strings.HasPrefix(text, "<") && strings.Contains(text, "<MPD"):
		c.readDASH(f, r, d)
	}
}

func (c *client) film(f *fold, r *request, format Format) *film {
	if len(c.films) >= f.pending {
		c.limited++
		return nil
	}
	m := &film{url: r.link(), format: format, asked: r.at}
	m.frames.add(r.frame, r.frame)
	c.films = append(c.films, m)
	r.manifest = m
	return m
}

func (c *client) byURL(url string) *film {
	for i := len(c.films) - 1; i >= 0; i-- {
		if c.films[i].url == url {
			return c.films[i]
		}
	}
	return nil
}

func (c *client) readDASH(f *fold, r *request, d *events.HTTPDocument) {
	m := c.byURL(r.link())
	if m == nil {
		if m = c.film(f, r, DASH); m == nil {
			return
		}
	}
	r.manifest = m
	var err error
	if d.Whole {
		err = m.readMPD(f, d.Bytes)
	} else {
		err = errCut
	}
	if err != nil && len(m.levels) == 0 {
		m.fault = "its manifest cannot be read: " + err.Error()
	}
}

// add puts a level in, or gives the one that is there.
func (m *film) add(f *fold, l *level) *level {
	for _, k := range m.levels {
		if k.id == l.id && k.set == l.set && k.bandwidth == l.bandwidth {
			return k
		}
	}
	if len(m.levels) >= f.segments {
		m.limited++
		return nil
	}
	m.levels = append(m.levels, l)
	return l
}

// list names one segment.
func (m *film) list(f *fold, url string, p place) {
	if m.known == nil {
		m.known = map[string]place{}
	}
	if _, ok := m.known[url]; !ok {
		if m.named >= 16*f.segments {
			m.limited++
			return
		}
		m.named++
		m.levels[p.level].listed++
	}
	m.known[url] = p
}

// ladder are the levels of one set by rate, lowest first.
func (m *film) ladder(set string) []int {
	var out []int
	for i, l := range m.levels {
		if l.set == set {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(m.levels[a].bandwidth, m.levels[b].bandwidth) })
	return out
}

// template is a pattern of URLs (ISO/IEC 23009-1 section 5.3.9.4.4).
type template struct {
	before, after string
	byTime        bool // $Time$, else $Number$
	start         int64
	duration      events.Duration // of each segment, by number
	last          int64           // number of the last segment; 0: not known
	rest          events.Duration // its duration
	times         map[int64]place // with a timeline: by $Time$ or $Number$
}

// newTemplate fills in what is known of a level.
func newTemplate(base, media, id string, bandwidth int64) (*template, bool) {
	const mark = "%%%" // no URL has it
	var b strings.Builder
	t := &template{}
	found := 0
	for {
		i := strings.IndexByte(media, '$')
		if i < 0 {
			break
		}
		j := strings.IndexByte(media[i+1:], '$')
		if j < 0 {
			break
		}
		name, _, _ := strings.Cut(media[i+1:i+1+j], "%")
		b.WriteString(media[:i])
		media = media[i+j+2:]
		switch name {
		case "":
			b.WriteByte('$')
		case "RepresentationID":
			b.WriteString(id)
		case "Bandwidth":
			b.WriteString(strconv.FormatInt(bandwidth, 10))
		case "Number", "Time":
			t.byTime = name == "Time"
			b.WriteString(mark)
			found++
		default:
			return nil, false
		}
	}
	b.WriteString(media)
	u, ok := weburl.Resolve(base, b.String())
	if !ok {
		return nil, false
	}
	if found == 0 {
		t.before = u
		return t, true
	}
	t.before, t.after, _ = strings.Cut(u, mark)
	return t, found == 1
}

// fixed is a template without a number.
func (t *template) fixed() string { return t.before }

func (t *template) match(url string) (place, bool) {
	rest, ok := strings.CutPrefix(url, t.before)
	if !ok {
		return place{}, false
	}
	rest, ok = strings.CutSuffix(rest, t.after)
	if !ok {
		return place{}, false
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil || n < 0 {
		return place{}, false
	}
	if t.times != nil {
		p, ok := t.times[n]
		return p, ok
	}
	if n < t.start || t.last > 0 && n > t.last {
		return place{}, false
	}
	p := place{number: n, duration: t.duration}
	if t.last > 0 && n == t.last {
		p.duration, p.last = t.rest, true
	}
	return p, true
}
