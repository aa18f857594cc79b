package ftp

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"goftp.io/server/v2"
)

// modified is when all files were changed last.
var modified = time.Date(2025, 12, 24, 18, 0, 0, 0, time.UTC)

// files are those of the server, by absolute path. Folders are what their
// paths imply.
type files struct {
	mu     sync.Mutex
	byPath map[string][]byte
}

var _ server.Driver = (*files)(nil)

func newFiles(byPath map[string][]byte) *files { return &files{byPath: byPath} }

func (f *files) get(p string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.byPath[p]
	return b, ok
}

// list are the entries of a folder, by name; nil: it is none.
func (f *files) list(dir string) []entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir = strings.TrimSuffix(dir, "/") + "/"
	var out []entry
	for p, b := range f.byPath {
		rest, ok := strings.CutPrefix(p, dir)
		if !ok {
			continue
		}
		name, _, folder := strings.Cut(rest, "/")
		if !slices.ContainsFunc(out, func(e entry) bool { return e.name == name }) {
			out = append(out, entry{name: name, size: int64(len(b)), folder: folder})
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return out
}

// Stat implements server.Driver.
func (f *files) Stat(_ *server.Context, p string) (fs.FileInfo, error) {
	if b, ok := f.get(p); ok {
		return entry{name: path.Base(p), size: int64(len(b))}, nil
	}
	if p == "/" || f.list(p) != nil {
		return entry{name: path.Base(p), folder: true}, nil
	}
	return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

// ListDir implements server.Driver.
func (f *files) ListDir(_ *server.Context, p string, each func(fs.FileInfo) error) error {
	for _, e := range f.list(p) {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// GetFile implements server.Driver.
func (f *files) GetFile(_ *server.Context, p string, from int64) (int64, io.ReadCloser, error) {
	b, ok := f.get(p)
	if !ok || from < 0 || from > int64(len(b)) {
		return 0, nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return int64(len(b)) - from, io.NopCloser(bytes.NewReader(b[from:])), nil
}

// PutFile implements server.Driver; from -1 writes a new file.
func (f *files) PutFile(_ *server.Context, p string, r io.Reader, from int64) (int64, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.byPath[p]
	if from < 0 {
		from = 0
	}
	f.byPath[p] = append(slices.Clone(old[:min(from, int64(len(old)))]), b...)
	return int64(len(b)), nil
}

// DeleteFile implements server.Driver.
func (f *files) DeleteFile(_ *server.Context, p string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.byPath[p]; !ok {
		return fs.ErrNotExist
	}
	delete(f.byPath, p)
	return nil
}

// DeleteDir implements server.Driver: folders go with their last file.
func (f *files) DeleteDir(*server.Context, string) error { return fs.ErrPermission }

// MakeDir implements server.Driver: folders come with their first file.
func (f *files) MakeDir(*server.Context, string) error { return fs.ErrPermission }

// Rename implements server.Driver.
func (f *files) Rename(_ *server.Context, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.byPath[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(f.byPath, from)
	f.byPath[to] = b
	return nil
}

// entry is a file or a folder.
type entry struct {
	name   string
	size   int64
	folder bool
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) ModTime() time.Time { return modified }
func (e entry) IsDir() bool        { return e.folder }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.folder {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// line is e as LIST tells it, in the form that clients know.
func (e entry) line() string {
	return fmt.Sprintf("%s 1 %s users %12d %s %s\r\n", e.Mode(), user, e.size, modified.Format("Jan _2  2006"), e.name)
}
