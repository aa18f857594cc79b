package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/extract"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

// index reads the index of an extraction, and checks that each file that it
// names is there and nothing else is.
func index(t *testing.T, dir string) (entries []struct {
	File, Name, Protocol string
	Complete             bool
}) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &entries); err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name()] = true
	}
	if len(files) != len(entries)+1 {
		t.Errorf("%d files beside %d entries: %v", len(files), len(entries), files)
	}
	for _, e := range entries {
		if !there[e.File] || filepath.Base(e.File) != e.File {
			t.Errorf("%q is not in the folder", e.File)
		}
	}
	return entries
}

func TestExtract(t *testing.T) {
	for _, args := range [][]string{nil, {"--json"}, {"--only", "dns"}} {
		dir := filepath.Join(t.TempDir(), "new", "objects")
		code, stdout, stderr := try(t, nil, append([]string{"analyze", "--extract", dir, page}, args...)...)
		told := stdout
		if len(args) == 1 {
			told = stderr
			for line := range strings.Lines(stdout) {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
		}
		if code != 0 || !strings.Contains(told, "extracted 11 files, ") || !strings.Contains(told, dir) {
			t.Errorf("%v: exit code %d, %q", args, code, told)
		}
		if entries := index(t, dir); len(entries) != 11 || entries[0].Protocol != "http" || !entries[0].Complete {
			t.Errorf("%v: %d entries: %v", args, len(entries), entries)
		}
	}
}

// Without --extract nobody wants content, so that no decoder copies a body.
func TestNoContentUnlessExtracting(t *testing.T) {
	content := []events.Kind{events.KindContentPart, events.KindContentEnd}
	wants := func(k events.KindSet) bool { return k.Has(content[0]) || k.Has(content[1]) }
	if !wants(extract.Kinds()) {
		t.Error("nobody would ever want content")
	}
	if wants(report.CoverageKinds()) {
		t.Error("the report wants content")
	}
	for _, q := range all.Questions() {
		l := events.DefaultLimits()
		for _, k := range q.New(analyzers.Options{Limits: &l}).Kinds() {
			if slices.Contains(content, k) {
				t.Errorf("%s wants content", q.Name)
			}
		}
	}
	var p pipeline.Config
	o, err := newObjects("", &p.Limits)
	if o != nil || err != nil {
		t.Fatal(o, err)
	}
	if o.watch(&p); p.Events != nil || wants(p.Want) {
		t.Error("content is wanted without --extract")
	}
	if told, err := o.end(); told != "" || err != nil {
		t.Error(told, err)
	}
}

// The folder cannot be had: one sentence that names it, and no report.
func TestExtractNowhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	folders := []string{file, filepath.Join(file, "below")}
	if os.Getuid() != 0 { // root may write anywhere
		folders = append(folders, closed, filepath.Join(closed, "below"))
	}
	for _, to := range folders {
		code, stdout, stderr := try(t, nil, "analyze", "--extract", to, page)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "--extract: ") || !strings.Contains(stderr, file) && !strings.Contains(stderr, closed) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", to, code, stdout, stderr)
		}
	}
}

// After Ctrl-C the index lists what there is.
func TestExtractInterrupted(t *testing.T) {
	for _, args := range [][]string{nil, {"--json"}} {
		whole, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		go func() {
			for range 20 {
				_, _ = w.Write(whole)
			}
			time.Sleep(200 * time.Millisecond)
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(os.Interrupt)
			}
		}()
		dir := t.TempDir()
		done := make(chan int)
		go func() {
			code, _, _ := try(t, r, append([]string{"analyze", "--extract", dir, "-"}, args...)...)
			done <- code
		}()
		select {
		case code := <-done:
			if code != 130 {
				t.Errorf("exit code %d", code)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it does not end")
		}
		if entries := index(t, dir); len(entries) == 0 {
			t.Error("nothing was written before the interrupt")
		}
	}
}

// talk writes one TCP connection to a capture: what the two say in turn, the
// client first.
func talk(t *testing.T, port uint16, said ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "talk.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := capture.NewPcapWriter(f, capture.LinkRaw, 1<<18, true)
	seq, now := [2]uint32{1000, 5000}, events.Time(1e18)
	segment := func(from int, flags byte, data string) {
		b := make([]byte, 40, 40+len(data))
		b[0], b[8], b[9] = 0x45, 64, events.ProtoTCP
		binary.BigEndian.PutUint16(b[2:], uint16(40+len(data)))
		copy(b[12:], []byte{192, 0, 2, byte(1 + from)})
		copy(b[16:], []byte{192, 0, 2, byte(2 - from)})
		ports := [2]uint16{40000, port}
		binary.BigEndian.PutUint16(b[20:], ports[from])
		binary.BigEndian.PutUint16(b[22:], ports[1-from])
		binary.BigEndian.PutUint32(b[24:], seq[from])
		if flags&16 != 0 {
			binary.BigEndian.PutUint32(b[28:], seq[1-from])
		}
		b[32], b[33] = 5<<4, flags
		binary.BigEndian.PutUint16(b[34:], 0xffff)
		b = append(b, data...)
		seq[from] += uint32(len(data)) + uint32(flags&2)/2 + uint32(flags&1)
		now = now.Add(1e6)
		if err := w.WritePacket(0, capture.Packet{Data: b, Wire: uint32(len(b)), Time: now}); err != nil {
			t.Fatal(err)
		}
	}
	segment(0, 2, "")
	segment(1, 18, "")
	segment(0, 16, "")
	for i, s := range said {
		for len(s) > 0 {
			n := min(len(s), 1400)
			segment(i%2, 16, s[:n])
			s = s[n:]
		}
	}
	segment(0, 17, "")
	segment(1, 17, "")
	segment(0, 16, "")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file
}

// What the sender calls an object decides nothing about where it goes.
func TestExtractHostileNames(t *testing.T) {
	const mail = "Subject: ../../subject\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"../../../../tmp/stolen.txt\"\r\n\r\nbytes\r\n--b--\r\n"
	var http, smtp []string
	names := []string{"/../../../../etc/passwd", `/..\..\win.ini`, "/a%2f..%2f..%2fb", "/index.json", "/.bashrc", "/" + strings.Repeat("long", 500), "/%00", "//", "/CON"}
	for _, n := range names {
		http = append(http, "GET "+n+" HTTP/1.1\r\nHost: ../..\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	}
	smtp = append(smtp, "", "220 mx ESMTP\r\n", "EHLO a\r\n", "250 mx\r\n", "MAIL FROM:<a@b>\r\n", "250 ok\r\n", "RCPT TO:<c@d>\r\n", "250 ok\r\n", "DATA\r\n", "354 go\r\n", mail+".\r\n", "250 ok\r\n", "QUIT\r\n", "221 bye\r\n")
	for _, x := range []struct {
		file string
		min  int
	}{{talk(t, 8000, http...), len(names)}, {talk(t, 25, smtp...), 2}} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "objects")
		if code, _, stderr := try(t, nil, "analyze", "--extract", dir, x.file); code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if entries := index(t, dir); len(entries) < x.min {
			t.Errorf("%d objects, want %d: %v", len(entries), x.min, entries)
		} else {
			for _, e := range entries {
				if strings.ContainsAny(e.File, "/\\%") || strings.HasPrefix(e.File, ".") || len(e.File) > 200 {
					t.Errorf("file name %q", e.File)
				}
			}
		}
		if left, _ := os.ReadDir(parent); len(left) != 1 {
			t.Errorf("outside of the folder: %v", left)
		}
	}
}

func TestExtractThousands(t *testing.T) {
	var http []string
	const n = 3000
	for i := range n {
		http = append(http, fmt.Sprintf("GET /same HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n", i), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	}
	file := talk(t, 80, http...)
	dir := t.TempDir()
	if code, _, stderr := try(t, nil, "analyze", "--extract", dir, file); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if entries := index(t, dir); len(entries) != n {
		t.Errorf("%d objects", len(entries))
	}
	few := t.TempDir()
	code, stdout, _ := try(t, nil, "analyze", "--limits", "extract-files=10", "--extract", few, file)
	if left, _ := os.ReadDir(few); code != 0 || len(left) != 11 || !strings.Contains(stdout, "extract-files ×2990") {
		t.Errorf("exit code %d, %d files with a limit of 10\n%s", code, len(left), stdout)
	}
}
