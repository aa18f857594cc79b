package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

func wantDocuments(c dt.Conversation) dt.Conversation {
	want := events.SetOf(append(events.Kinds(), events.KindHTTPDocument)...)
	c.Env.Want = &want
	return c
}

// documentsIn are the documents of a tape, each of which must stand before the
// body that it is the front of.
func documentsIn(t testing.TB, tape *dt.Tape) (list []*events.HTTPDocument) {
	t.Helper()
	for i, r := range tape.Records {
		d, ok := r.Body.(*events.HTTPDocument)
		if !ok {
			continue
		}
		list = append(list, d)
		if i+1 == len(tape.Records) {
			t.Fatal("a document without its body")
		}
		if b, ok := tape.Records[i+1].Body.(*events.HTTPBody); !ok || b.RequestFrame != d.RequestFrame {
			t.Errorf("behind a document comes %+v", tape.Records[i+1].Body)
		}
	}
	return list
}

// Pages, style sheets and manifests are read, without their codings; nothing
// else is.
func TestDocuments(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("<p>zipped</p>"))
	_ = w.Close()
	get := func(path string) dt.Chunk { return dt.Client("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n") }
	ok := func(fields, body string) dt.Chunk {
		return dt.Server(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), fields, body))
	}
	c := wantDocuments(dt.Talk("documents",
		get("/"), ok("Content-Type: text/html; charset=utf-8\r\nContent-Encoding: gzip\r\n", zipped.String()),
		get("/a.png"), ok("Content-Type: image/png\r\n", "noise"),
		get("/a.css"), dt.Server("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na{}\r\n2\r\nb{\r\n0\r\n\r\n"),
		get("/film.MPD?x=1"), ok("Content-Type: text/plain\r\n", "<MPD/>"),
		get("/notes.txt"), ok("Content-Type: text/plain\r\n", "notes"),
		get("/list"), ok("Content-Type: application/vnd.apple.mpegurl\r\n", "#EXTM3U"),
		get("/broken"), ok("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", "no gzip at all"),
	))
	want := []string{"<p>zipped</p> true", "a{}b{ true", "<MPD/> true", "#EXTM3U true", " false"}
	var got []string
	for _, d := range documentsIn(t, dt.Run(t, Proto, c)) {
		got = append(got, fmt.Sprintf("%s %t", d.Bytes, d.Whole))
	}
	if a, b := strings.Join(got, "|"), strings.Join(want, "|"); a != b {
		t.Errorf("read %q, want %q", a, b)
	}
	dt.Laws(t, Proto, c)
}

// What is behind a gap is not read, and what is behind the limit.
func TestDocumentsCutOff(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 30\r\n\r\n"
	c := wantDocuments(dt.Talk("a gap", dt.Client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		dt.Server(head+"0123456789"), dt.Lost(events.FromServer, 10), dt.Server("abcdefghij")))
	if d := documentsIn(t, dt.Run(t, Proto, c)); len(d) != 1 || string(d[0].Bytes) != "0123456789" || d[0].Whole {
		t.Errorf("behind a gap: %+v", d)
	}
	l := events.DefaultLimits()
	l.DocumentBytes = 12
	c = wantDocuments(dt.Talk("a limit", dt.Client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), dt.Server(head+"0123456789"), dt.Server("0123456789abcdefghij")))
	c.Env.Limits = &l
	tape := dt.Run(t, Proto, c)
	if d := documentsIn(t, tape); len(d) != 1 || string(d[0].Bytes) != "012345678901" || d[0].Whole {
		t.Errorf("over the limit: %+v", d)
	}
	if k := strings.Join(tape.Kinds(), " "); !strings.Contains(k, "flow.limit") {
		t.Errorf("the limit is not told: %s", k)
	}
}
