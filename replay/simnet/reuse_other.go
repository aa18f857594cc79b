//go:build !unix

package simnet

import "syscall"

// reuse does nothing here: a port that an earlier connection still holds cannot
// be taken.
func reuse(_, _ string, _ syscall.RawConn) error { return nil }
