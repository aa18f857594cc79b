package streaming

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
)

const (
	masterPath   = "/film/master.m3u8"
	playlistType = "application/vnd.apple.mpegurl" // RFC 8216 section 4
)

// publishHLS puts up playlists and segments.
func publishHLS(site *web.Site, f *film) error {
	var master bytes.Buffer
	fmt.Fprintf(&master, "#EXTM3U\n#EXT-X-VERSION:3\n")
	for _, l := range ladder {
		// Section 4.3.4.2.
		fmt.Fprintf(&master, "#EXT-X-STREAM-INF:BANDWIDTH=%d,RESOLUTION=%dx%d,CODECS=\"avc1.64001f\"\n%s/index.m3u8\n", l.rate, l.width, l.height, l.name)
		var list bytes.Buffer
		fmt.Fprintf(&list, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n")
		for n := 1; n <= segments; n++ {
			fmt.Fprintf(&list, "#EXTINF:%.3f,\n%s.ts\n", segmentTime.Seconds(), number(n))
			site.Put("/film/"+l.name+"/"+number(n)+".ts", web.Object{Type: "video/mp2t", Body: f.tsSegment(f.size(l.rate))})
		}
		fmt.Fprintf(&list, "#EXT-X-ENDLIST\n")
		site.Put("/film/"+l.name+"/index.m3u8", web.Object{Type: playlistType, Body: list.Bytes()})
	}
	site.Put(masterPath, web.Object{Type: playlistType, Body: master.Bytes()})
	return nil
}

// readHLS fetches and reads the master playlist, and the list of its lowest
// level; all levels have segments of the same names and lengths.
func readHLS(get func(string) ([]byte, error)) (*manifest, error) {
	at := siteURL + masterPath
	base, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	body, err := get(at)
	if err != nil {
		return nil, err
	}
	out := &manifest{}
	var rate int64
	for _, line := range lines(body) {
		switch {
		case strings.HasPrefix(line, "#EXT-X-STREAM-INF:"):
			_, after, _ := strings.Cut(line, "BANDWIDTH=")
			digits, _, _ := strings.Cut(after, ",")
			if rate, err = strconv.ParseInt(digits, 10, 64); err != nil {
				return nil, fmt.Errorf("streaming: %s: %w", at, err)
			}
		case !strings.HasPrefix(line, "#"):
			list := base.ResolveReference(&url.URL{Path: line})
			name, _, _ := strings.Cut(line, "/")
			out.levels = append(out.levels, level{name: name, rate: rate, first: list.String(),
				url: func(segment int) string {
					return list.ResolveReference(&url.URL{Path: number(segment) + ".ts"}).String()
				}})
		}
	}
	if len(out.levels) == 0 {
		return nil, fmt.Errorf("streaming: %s: no streams", at)
	}
	slices.SortFunc(out.levels, func(a, b level) int { return cmp.Compare(a.rate, b.rate) })

	if body, err = get(out.levels[0].first); err != nil {
		return nil, err
	}
	out.levels[0].first = "" // it is known now
	for _, line := range lines(body) {
		if length, ok := strings.CutPrefix(line, "#EXTINF:"); ok {
			if out.segment, err = time.ParseDuration(strings.TrimSuffix(length, ",") + "s"); err != nil {
				return nil, fmt.Errorf("streaming: %s: %w", at, err)
			}
			out.count++
		}
	}
	return out, nil
}

func lines(b []byte) []string {
	var out []string
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" {
			out = append(out, line)
		}
	}
	return out
}
