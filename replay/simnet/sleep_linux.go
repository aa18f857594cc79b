package simnet

import (
	"syscall"
	"time"
)

// nap blocks the thread for d. A signal may end it early: the caller looks at
// the clock.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&ts, nil)
}
