package privilege

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// Drop gives up privileges, of all threads, and says what it did and what it
// could not do, a sentence each. An error means that the process has more
// rights than it should, and should end: it is one that this system must not
// give, or a folder of Options.Write that is not there.
func Drop(o Options) ([]string, error) {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }

	// The rules of the sandbox are checked before anything is given up, and the
	// user is looked up while files can still be read.
	if err := o.check(); err != nil {
		return nil, err
	}
	u, why := o.target()
	if err := dropBounding(); err != nil {
		say("The capabilities that new programs could get are kept: %v.", err)
	}
	switch {
	case u == nil:
		say("The user stays %s: %s.", current(), why)
	default:
		if err := become(u); err != nil {
			return said, fmt.Errorf("becoming user %s: %w", u.name, err)
		}
		say("The user is now %s (%s).", u.name, why)
	}
	if err := dropCapabilities(); err != nil {
		return said, fmt.Errorf("dropping capabilities: %w", err)
	}
	say("No capabilities are left.")
	if err := allThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
		say("New programs may have more rights than this one: no_new_privs: %v.", err)
	} else {
		say("No program that is started can get more rights (no_new_privs).")
	}
	said = append(said, o.sandbox()...)
	return said, nil
}

// become changes user and groups; package syscall does it in all threads.
func become(u *target) error {
	if err := syscall.Setgroups(u.groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setresgid(u.gid, u.gid, u.gid); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(u.uid, u.uid, u.uid); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	if syscall.Setresuid(-1, 0, -1) == nil || unix.Getuid() != u.uid {
		return errors.New("the way back to root is open")
	}
	return nil
}

// lastCapability is more than any kernel has; asking ends at EINVAL.
const lastCapability = 63

// dropBounding empties the bounding set, so that no program that is started
// gets capabilities, even where the user stays root. It needs CAP_SETPCAP;
// without that, capabilities of files are held back by no_new_privs.
func dropBounding() error {
	if !has(unix.CAP_SETPCAP) {
		return nil
	}
	for c := uintptr(0); c <= lastCapability; c++ {
		switch err := allThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0); err {
		case nil:
		case syscall.EINVAL:
			return nil
		default:
			return err
		}
	}
	return nil
}

// capabilities are the permitted ones of this thread.
func capabilities() uint64 {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0
	}
	return uint64(data[0].Permitted|data[0].Effective) | uint64(data[1].Permitted|data[1].Effective)<<32
}

func has(c int) bool { return capabilities()&(1<<c) != 0 }

// allThreads makes a system call in every thread, with cgo, too. prctl(2) wants
// all its arguments to be 0 that it does not use.
func allThreads(trap, a, b, c uintptr) error {
	if _, _, errno := psx.Syscall6(trap, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// current names the user that the process is.
func current() string {
	if unix.Geteuid() == 0 {
		return "root"
	}
	return fmt.Sprintf("%d", unix.Geteuid())
}

// list makes "a, b and c" of words.
func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}
