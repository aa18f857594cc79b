package ring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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

// create makes the next file, empty.
func (d *disk) create(at events.Time) (file, string, error) {
	const new = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if !d.c.rotates() {
		flag := new
		if d.f == nil {
			flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		f, err := d.open(d.c.Path, flag)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return f, d.c.Path, err
		}
	}
	for n := 1; ; n++ {
		path := name(d.c.Path, at, n)
		f, err := d.open(path, new)
		if err == nil || !errors.Is(err, fs.ErrExist) || n == names {
			return f, path, err
		}
	}
}
