package extract

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wiretale/wiretale/events"
)

// full is a disk without room, until that of the reserve is given back.
type full struct {
	file    *os.File
	reserve string
}

func (f full) Write(p []byte) (int, error) {
	if _, err := os.Stat(f.reserve); err == nil {
		n, _ := f.file.Write(p[:len(p)/3])
		return n, syscall.ENOSPC
	}
	return f.file.Write(p)
}

func TestIndexIsWholeWhenTheDiskIsFull(t *testing.T) {
	l := events.DefaultLimits()
	dir := t.TempDir()
	w, err := New(dir, &l)
	if err != nil {
		t.Fatal(err)
	}
	w.reserve.file = full{w.index, filepath.Join(dir, reserveName)}
	s := &scene{t: t, w: w, dir: dir}
	const n = 100
	for range n {
		s.part(1, 1, "x")
		s.end(1, 1, strings.Repeat("name", 20))
	}
	if _, index := s.close(); len(index) != n {
		t.Errorf("%d entries", len(index))
	}
}

// After an error of the disk nothing more is written, what is under way is
// removed, and the error names the folder.
func TestDiskFails(t *testing.T) {
	l := events.DefaultLimits()
	dir := t.TempDir()
	w, err := New(dir, &l)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, w: w, dir: dir}
	s.part(1, 1, "whole")
	s.end(1, 1, "whole")
	s.part(2, 1, strings.Repeat("x", 2*inMemory))
	s.part(3, 1, "small")
	for _, o := range w.open {
		if o.file != nil {
			o.file.Close()
		}
	}
	err = w.Event(&events.Event{Stream: 2, Layer: "tcp/http1", From: events.FromServer,
		Flow: events.Flow{Proto: events.ProtoTCP, ClientPort: 1, ServerPort: 80}, Body: &events.ContentPart{Object: 1, Bytes: make([]byte, 2*inMemory)}})
	if err == nil || !strings.HasPrefix(err.Error(), dir+": ") {
		t.Errorf("error %v", err)
	}
	w.Close()
	b, err := os.ReadFile(filepath.Join(dir, IndexName))
	if err != nil {
		t.Fatal(err)
	}
	var entries []Entry
	if err := json.Unmarshal(b, &entries); err != nil || len(entries) != 1 {
		t.Errorf("%v: %s", err, b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left in the folder: %v", left)
	}
}
