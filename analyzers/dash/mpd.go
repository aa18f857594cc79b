package dash

import (
	"cmp"
	"encoding/xml"
	"math"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers/weburl"
	"github.com/wiretale/wiretale/events"
)

// What is read of a media presentation description (ISO/IEC 23009-1 section
// 5.3), in any namespace.
type mpd struct {
	XMLName   xml.Name `xml:"MPD"`
	Type      string   `xml:"type,attr"`
	Duration  string   `xml:"mediaPresentationDuration,attr"`
	MinBuffer string   `xml:"minBufferTime,attr"`
	Base      []string `xml:"BaseURL"`
	seen      int      // segments of timelines
	Periods   []struct {
		Duration string   `xml:"duration,attr"`
		Base     []string `xml:"BaseURL"`
		segments
		Sets []struct {
			ID          string   `xml:"id,attr"`
			MimeType    string   `xml:"mimeType,attr"`
			ContentType string   `xml:"contentType,attr"`
			Codecs      string   `xml:"codecs,attr"`
			Base        []string `xml:"BaseURL"`
			segments
			Levels []struct {
				ID        string   `xml:"id,attr"`
				Bandwidth int64    `xml:"bandwidth,attr"`
				Width     int      `xml:"width,attr"`
				Height    int      `xml:"height,attr"`
				Codecs    string   `xml:"codecs,attr"`
				MimeType  string   `xml:"mimeType,attr"`
				Base      []string `xml:"BaseURL"`
				segments
			} `xml:"Representation"`
		} `xml:"AdaptationSet"`
	} `xml:"Period"`
}

// segments say where the segments are, at any level; an inner one fills in for
// the outer one.
type segments struct {
	Template *segmentTemplate `xml:"SegmentTemplate"`
	List     *segmentList     `xml:"SegmentList"`
}

type segmentTemplate struct {
	Initialization string    `xml:"initialization,attr"`
	Media          string    `xml:"media,attr"`
	StartNumber    *int64    `xml:"startNumber,attr"`
	Timescale      int64     `xml:"timescale,attr"`
	Duration       int64     `xml:"duration,attr"`
	Timeline       *timeline `xml:"SegmentTimeline"`
}

type timeline struct {
	S []struct {
		T *int64 `xml:"t,attr"`
		D int64  `xml:"d,attr"`
		R int64  `xml:"r,attr"`
	} `xml:"S"`
}

type segmentList struct {
	Timescale int64     `xml:"timescale,attr"`
	Duration  int64     `xml:"duration,attr"`
	Timeline  *timeline `xml:"SegmentTimeline"`
	URLs      []struct {
		Media string `xml:"media,attr"`
	} `xml:"SegmentURL"`
}

// readMPD takes a manifest; a live one comes again and again.
func (m *film) readMPD(f *fold, b []byte) error {
	var x mpd
	if err := xml.Unmarshal(b, &x); err != nil {
		return err
	}
	m.live = x.Type == "dynamic"
	m.enough = isoDuration(x.MinBuffer)
	base := under(m.url, x.Base)
	whole := isoDuration(x.Duration)
	for pi, p := range x.Periods {
		length := isoDuration(p.Duration)
		if length == 0 && len(x.Periods) == 1 {
			length = whole
		}
		inPeriod := under(base, p.Base)
		for _, s := range p.Sets {
			inSet := under(inPeriod, s.Base)
			for _, r := range s.Levels {
				kind := cmp.Or(s.ContentType, kindOf(cmp.Or(s.MimeType, r.MimeType)), s.ID, "film")
				l := m.add(f, &level{id: r.ID, set: kind, bandwidth: r.Bandwidth, width: r.Width, height: r.Height, codecs: cmp.Or(r.Codecs, s.Codecs)})
				if l == nil {
					continue
				}
				base := under(inSet, r.Base)
				last := pi == len(x.Periods)-1 && !m.live
				switch {
				case r.Template != nil || s.Template != nil || p.Template != nil:
					t := r.Template.over(s.Template).over(p.Template)
					m.template(f, &x, l, t, base, length, last)
				case cmp.Or(r.List, s.List, p.List) != nil:
					m.urls(f, &x, l, cmp.Or(r.List, s.List, p.List), base, last)
				}
			}
		}
	}
	if len(m.levels) == 0 {
		return errEmpty
	}
	return nil
}

// over fills in what t leaves out.
func (t *segmentTemplate) over(outer *segmentTemplate) *segmentTemplate {
	if t == nil || outer == nil {
		return cmp.Or(t, outer)
	}
	c := *t
	c.Initialization = cmp.Or(c.Initialization, outer.Initialization)
	c.Media = cmp.Or(c.Media, outer.Media)
	c.StartNumber = cmp.Or(c.StartNumber, outer.StartNumber)
	c.Timescale = cmp.Or(c.Timescale, outer.Timescale)
	c.Duration = cmp.Or(c.Duration, outer.Duration)
	c.Timeline = cmp.Or(c.Timeline, outer.Timeline)
	return &c
}

func (m *film) index(l *level) int {
	for i, k := range m.levels {
		if k == l {
			return i
		}
	}
	return 0
}

func (m *film) template(f *fold, x *mpd, l *level, t *segmentTemplate, base string, length events.Duration, last bool) {
	media, ok := newTemplate(base, t.Media, l.id, l.bandwidth)
	if !ok || t.Media == "" {
		return
	}
	if head, ok := newTemplate(base, t.Initialization, l.id, l.bandwidth); ok && t.Initialization != "" {
		l.heads = head.fixed()
	}
	media.start = 1
	if t.StartNumber != nil {
		media.start = *t.StartNumber
	}
	scale := max(t.Timescale, 1)
	switch {
	case t.Timeline != nil:
		if l.media != nil {
			media.times = l.media.times
		}
		if media.times == nil {
			media.times = map[int64]place{}
		}
		n := media.start
		t.Timeline.each(length, scale, func(at, d int64, end bool) bool {
			key := n
			if media.byTime {
				key = at
			}
			// A few bytes may stand for any number of segments.
			if x.seen++; x.seen > 64*f.segments {
				m.limited++
				return false
			}
			if _, ok := media.times[key]; !ok {
				if m.named >= 16*f.segments {
					m.limited++
					return false
				}
				m.named++
			}
			// One after another is told by time: numbers may begin anew.
			media.times[key] = place{number: n, duration: scaled(d, scale), last: last && end}
			n++
			return true
		})
	case t.Duration > 0:
		media.duration = scaled(t.Duration, scale)
		if length > 0 && media.duration > 0 && last {
			count := int64((length + media.duration - 1) / media.duration)
			media.last = media.start + count - 1
			media.rest = length - events.Duration(count-1)*media.duration
		}
	default:
		return
	}
	l.media = media
}

// each calls do for each segment of a timeline (section 5.3.9.6), until it
// says that it is enough.
func (t *timeline) each(length events.Duration, scale int64, do func(at, d int64, end bool) bool) {
	var at int64
	for i, s := range t.S {
		if s.T != nil {
			at = *s.T
		}
		if s.D <= 0 {
			return
		}
		r := s.R
		if r < 0 { // until the next one, or the end
			end := at
			switch {
			case i+1 < len(t.S) && t.S[i+1].T != nil:
				end = *t.S[i+1].T
			case length > 0:
				end = int64(length.Std().Seconds() * float64(scale))
			}
			r = max((end-at+s.D-1)/s.D-1, 0)
		}
		for k := int64(0); k <= r; k++ {
			if !do(at, s.D, i == len(t.S)-1 && k == r) {
				return
			}
			at += s.D
		}
	}
}

func (m *film) urls(f *fold, x *mpd, l *level, s *segmentList, base string, last bool) {
	scale := max(s.Timescale, 1)
	var ds []int64
	if s.Timeline != nil {
		s.Timeline.each(0, scale, func(_, d int64, _ bool) bool {
			ds = append(ds, d)
			return len(ds) < len(s.URLs)
		})
	}
	for i, u := range s.URLs {
		if x.seen++; x.seen > 64*f.segments {
			m.limited++
			return
		}
		d := s.Duration
		if i < len(ds) {
			d = ds[i]
		}
		if url, ok := weburl.Resolve(base, u.Media); ok {
			m.list(f, url, place{level: m.index(l), number: int64(i + 1), duration: scaled(d, scale), last: last && i == len(s.URLs)-1})
		}
	}
}

// scaled is d/scale seconds.
func scaled(d, scale int64) events.Duration {
	v := float64(d) / float64(scale) * 1e9
	if v < 0 || v > math.MaxInt64/4 {
		return 0
	}
	return events.Duration(math.Round(v))
}

func under(base string, urls []string) string {
	for _, u := range urls {
		if r, ok := weburl.Resolve(base, strings.TrimSpace(u)); ok {
			return r
		}
	}
	return base
}

func kindOf(mimeType string) string {
	kind, _, _ := strings.Cut(mimeType, "/")
	return kind
}

// isoDuration reads a duration of XML Schema (part 2, section 3.2.6) without
// years and months; 0: it is none.
func isoDuration(s string) events.Duration {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "P")
	if !ok {
		return 0
	}
	var sum float64
	inTime := false
	for rest != "" {
		if rest[0] == 'T' {
			inTime, rest = true, rest[1:]
			continue
		}
		i := strings.IndexAny(rest, "DHMS")
		if i < 0 {
			return 0
		}
		v, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil || v < 0 {
			return 0
		}
		switch unit := rest[i]; {
		case unit == 'D' && !inTime:
			sum += v * 86400
		case unit == 'H' && inTime:
			sum += v * 3600
		case unit == 'M' && inTime:
			sum += v * 60
		case unit == 'S' && inTime:
			sum += v
		default:
			return 0
		}
		rest = rest[i+1:]
	}
	if sum > 1e9 {
		return 0
	}
	return events.Duration(math.Round(sum * 1e9))
}
