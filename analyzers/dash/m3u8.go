package dash

import (
	"math"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// readHLS takes a playlist of HLS (RFC 8216 section 4): a master, which names
// the playlists of the levels, or one of these.
func (c *client) readHLS(f *fold, r *request, d *events.HTTPDocument) {
	text := string(d.Bytes)
	if !d.Whole { // the last line may not be all there
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	url := r.link()
	if strings.Contains(text, "#EXT-X-STREAM-INF:") {
		m := c.byURL(url)
		if m == nil {
			if m = c.film(f, r, HLS); m == nil {
				return
			}
		}
		r.manifest = m
		m.readMaster(f, text)
		return
	}
	for i := len(c.films) - 1; i >= 0; i-- {
		m := c.films[i]
		if l, ok := m.lists[url]; ok {
			r.manifest = m
			m.readPlaylist(f, url, l, text, d.Whole)
			return
		}
	}
	// A playlist that no master names is a film of one level.
	m := c.film(f, r, HLS)
	if m == nil {
		return
	}
	m.add(f, &level{id: lastOf(url), set: "film"})
	m.lists = map[string]int{url: 0}
	m.readPlaylist(f, url, 0, text, d.Whole)
}

// readMaster takes a master playlist (section 4.3.4).
func (m *film) readMaster(f *fold, text string) {
	if m.lists == nil {
		m.lists = map[string]int{}
	}
	add := func(l *level, ref string) {
		url, ok := weburl.Resolve(m.url, ref)
		if _, known := m.lists[url]; !ok || known {
			return
		}
		l.id = nameOf(ref)
		if k := m.add(f, l); k != nil {
			m.lists[url] = m.index(k)
		}
	}
	var next *level
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if attrs, ok := strings.CutPrefix(line, "#EXT-X-STREAM-INF:"); ok {
			next = &level{set: "video"}
			attributes(attrs, func(k, v string) {
				switch k {
				case "BANDWIDTH":
					next.bandwidth, _ = strconv.ParseInt(v, 10, 64)
				case "CODECS":
					next.codecs = v
				case "RESOLUTION":
					w, h, _ := strings.Cut(v, "x")
					next.width, _ = strconv.Atoi(w)
					next.height, _ = strconv.Atoi(h)
				}
			})
			continue
		}
		if attrs, ok := strings.CutPrefix(line, "#EXT-X-MEDIA:"); ok {
			l, ref := &level{}, ""
			attributes(attrs, func(k, v string) {
				switch k {
				case "TYPE":
					l.set = strings.ToLower(v)
				case "URI":
					ref = v
				}
			})
			if ref != "" && l.set != "" {
				add(l, ref)
			}
			continue
		}
		if line == "" || line[0] == '#' || next == nil {
			continue
		}
		add(next, line)
		next = nil
	}
	if len(m.levels) == 0 {
		m.fault = "its manifest cannot be read: " + errEmpty.Error()
	}
}

// readPlaylist takes the segments of one level (section 4.3.3). That of a live
// film comes again and again.
func (m *film) readPlaylist(f *fold, url string, l int, text string, whole bool) {
	lev := m.levels[l]
	var number int64
	var length events.Duration
	ended := false
	last := ""
	var at place
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "#EXT-X-MEDIA-SEQUENCE:"); ok {
			number, _ = strconv.ParseInt(v, 10, 64)
		} else if v, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
			v, _, _ = strings.Cut(v, ",")
			length = seconds(v)
		} else if strings.HasPrefix(line, "#EXT-X-ENDLIST") {
			ended = true
		} else if line != "" && line[0] != '#' {
			u, ok := weburl.Resolve(url, line)
			if ok && length > 0 {
				at = place{level: l, number: number, duration: length}
				m.list(f, u, at)
				last = u
				lev.sequence = max(lev.sequence, number)
			}
			number++
			length = 0
		}
	}
	if ended && last != "" {
		at.last = true
		m.list(f, last, at)
	}
	if !ended && whole {
		m.live = true
	}
}

// attributes calls each for the names and values of an attribute list (section
// 4.2).
func attributes(s string, each func(k, v string)) {
	for s != "" {
		k, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		var v string
		if strings.HasPrefix(rest, `"`) {
			v, rest, _ = strings.Cut(rest[1:], `"`)
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			v, rest, _ = strings.Cut(rest, ",")
		}
		each(strings.TrimSpace(k), v)
		s = rest
	}
}

func seconds(s string) events.Duration {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v > 0 && v < 1e6) {
		return 0
	}
	return events.Duration(math.Round(v * 1e9))
}

// nameOf is what a playlist is called by its URL: the folder, where the file
// has a name that says nothing.
func nameOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "?")
	parts := strings.Split(strings.TrimRight(ref, "/"), "/")
	file := strings.TrimSuffix(parts[len(parts)-1], ".m3u8")
	if len(parts) > 1 && parts[len(parts)-2] != "" {
		switch strings.ToLower(file) {
		case "index", "playlist", "prog_index", "chunklist", "media", "stream":
			return parts[len(parts)-2]
		}
	}
	return file
}

func lastOf(url string) string { return nameOf(url) }
