package http2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// Every frame of conversations that lack nothing is the frame that the Framer
// of golang.org/x/net reads.
func TestFramesAsFramer(t *testing.T) {
	frames := 0
	for _, c := range talks() {
		var side [2][]byte
		whole := c.name != "malformed frames 6" // the Framer stops at the first
		for _, ch := range c.chunks {
			side[ch.From] = append(side[ch.From], ch.Bytes...)
			whole = whole && ch.Lost == 0
		}
		if !whole || c.loose && strings.HasPrefix(c.name, "joined") {
			continue
		}
		var got [2][]string
		for _, r := range dt.Run(t, Proto, c.conversation()).Records {
			if f, ok := r.Body.(*events.HTTP2Frame); ok {
				flags := byte(0)
				for b := 1; b < 0x100; b <<= 1 {
					for _, name := range f.Flags {
						if s := nameFlags(typeOf(f.Type), byte(b)); s[0] == name {
							flags |= byte(b)
						}
					}
				}
				got[r.From] = append(got[r.From], fmt.Sprintf("%d %#x %d %d", typeOf(f.Type), flags, f.HTTPStream, f.Length))
			}
		}
		for from, b := range side {
			var want []string
			fr := http2.NewFramer(nil, bytes.NewReader(bytes.TrimPrefix(b, []byte(prefaceText))))
			fr.AllowIllegalReads = true
			fr.SetMaxReadFrameSize(1<<24 - 1)
			for {
				f, err := fr.ReadFrame()
				if err != nil {
					break
				}
				h := f.Header()
				want = append(want, fmt.Sprintf("%d %#x %d %d", h.Type, byte(h.Flags), h.StreamID, h.Length))
			}
			if c.name == "windows 6.9" && len(want) < len(got[from]) { // it stops at the increment of 0
				got[from] = got[from][:len(want)]
			}
			if fmt.Sprint(got[from]) != fmt.Sprint(want) {
				t.Errorf("%s: %s:\n%q, the Framer reads\n%q", c.name, events.Dir(from), got[from], want)
			}
			frames += len(want)
		}
	}
	if frames < 100 {
		t.Errorf("only %d frames were compared", frames)
	}
}

func typeOf(name string) frameType {
	for t := range rules {
		if rules[t].name == name {
			return frameType(t)
		}
	}
	var t frameType
	fmt.Sscanf(name, "0x%x", &t)
	return t
}

// What --extract is given are the decoded bytes of each object.
func TestExtract(t *testing.T) {
	c, s, hello := both()
	big := strings.Repeat("big ", 40000)
	talk := dt.Talk("extract", append(hello,
		c.says(c.headers(1, true, get...), c.headers(3, false, ":method: POST", ":scheme: http", ":path: /post", "content-type: text/x"), c.data(3, true, "up")),
		s.says(s.headers(1, false, ":status: 200", "content-encoding: gzip"), s.headers(3, false, ":status: 200", "content-encoding: unheard-of"), s.data(3, true, "raw")),
		s.says(s.data(1, true, zipped(big))),
		c.says(c.headers(5, true, get...)),
		s.says(s.headers(5, false, ":status: 200", "content-encoding: gzip"), s.data(5, true, "no gzip")),
		c.says(c.headers(7, true, get...)),
		s.says(s.headers(7, false, ":status: 200"), s.data(7, false, "first")),
		dt.Lost(fromServer, 100),
	)...)
	want := events.SetOf(append(events.Kinds(), events.KindContentPart, events.KindContentEnd)...)
	talk.Env = decoders.Env{Want: &want}
	parts := map[uint32]string{}
	var got []string
	for _, r := range dt.Run(t, Proto, talk).Records {
		switch b := r.Body.(type) {
		case *events.ContentPart:
			if len(b.Bytes) > maxPart {
				t.Errorf("a part of %d bytes", len(b.Bytes))
			}
			parts[b.Object] += string(b.Bytes)
		case *events.ContentEnd:
			got = append(got, fmt.Sprintf("%d %s %s %q %d %d %v", b.Object, b.Protocol, b.Name, b.Type, len(parts[b.Object]), b.Bytes, b.Complete))
		}
	}
	if w := fmt.Sprint([]string{
		`1 http /post "text/x" 2 2 true`, `3 http /post "" 3 3 true`, `2 http a.example/a "" 160000 160000 true`, `4 http a.example/a "" 0 0 false`, `5 http a.example/a "" 5 5 false`,
	}); fmt.Sprint(got) != w {
		t.Errorf("%q\nwant %q", got, w)
	}
	if parts[2] != big || parts[3] != "raw" {
		t.Error("other bytes")
	}
}
