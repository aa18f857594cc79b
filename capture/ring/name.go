package ring

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// names is how many files may begin in the same millisecond.
const names = 999

// name is the file that starts at a time, and the n-th of that name. It sorts
// behind those before it.
func name(path string, at events.Time, n int) string {
	ext := filepath.Ext(path)
	s := strings.TrimSuffix(path, ext) + "-" + at.Std().Format("20060102T150405.000Z")
	if n > 1 {
		s += fmt.Sprintf("_%03d", n)
	}
	return s + ext
}

// another makes the next file, with its head.
func (d *disk) another(at events.Time, head []byte) (file, string, error) {
	if path := d.c.Path; !d.c.rotates() {
		how := asNew
		if d.f == nil {
			how = overwriting
		}
		f, err := d.create(path, head, how)
		if !errors.Is(err, fs.ErrExist) {
			return f, path, err
		}
	}
	for n := 1; ; n++ {
		path := name(d.c.Path, at, n)
		f, err := d.create(path, head, asNew)
		if !errors.Is(err, fs.ErrExist) || n == names {
			return f, path, err
		}
	}
}
