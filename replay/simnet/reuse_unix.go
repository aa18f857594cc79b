//go:build unix

package simnet

import "syscall"

// reuse lets a client take a local port that an earlier connection to somewhere
// else still holds: the four numbers together are what must be unique (RFC 9293
// section 3.3.1).
func reuse(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}
