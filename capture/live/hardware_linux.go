package live

import (
	"os"

	"golang.org/x/sys/unix"
)

// hardwareOf is the ARPHRD_ number of an interface.
func hardwareOf(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, r); err != nil {
		return 0, os.NewSyscallError("SIOCGIFHWADDR", err)
	}
	return r.Uint16(), nil // sa_family
}
