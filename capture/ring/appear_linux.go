package ring

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// appear makes a new file that has its head when it gets its name, so that
// nobody ever sees it empty: one without a name (O_TMPFILE), which is linked
// once it is written, as open(2) describes. Not every file system can do that,
// and /proc has to be there.
func appear(name string, head []byte) (file, error) {
	fd, err := unix.Open(filepath.Dir(name), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, mine)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(head); err != nil {
		f.Close()
		return nil, err
	}
	err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "link", Path: name, Err: err}
	}
	return f, nil
}
