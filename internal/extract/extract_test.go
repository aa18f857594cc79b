package extract

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

// scene is a Writer on a new folder, and who speaks next.
type scene struct {
	t     *testing.T
	w     *Writer
	dir   string
	frame uint64
}

func begin(t *testing.T, change func(*events.Limits)) *scene {
	t.Helper()
	l := events.DefaultLimits()
	if change != nil {
		change(&l)
	}
	dir := filepath.Join(t.TempDir(), "objects")
	w, err := New(dir, &l)
	if err != nil {
		t.Fatal(err)
	}
	return &scene{t: t, w: w, dir: dir}
}

func (s *scene) say(stream uint32, b events.Body) {
	s.t.Helper()
	s.frame++
	e := &events.Event{Pos: events.Pos{Frame: s.frame}, Time: events.Time(s.frame), Stream: stream, Layer: "tcp/http1",
		Flow: events.Flow{Proto: events.ProtoTCP, ClientPort: 1, ServerPort: 80}, From: events.FromServer, Body: b}
	if err := s.w.Event(e); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) part(stream, object uint32, b string) {
	s.t.Helper()
	s.say(stream, &events.ContentPart{Object: object, Bytes: []byte(b)})
}

func (s *scene) end(stream, object uint32, name string) {
	s.t.Helper()
	s.say(stream, &events.ContentEnd{Object: object, Protocol: "http", Name: name, Complete: true})
}

// close ends the writing and reads back what there is: files by name, and the
// index.
func (s *scene) close() (files map[string]string, index []map[string]any) {
	s.t.Helper()
	if err := s.w.Close(); err != nil {
		s.t.Fatal(err)
	}
	files = map[string]string{}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(s.dir, e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Name() == IndexName {
			if err := json.Unmarshal(b, &index); err != nil {
				s.t.Fatalf("%v in\n%s", err, b)
			}
			continue
		}
		files[e.Name()] = string(b)
	}
	return files, index
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestObjectsOfTwoStreamsAtOnce(t *testing.T) {
	s := begin(t, nil)
	long := strings.Repeat("0123456789", 10_000) // more than is held in memory
	s.part(1, 1, "small")
	s.part(2, 1, long[:50_000])
	s.part(2, 1, long[50_000:])
	s.end(1, 1, "www.example.test/a/small.txt?x=1")
	s.end(2, 1, "www.example.test/")
	s.end(3, 7, "") // nothing in it
	files, index := s.close()
	want := map[string]string{
		"000001-" + sum("small") + "-small.txt":     "small",
		"000002-" + sum(long) + "-www.example.test": long,
		"000003-" + sum(""):                         "",
	}
	if len(files) != len(want) || len(index) != len(want) {
		t.Fatalf("%d files, %d entries", len(files), len(index))
	}
	for name, b := range want {
		if got, ok := files[name]; !ok || got != b {
			t.Errorf("%s: there %v, %d bytes", name, ok, len(got))
		}
	}
	if e := index[1]; e["file"] != "000002-"+sum(long)+"-www.example.test" || e["bytes"] != 1e5 || e["sha256"] != sum(long) || e["complete"] != true || e["frame"] != 5.0 || e["stream"] != 2.0 {
		t.Errorf("entry: %v", e)
	}
}

func TestNamesStayInside(t *testing.T) {
	for name, want := range map[string]string{
		"../../etc/passwd":                "-passwd",
		"..":                              "",
		"/":                               "",
		"a/..":                            "",
		`C:\Windows\win.ini`:              "-win.ini",
		"nul\x00.txt":                     "-nul_.txt",
		".bashrc":                         "-bashrc",
		"a b\nc.pdf":                      "-a_b_c.pdf",
		"résumé.doc":                      "-r__sum__.doc",
		strings.Repeat("x", 300) + ".tar": "-" + strings.Repeat("x", longestHint-4) + ".tar",
		"-rf":                             "-rf",
	} {
		if got := hint(&events.ContentEnd{Name: name}); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	l := events.DefaultLimits()
	taken := filepath.Join(dir, "000001-"+sum("x")+"-x")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := New(dir, &l)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, w: w, dir: dir}
	s.part(1, 1, "x")
	s.end(1, 1, "x")
	files, _ := s.close()
	if files[filepath.Base(taken)] != "mine" || files["000001-"+sum("x")+"-1-x"] != "x" {
		t.Errorf("files: %v", files)
	}
	if _, err := New(dir, &l); err == nil || !strings.Contains(err.Error(), IndexName) {
		t.Errorf("a second extraction into the folder: %v", err)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	l := events.DefaultLimits()
	if err := os.Symlink(filepath.Join(outside, "stolen"), filepath.Join(dir, "000001-"+sum("x")+"-x")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	w, err := New(dir, &l)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, w: w, dir: dir}
	s.part(1, 1, "x")
	s.end(1, 1, "x")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("written outside the folder: %v", left)
	}
}

func TestLimits(t *testing.T) {
	s := begin(t, func(l *events.Limits) { l.ExtractBytes, l.ExtractTotal, l.ExtractFiles, l.ExtractOpen = 8, 20, 3, 2 })
	s.part(1, 1, "0123456789") // extract-bytes
	s.end(1, 1, "long")
	s.part(2, 1, "aaaa")
	s.part(3, 1, "bbbb")
	s.part(4, 1, "cc") // extract-open: stream 2 ends
	s.part(3, 1, "xxxxxxxx")
	s.end(3, 1, "total")
	s.end(4, 1, "files")
	files, index := s.close()
	want := []struct {
		content, limit string
		complete       bool
	}{
		{"01234567", "extract-bytes", false},
		{"aaaa", "extract-open", false},
		{"bbbbxx", "extract-bytes", false},
		{"cc", "extract-files", false},
	}
	// The third reaches two limits in one step; the first of them is told.
	for i, x := range want {
		e := index[i]
		name, _ := e["file"].(string)
		if i < 3 && files[name] != x.content || i == 3 && name != "" || e["limit"] != x.limit || e["complete"] != x.complete {
			t.Errorf("%d: %v %q", i, e, files[name])
		}
	}
	if s.w.Stats.Files != 3 || len(files) != 3 {
		t.Errorf("%d files", len(files))
	}
}

func TestDropLeavesNothing(t *testing.T) {
	s := begin(t, nil)
	s.say(1, &events.ContentPart{Object: 1, Bytes: bytes.Repeat([]byte("x"), 100_000)})
	s.say(1, &events.ContentEnd{Object: 1, Drop: true})
	s.part(1, 2, "left")
	files, index := s.close() // ended with the capture
	if len(files) != 1 || len(index) != 1 || index[0]["complete"] != false || index[0]["protocol"] != "http" || s.w.Stats.Bytes != 4 {
		t.Errorf("%d files, index %v, %d bytes", len(files), index, s.w.Stats.Bytes)
	}
}
