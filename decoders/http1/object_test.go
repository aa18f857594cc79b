package http1

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// carried is an object as whoever wants objects puts it together.
type carried struct {
	from     events.Dir
	name     string
	mime     string
	bytes    string
	complete bool
	drop     bool
}

func (o carried) String() string {
	s := fmt.Sprintf("%s %q %q %q", o.from, o.name, o.mime, o.bytes)
	if o.drop {
		s += " dropped"
	} else if !o.complete {
		s += " incomplete"
	}
	return s
}

// wantContent lets c be played to a decoder whose objects are wanted.
func wantContent(c dt.Conversation) dt.Conversation {
	want := events.SetOf(append(events.Kinds(), events.KindContentPart, events.KindContentEnd)...)
	c.Env.Want = &want
	return c
}

// carriedIn are the objects of a tape by their ends. It checks the contract:
// parts of at most 64 KiB, none after the end, each object ended once.
func carriedIn(t testing.TB, tape *dt.Tape) (list []carried) {
	t.Helper()
	type key struct {
		from   events.Dir
		object uint32
	}
	open, over := map[key]*strings.Builder{}, map[key]bool{}
	for _, r := range tape.Records {
		switch e := r.Body.(type) {
		case *events.ContentPart:
			k := key{r.From, e.Object}
			if over[k] {
				t.Errorf("a part of object %d after its end", e.Object)
			}
			if len(e.Bytes) == 0 || len(e.Bytes) > 64<<10 {
				t.Errorf("a part of %d bytes", len(e.Bytes))
			}
			if open[k] == nil {
				open[k] = new(strings.Builder)
			}
			open[k].Write(e.Bytes)
		case *events.ContentEnd:
			k := key{r.From, e.Object}
			if over[k] {
				t.Errorf("object %d ends twice", e.Object)
			}
			over[k] = true
			o := carried{from: r.From, name: e.Name, mime: e.Type, complete: e.Complete, drop: e.Drop}
			if b := open[k]; b != nil {
				o.bytes = b.String()
			}
			delete(open, k)
			if e.Protocol != "http" {
				t.Errorf("protocol %q", e.Protocol)
			}
			if int64(len(o.bytes)) != e.Bytes && !e.Drop {
				t.Errorf("the end says %d bytes after %d", e.Bytes, len(o.bytes))
			}
			list = append(list, o)
		}
	}
	for k := range open {
		t.Errorf("object %d never ends", k.object)
	}
	return list
}

func zip(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// chunked is s in two chunks (RFC 9112 section 7.1).
func chunked(s string) string {
	n := len(s) / 2
	return fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", n, s[:n], len(s)-n, s[n:])
}

const (
	getPage  = "GET /a/page.html?q=1 HTTP/1.1\r\nHost: www.example.test\r\n\r\n"
	announce = "GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: t.example\r\n\r\n"
	long     = 200_000
)

func withLength(fields, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s", len(body), fields, body)
}

// objectTalks: what must come out follows from the sections named.
var objectTalks = []struct {
	name   string
	chunks []dt.Chunk
	want   []carried
}{
	{"identity 6.2", []dt.Chunk{client(getPage), server(withLength("", "hello"))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "text/plain", "hello", true, false}}},
	{"of a request, to a proxy", []dt.Chunk{client("POST http://o.example/up HTTP/1.1\r\nHost: o.example\r\nContent-Length: 4\r\n\r\nabcd"), server(ok0)},
		[]carried{{fromClient, "http://o.example/up", "", "abcd", true, false}}},
	{"chunked and gzip 7.1, RFC 9110 8.4.1", []dt.Chunk{client(getPage), server("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(zip("hello, hello, hello")))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "", "hello, hello, hello", true, false}}},
	{"a coding that is not known stays RFC 9110 8.4", []dt.Chunk{client(getPage), server(withLength("Content-Encoding: secret\r\n", "\x00\x01raw"))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "text/plain", "\x00\x01raw", true, false}}},
	{"not of its coding", []dt.Chunk{client(getPage), server(withLength("Content-Encoding: gzip\r\n", "plain after all"))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "text/plain", "", false, false}}},
	{"a gap: what came before it", []dt.Chunk{client(getPage), server("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nabcd"), dt.Lost(fromServer, 4), server("ijkl"), client(getPage), server(withLength("", "next"))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "", "abcd", false, false}, {fromServer, "www.example.test/a/page.html?q=1", "text/plain", "next", true, false}}},
	{"cut short 8", []dt.Chunk{client(getPage), server("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nabcd"), over(fromServer, events.EndFIN)},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "", "abcd", false, false}}},
	{"up to the end of the connection 6.3", []dt.Chunk{client(getPage), server("HTTP/1.0 200 OK\r\n\r\nabcd"), over(fromServer, events.EndFIN)},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "", "abcd", true, false}}},
	{"none without a body 6.3, none of length 0", []dt.Chunk{client(get), server(ok0), client("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"), server("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), client(get), server("HTTP/1.1 304 Not Modified\r\n\r\n")}, nil},
	{"HTTP/0.9", []dt.Chunk{client("GET /old\r\n"), server("<p>all of it"), over(fromServer, events.EndFIN)},
		[]carried{{fromServer, "/old", "", "<p>all of it", true, false}}},
	{"HTTP/0.9, answered with a head: no object of it", []dt.Chunk{client("GET /old\r\n"), server("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")},
		[]carried{{fromServer, "", "", "", false, true}, {fromServer, "/old", "", "hi", true, false}}},
	{"long", []dt.Chunk{client(getPage), server(withLength("", strings.Repeat("0123456789", long/10)))},
		[]carried{{fromServer, "www.example.test/a/page.html?q=1", "text/plain", strings.Repeat("0123456789", long/10), true, false}}},
}

func TestObjects(t *testing.T) {
	for _, x := range objectTalks {
		t.Run(x.name, func(t *testing.T) {
			tape := dt.Run(t, Proto, wantContent(dt.Talk(x.name, x.chunks...)))
			if got := carriedIn(t, tape); !slices.Equal(got, x.want) {
				t.Errorf("carried\n%.2000s\nwant\n%.2000s", got, x.want)
			}
		})
	}
}

// A tracker reads the body of the same response that is an object.
func TestObjectBesideTracker(t *testing.T) {
	const body = "d8:intervali9ee"
	for _, c := range []dt.Conversation{
		dt.Talk("plain", client(announce), server(withLength("", body))),
		dt.Talk("gzip", client(announce), server(withLength("Content-Encoding: gzip\r\n", zip(body)))),
	} {
		tape := dt.Run(t, Proto, wantContent(c))
		want := []carried{{fromServer, "t.example/announce?info_hash=aaaaaaaaaaaaaaaaaaaa", "text/plain", body, true, false}}
		if got := carriedIn(t, tape); !slices.Equal(got, want) {
			t.Errorf("%s: carried %v, want %v", c.Name, got, want)
		}
		if len(tape.Feeds) != 1 || string(tape.Feeds[0].Bytes[fromServer]) != body || tape.Feeds[0].Ended[fromServer] != events.EndFIN {
			t.Errorf("%s: the tracker was not given the body to its end", c.Name)
		}
	}
}

func TestNoObjectsUnlessWanted(t *testing.T) {
	for _, x := range objectTalks {
		for _, hash := range []bool{false, true} {
			c := dt.Talk(x.name, x.chunks...)
			c.Env.Hash = hash
			for _, r := range dt.Run(t, Proto, c).Records {
				if k := r.Body; k != nil && (k.Kind() == events.KindContentPart || k.Kind() == events.KindContentEnd) {
					t.Errorf("%s: %s", x.name, r)
				}
			}
		}
	}
}

// pieces is c with all its chunks cut into pieces of n bytes.
func pieces(c dt.Conversation, n int) dt.Conversation {
	var out []dt.Chunk
	for _, ch := range c.Chunks {
		if ch.Bytes == nil {
			out = append(out, ch)
			continue
		}
		for p := range slices.Chunk(ch.Bytes, n) {
			out = append(out, dt.Chunk{From: ch.From, Bytes: p})
		}
	}
	c.Chunks = out
	return c
}

// The laws of decodertest, with content wanted: how the bytes are cut does not
// show in the objects, other events are the same as without, and loss invents
// no object: each is one of the full run, or the beginning of one, or follows
// a gap or a violation.
func TestLawsOfObjects(t *testing.T) {
	var cs []dt.Conversation
	for _, x := range objectTalks {
		cs = append(cs, dt.Talk(x.name, x.chunks...))
	}
	for _, x := range talks {
		cs = append(cs, dt.Talk(x.name, x.chunks...))
	}
	cs = append(cs, dt.Talk("tracker", client(announce), server(withLength("", "d8:intervali9ee"))))
	for _, c := range cs {
		t.Run(c.Name, func(t *testing.T) {
			tape := dt.Run(t, Proto, wantContent(c))
			full := carriedIn(t, tape)
			other := slices.DeleteFunc(slices.Clone(tape.Records), func(r dt.Record) bool {
				return r.Body != nil && (r.Body.Kind() == events.KindContentPart || r.Body.Kind() == events.KindContentEnd)
			})
			hashed := c
			hashed.Env.Hash = true
			if want := lines(dt.Run(t, Proto, hashed)); lines(&dt.Tape{Records: other}) != want {
				t.Errorf("other events are not those without content:\n%s\nwant\n%s", lines(&dt.Tape{Records: other}), want)
			}
			for _, n := range []int{1, 2, 3, 7, 64} {
				if n < 64 && size(c) > 10_000 {
					continue
				}
				if got := carriedIn(t, dt.Run(t, Proto, wantContent(pieces(c, n)))); !slices.Equal(got, full) {
					t.Errorf("in pieces of %d bytes: %.1000s\nwant %.1000s", n, got, full)
				}
			}
			small := c
			if size(c) < 10_000 {
				small = pieces(c, 16)
			}
			for i, ch := range small.Chunks {
				if ch.Bytes == nil {
					continue
				}
				lossy := small
				lossy.Chunks = slices.Clone(small.Chunks)
				lossy.Chunks[i] = dt.Lost(ch.From, int64(len(ch.Bytes)))
				tape := dt.Run(t, Proto, wantContent(lossy))
				if slices.ContainsFunc(tape.Records, func(r dt.Record) bool { return r.Kind == "flow.gap" || r.Kind == "flow.violation" }) {
					carriedIn(t, tape)
					continue
				}
				for _, o := range carriedIn(t, tape) {
					if !slices.ContainsFunc(full, func(f carried) bool {
						return f.from == o.from && (f.bytes == o.bytes && f.complete == o.complete || !o.complete && strings.HasPrefix(f.bytes, o.bytes))
					}) {
						t.Errorf("loss of chunk %d invented %v", i, o)
					}
				}
			}
		})
	}
}

func size(c dt.Conversation) (n int) {
	for _, ch := range c.Chunks {
		n += len(ch.Bytes)
	}
	return n
}

// What is not wanted costs nothing; what is wanted is not kept.
func BenchmarkObject(b *testing.B) {
	body := withLength("", strings.Repeat("x", 1<<20))
	c := wantContent(dt.Talk("object", client(getPage), server(body)))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		dt.Play(Proto, c)
	}
}
