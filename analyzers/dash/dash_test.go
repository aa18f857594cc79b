package dash_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dash"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
)

// play is a player's traffic on one connection. Times are in milliseconds.
type play struct {
	evs   []*events.Event
	frame uint64
}

var talk = foldtest.TCP(0, "10.0.0.1:50000", "192.0.2.1:80").In("tcp/http1")

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// get is a request at from whose response of n bytes is whole at to; doc is
// what is read of it.
func (p *play) get(from, to int, target, mediaType, doc string, n int64) *events.HTTPBody {
	p.frame += 2
	f := p.frame
	p.evs = append(p.evs, talk.Client(f-1, ms(from), &events.HTTPRequest{Method: "GET", Target: target, Host: "v.test", Version: "1.1", FirstTime: foldtest.Start.Add(events.Duration(ms(from))), FirstFrame: f - 1}),
		talk.Server(f, ms(to), &events.HTTPResponse{Status: 200, RequestFrame: f - 1, HasBody: true, FirstTime: foldtest.Start.Add(events.Duration(ms(to))), Headers: []events.Header{{"Content-Type", mediaType}}}))
	if doc != "" {
		p.evs = append(p.evs, talk.Server(f, ms(to), &events.HTTPDocument{RequestFrame: f - 1, ContentType: mediaType, Bytes: []byte(doc), Whole: true}))
	}
	b := &events.HTTPBody{Of: "response", RequestFrame: f - 1, WireBytes: n, Bytes: n, Complete: true}
	p.evs = append(p.evs, talk.Server(f, ms(to), b))
	return b
}

func (p *play) film(t *testing.T, key string) *dash.Value {
	t.Helper()
	return foldtest.Value[*dash.Value](t, foldtest.Rows(t, dash.Question, p.evs...), "10.0.0.1 "+key)
}

const master = "#EXTM3U\n#EXT-X-STREAM-INF:AVERAGE-BANDWIDTH=1,BANDWIDTH=80000,CODECS=\"a,b\",RESOLUTION=2x1\nlow/index.m3u8\n" +
	"#EXT-X-STREAM-INF:BANDWIDTH=800000\nhigh/index.m3u8\n"

func playlist(n int) string {
	var b strings.Builder
	b.WriteString("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "#EXTINF:1.0,title\n%d.ts\n", i)
	}
	return b.String() + "#EXT-X-ENDLIST\n"
}

// The worked example of the documentation: segments of 1 s.
func TestStall(t *testing.T) {
	var p play
	p.get(0, 100, "/master.m3u8", "application/vnd.apple.mpegurl", master, 200)
	p.get(100, 200, "/low/index.m3u8", "audio/mpegurl", playlist(4), 200)
	p.get(200, 300, "/low/1.ts", "video/mp2t", "", 10_000) // plays until 1300
	p.get(300, 400, "/high/index.m3u8", "application/x-mpegurl", playlist(4), 200)
	p.get(400, 2400, "/high/2.ts", "video/mp2t", "", 100_000) // stands still from 1300
	p.get(2400, 2500, "/low/3.ts", "video/mp2t", "", 10_000)  // two segments: goes on, until 4500
	p.get(2500, 2600, "/low/4.ts", "video/mp2t", "", 10_000)
	v := p.film(t, "http://v.test/master.m3u8")
	if v.Undecided != "" || v.Startup.Std() != ms(300) || v.StallTime.Std() != ms(1200) || len(v.Stalls) != 1 {
		t.Fatalf("%+v", v)
	}
	if s := v.Stalls[0]; s.Begin.Std() != ms(1300) || s.End.Std() != ms(2500) || s.Behind != 2 {
		t.Errorf("stall %+v", s)
	}
	if len(v.Switches) != 2 || v.Switches[0].From != "low" || v.Switches[0].To != "high" || v.Switches[0].At.Std() != ms(400) {
		t.Errorf("switches %+v", v.Switches)
	}
	var buffer []string
	for _, b := range v.Buffer {
		buffer = append(buffer, fmt.Sprint(b.At.Std().Milliseconds(), ":", b.Buffer.Std().Milliseconds()))
	}
	if got := strings.Join(buffer, " "); got != "300:1000 1300:0 2400:1000 2500:2000 2600:2900" {
		t.Errorf("buffer %s", got)
	}
	// 130,000 bytes in 2.3 s; 10 kB a second is low, 100 kB a second is high.
	// For the 2 s of segment 2 the network gave 50 kB a second: high would have
	// stood still, low not.
	if v.Bytes != 130_000 || v.Throughput < 56521 || v.Throughput > 56522 || v.Sustained != "low" || v.Smooth != "low" ||
		v.Segments[0].Sustained != "high" || v.Segments[1].Sustained != "low" || v.Segments[1].Throughput != 50_000 {
		t.Errorf("%+v", v)
	}
	if l := v.Ladder; len(l) != 2 || l[0].ID != "low" || l[0].Bandwidth != 80_000 || l[0].Codecs != "a,b" || l[0].Width != 2 || l[0].Fetched != 3 {
		t.Errorf("ladder %+v", l)
	}
}

// The forms in which a manifest says where segments are.
func TestMPD(t *testing.T) {
	head := `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT0H0M5S" minBufferTime="PT2S"><BaseURL>film/</BaseURL><Period>`
	for name, c := range map[string]struct {
		sets string
		urls []string
	}{
		"number, with the last one shorter": {
			`<AdaptationSet mimeType="video/mp4"><SegmentTemplate media="$RepresentationID$/$Number%05d$-$Bandwidth$.m4s" startNumber="0" timescale="10" duration="20"/>
			 <Representation id="v" bandwidth="8000"/></AdaptationSet>`,
			[]string{"/film/v/00000-8000.m4s", "/film/v/00001-8000.m4s", "/film/v/00002-8000.m4s"},
		},
		"timeline": {
			`<AdaptationSet contentType="video"><Representation id="v" bandwidth="8000"><BaseURL>http://V.test/other/</BaseURL>
			 <SegmentTemplate media="t$Time$.m4s?x=1" timescale="10"><SegmentTimeline><S t="100" d="20" r="1"/><S d="10"/></SegmentTimeline></SegmentTemplate></Representation></AdaptationSet>`,
			[]string{"/other/t100.m4s?x=1", "/other/t120.m4s?x=1", "/other/t140.m4s?x=1"},
		},
		"list": {
			`<AdaptationSet contentType="video"><Representation id="v" bandwidth="8000"><SegmentList timescale="1" duration="2"><SegmentURL media="a.m4s"/><SegmentURL media="b.m4s"/><SegmentURL media="../c.m4s"/></SegmentList></Representation></AdaptationSet>`,
			[]string{"/film/a.m4s", "/film/b.m4s", "/c.m4s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var p play
			p.get(0, 100, "/x.mpd", "text/xml", head+c.sets+`</Period></MPD>`, 500)
			for i, u := range c.urls {
				p.get(100+100*i, 200+100*i, u, "video/mp4", "", 2000)
			}
			v := p.film(t, "http://v.test/x.mpd")
			// The first segment has the 2 s that the manifest wants.
			if v.Undecided != "" || v.Fetched != 3 || v.Startup == nil || v.Startup.Std() != ms(200) || len(v.Stalls) != 0 {
				t.Fatalf("%+v", v)
			}
			if b := v.Buffer[len(v.Buffer)-1].Buffer.Std(); name != "list" && b != 5*time.Second-ms(200) {
				t.Errorf("at the end %s are in the buffer", b)
			}
		})
	}
}

// Sound and picture: what lacks one of them stands still.
func TestTwoSets(t *testing.T) {
	const doc = `<MPD mediaPresentationDuration="PT2S"><Period><SegmentTemplate media="$RepresentationID$-$Number$" duration="1"/>
		<AdaptationSet mimeType="video/mp4"><Representation id="v" bandwidth="8000"/></AdaptationSet>
		<AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="800"/></AdaptationSet></Period></MPD>`
	var p play
	p.get(0, 100, "/x.mpd", "application/dash+xml", doc, 500)
	p.get(100, 200, "/v-1", "video/mp4", "", 1000)
	p.get(200, 300, "/a-1", "audio/mp4", "", 100) // now both: plays until 1300
	p.get(300, 400, "/v-2", "video/mp4", "", 1000)
	p.get(400, 1500, "/a-2", "audio/mp4", "", 100)
	v := p.film(t, "http://v.test/x.mpd")
	if v.Undecided != "" || v.Startup.Std() != ms(300) || len(v.Stalls) != 1 || v.Stalls[0].Begin.Std() != ms(1300) || v.Stalls[0].End.Std() != ms(1500) {
		t.Errorf("%+v", v)
	}
}

// Where it cannot be told, it is undecided, and says why.
func TestUndecided(t *testing.T) {
	begin := func() *play {
		p := &play{}
		p.get(0, 100, "/low/index.m3u8", "application/vnd.apple.mpegurl", playlist(9), 200)
		return p
	}
	const key = "http://v.test/low/index.m3u8"
	for what, c := range map[string]func() (*play, string){
		"no manifest that names them was captured": func() (*play, string) { // joined midway
			p := &play{}
			p.get(0, 100, "/low/4.ts", "video/mp2t", "", 1000)
			p.get(100, 200, "/low/5.ts", "video/mp2t", "", 1000)
			return p, "unknown"
		},
		"no segment of it was asked for": func() (*play, string) { return begin(), key },
		"segment 1 is not whole": func() (*play, string) { // a gap
			p := begin()
			p.get(100, 200, "/low/1.ts", "video/mp2t", "", 1000).Missing = 100
			return p, key
		},
		"the response with segment 1 was not captured": func() (*play, string) { // one direction is missing
			p := begin()
			p.get(100, 200, "/low/1.ts", "video/mp2t", "", 1000)
			p.evs = p.evs[:len(p.evs)-2]
			p.get(300, 400, "/low/2.ts", "video/mp2t", "", 1000)
			return p, key
		},
		"went from segment 1 to 7": func() (*play, string) { // somebody dragged the slider
			p := begin()
			p.get(100, 200, "/low/1.ts", "video/mp2t", "", 1000)
			p.get(300, 400, "/low/7.ts", "video/mp2t", "", 1000)
			return p, key
		},
		"its manifest cannot be read": func() (*play, string) {
			p := &play{}
			p.get(0, 100, "/x.mpd", "application/dash+xml", "<MPD><Period>", 200)
			return p, "http://v.test/x.mpd"
		},
	} {
		p, key := c()
		v := p.film(t, key)
		if !strings.Contains(v.Undecided, what) || v.Startup != nil || v.Stalls != nil {
			t.Errorf("%q: %+v", what, v)
		}
	}
}

// A segment that was fetched again at another rate, and one that failed, add
// no film.
func TestAgain(t *testing.T) {
	var p play
	p.get(0, 100, "/low/index.m3u8", "application/vnd.apple.mpegurl", playlist(9), 200)
	p.get(100, 200, "/low/1.ts", "video/mp2t", "", 1000)
	p.get(200, 300, "/low/1.ts", "video/mp2t", "", 1000)
	p.get(300, 400, "/low/2.ts", "video/mp2t", "", 1000)
	p.evs[len(p.evs)-2].Body.(*events.HTTPResponse).Status = 503
	p.get(400, 500, "/low/2.ts", "video/mp2t", "", 1000)
	v := p.film(t, "http://v.test/low/index.m3u8")
	if last := v.Buffer[len(v.Buffer)-1]; v.Undecided != "" || v.Fetched != 4 || len(v.Buffer) != 2 || last.Buffer.Std() != ms(1700) {
		t.Errorf("%+v", v)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldSamples = 2
	var p play
	p.get(0, 100, "/low/index.m3u8", "application/vnd.apple.mpegurl", playlist(60), 200)
	for i := range 4 {
		p.get(100+i, 101+i, fmt.Sprintf("/low/%d.ts", i+1), "video/mp2t", "", 1000)
	}
	v := foldtest.Value[*dash.Value](t, foldtest.RowsWithin(t, dash.Question, l, p.evs...), "10.0.0.1 http://v.test/low/index.m3u8")
	if v.Fetched != 2 || v.Limited != 29+2 || v.Undecided == "" {
		t.Errorf("%+v", v)
	}
}

// Whatever a manifest holds, its reading ends, and within the limits.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(master), true)
	f.Add([]byte(playlist(3)), true)
	f.Add([]byte(`<MPD><Period><AdaptationSet><Representation id="a"><SegmentTemplate media="$Time$"><SegmentTimeline><S d="1" r="9"/></SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>`), false)
	l := events.DefaultLimits()
	f.Fuzz(func(t *testing.T, b []byte, hls bool) {
		var p play
		kind := "application/dash+xml"
		if hls {
			kind = "application/vnd.apple.mpegurl"
		}
		p.get(0, 100, "/x", kind, string(b), 200)
		p.get(100, 200, "/1", "video/mp4", "", 1000)
		r := dash.Question.New(analyzers.Options{Limits: &l})
		for i, e := range p.evs {
			e.Pos.Sub = uint32(i)
			r.Step(e, func(analyzers.Row) {})
		}
		r.Close(9, foldtest.Start, func(row analyzers.Row) { events.AppendJSON(nil, row.Value) })
	})
}

func BenchmarkStep(b *testing.B) {
	var p play
	p.get(0, 100, "/a.html", "text/html", "", 200)
	evs := p.evs
	l := events.DefaultLimits()
	r := dash.Question.New(analyzers.Options{Limits: &l})
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range evs {
			r.Step(e, func(analyzers.Row) {})
		}
	}
}
