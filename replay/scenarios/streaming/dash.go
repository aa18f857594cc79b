package streaming

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
)

const manifestPath = "/film/manifest.mpd"

// The part of a media presentation description (ISO/IEC 23009-1 section 5) that
// this film needs.
type mpd struct {
	XMLName   xml.Name `xml:"urn:mpeg:dash:schema:mpd:2011 MPD"`
	Type      string   `xml:"type,attr"`
	Profiles  string   `xml:"profiles,attr"`
	Duration  string   `xml:"mediaPresentationDuration,attr"`
	MinBuffer string   `xml:"minBufferTime,attr"`
	Period    struct {
		Sets []adaptationSet `xml:"AdaptationSet"`
	} `xml:"Period"`
}

type adaptationSet struct {
	MimeType string           `xml:"mimeType,attr"`
	Template segmentTemplate  `xml:"SegmentTemplate"`
	Levels   []representation `xml:"Representation"`
}

type segmentTemplate struct {
	Initialization string `xml:"initialization,attr"`
	Media          string `xml:"media,attr"`
	StartNumber    int    `xml:"startNumber,attr"`
	Timescale      int64  `xml:"timescale,attr"`
	Duration       int64  `xml:"duration,attr"` // in 1/Timescale seconds
}

type representation struct {
	ID        string `xml:"id,attr"`
	Bandwidth int64  `xml:"bandwidth,attr"`
	Width     int    `xml:"width,attr"`
	Height    int    `xml:"height,attr"`
	Codecs    string `xml:"codecs,attr"`
}

// publishDASH puts up manifest and segments.
func publishDASH(site *web.Site, f *film) error {
	m := mpd{
		Type: "static", Profiles: "urn:mpeg:dash:profile:isoff-live:2011",
		Duration: isoSeconds(segments * segmentTime), MinBuffer: isoSeconds(segmentTime),
	}
	set := adaptationSet{MimeType: "video/mp4", Template: segmentTemplate{
		Initialization: "$RepresentationID$/init.mp4", Media: "$RepresentationID$/$Number%03d$.m4s",
		StartNumber: 1, Timescale: 1000, Duration: segmentTime.Milliseconds(),
	}}
	for _, l := range ladder {
		set.Levels = append(set.Levels, representation{ID: l.name, Bandwidth: l.rate, Width: l.width, Height: l.height, Codecs: "avc1.64001f"})
		site.Put("/film/"+l.name+"/init.mp4", web.Object{Type: "video/mp4", Body: f.mp4Head()})
		for n := 1; n <= segments; n++ {
			site.Put("/film/"+l.name+"/"+number(n)+".m4s", web.Object{Type: "video/iso.segment", Body: f.mp4Segment(f.size(l.rate))})
		}
	}
	m.Period.Sets = []adaptationSet{set}
	body, err := xml.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	site.Put(manifestPath, web.Object{Type: "application/dash+xml", Body: append([]byte(xml.Header), body...)})
	return nil
}

// readDASH fetches and reads the manifest.
func readDASH(get func(string) ([]byte, error)) (*manifest, error) {
	at := siteURL + manifestPath
	body, err := get(at)
	if err != nil {
		return nil, err
	}
	var m mpd
	if err := xml.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("streaming: %s: %w", at, err)
	}
	base, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	whole, err := parseISOSeconds(m.Duration)
	if err != nil || len(m.Period.Sets) != 1 {
		return nil, fmt.Errorf("streaming: %s: no film of one set: %w", at, err)
	}
	set := m.Period.Sets[0]
	t := set.Template
	if t.Timescale <= 0 || t.Duration <= 0 || len(set.Levels) == 0 {
		return nil, fmt.Errorf("streaming: %s: no segments", at)
	}
	out := &manifest{segment: time.Duration(t.Duration) * time.Second / time.Duration(t.Timescale)}
	out.count = int((whole + out.segment - 1) / out.segment)
	for _, r := range set.Levels {
		fill := func(template string, segment int) string {
			path := strings.NewReplacer("$RepresentationID$", r.ID, "$Number%03d$", number(t.StartNumber+segment-1)).Replace(template)
			return base.ResolveReference(&url.URL{Path: path}).String()
		}
		out.levels = append(out.levels, level{name: r.ID, rate: r.Bandwidth, first: fill(t.Initialization, 1),
			url: func(segment int) string { return fill(t.Media, segment) }})
	}
	slices.SortFunc(out.levels, func(a, b level) int { return cmp.Compare(a.rate, b.rate) })
	return out, nil
}

// isoSeconds is a duration as XML writes it.
func isoSeconds(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"
}

func parseISOSeconds(s string) (time.Duration, error) {
	return time.ParseDuration(strings.ToLower(strings.TrimPrefix(s, "PT")))
}
