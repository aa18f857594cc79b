package extract

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// reserveName is the file that holds room on the disk for the end of the
// index, so that the index is whole also where the disk is full.
const reserveName = ".reserve"

// reserveBytes is more than what is still to be written of the index after
// the first error: its buffer and one entry.
const reserveBytes = 32 << 10

// reserve writes the index. Where the disk is full, it gives the room back
// that it holds, and goes on.
type reserve struct {
	file io.Writer
	root *os.Root
	held bool
}

func newReserve(root *os.Root) (*reserve, error) {
	r := &reserve{root: root}
	f, err := root.OpenFile(reserveName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return r, nil // left behind, or another's: not ours to remove
	}
	if err != nil {
		return nil, err
	}
	r.held = true
	// Not zeros: some file systems give those no room.
	_, err = f.Write(bytes.Repeat([]byte("reserve "), reserveBytes/8))
	if err = errors.Join(err, f.Close()); err != nil {
		r.free()
		return nil, err
	}
	return r, nil
}

// Write implements io.Writer.
func (r *reserve) Write(p []byte) (n int, err error) {
	if n, err = r.file.Write(p); err == nil || !r.held {
		return n, err
	}
	r.free()
	more, err := r.file.Write(p[n:])
	return n + more, err
}

// free gives the room back.
func (r *reserve) free() error {
	if !r.held {
		return nil
	}
	r.held = false
	return r.root.Remove(reserveName)
}

// reason is err without the name of a file that only we know.
func reason(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
