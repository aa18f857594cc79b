package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// input is one file to read.
type input struct {
	name string    // for messages
	path string    // to open; empty for a stream that is already there
	r    io.Reader // the stream
	size int64     // bytes; -1 when not known
}

// again reports whether the input can be opened more than once.
func (in *input) again() bool { return in.path != "" && in.size >= 0 }

// findInputs turns the paths of Open into files, in order.
func findInputs(paths []string, stdin io.Reader, n *notes) ([]input, error) {
	var ins []input
	for _, path := range paths {
		if path == "-" {
			ins = append(ins, stdinInput(stdin))
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			ins = append(ins, fileInput(path, info))
			continue
		}
		found, err := folderInputs(path, n)
		if err != nil {
			return nil, err
		}
		ins = append(ins, found...)
	}
	return ins, nil
}

func stdinInput(r io.Reader) input {
	if r == nil {
		r = os.Stdin
	}
	in := input{name: "stdin", r: r, size: -1}
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			if at, err := f.Seek(0, io.SeekCurrent); err == nil {
				in.size = info.Size() - at
			}
		}
	}
	return in
}

func fileInput(path string, info os.FileInfo) input {
	in := input{name: path, path: path, size: -1}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in
}

// folderInputs are the captures in a folder, by name, without its folders.
func folderInputs(folder string, n *notes) ([]input, error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, err
	}
	p := newPool(sniffSize)
	var ins []input
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		info, err := os.Stat(path) // follows links
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		in := fileInput(path, info)
		isCapture, err := in.sniff(p)
		if err != nil {
			return nil, err
		}
		if isCapture {
			ins = append(ins, in)
		} else {
			n.skipped(path)
		}
	}
	if len(ins) == 0 {
		return nil, fmt.Errorf("%s: there are no captures in this folder", folder)
	}
	return ins, nil
}

// sniffSize is how much of a file is looked at to know what it is and when it
// starts.
const sniffSize = 16 << 10

// sniff reports whether a file is a capture by its first bytes.
func (in *input) sniff(p *pool) (bool, error) {
	f, err := os.Open(in.path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := newReader(in.name, f, false, p, nil)
	if e := (*Error)(nil); errors.As(err, &e) {
		return false, nil
	}
	if err == nil {
		r.close()
	}
	return true, err
}

// counted counts what is read, for Source.Position.
type counted struct {
	r    io.Reader
	read *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.read.Add(int64(n))
	return n, err
}
