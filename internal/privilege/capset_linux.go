package privilege

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// empty is what capset(2) is to set. It is no local variable, for the address
// of one may change with the stack.
var empty = struct {
	header unix.CapUserHeader
	data   [2]unix.CapUserData
}{header: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}

// dropCapabilities empties the permitted, effective and inheritable sets;
// ambient ones go with them.
func dropCapabilities() error {
	err := allThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&empty.header)), uintptr(unsafe.Pointer(&empty.data)), 0)
	if err == nil && capabilities() != 0 {
		return errors.New("some are left")
	}
	return err
}
