package simnet

import (
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// awake is the last part of a delay, for which the goroutine stays awake: a
// timer wakes it up to this much late.
const awake = 200 * time.Microsecond

// alarm wakes one goroutine at a moment. The runtime's own timers wait in
// whole milliseconds when the process is idle, up to 1 ms late, and a sleep in
// a system call takes a processor away from the hosts. A timer as a file has
// neither fault: the runtime's poller waits for it.
type alarm struct{ f *os.File }

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &alarm{os.NewFile(uintptr(fd), "timer")}, nil
}

// until returns true at t, or false when the alarm was closed.
func (a *alarm) until(t time.Time) bool {
	for d := time.Until(t) - awake; d > 0; d = time.Until(t) - awake {
		raw, err := a.f.SyscallConn()
		if err != nil {
			return false
		}
		spec := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
		if err := raw.Control(func(fd uintptr) {
			_ = unix.TimerfdSettime(int(fd), 0, &spec, nil) // fails for bad arguments only
		}); err != nil {
			return false
		}
		var expirations [8]byte
		if _, err := a.f.Read(expirations[:]); err != nil {
			return false
		}
	}
	for time.Until(t) > 0 {
		runtime.Gosched()
	}
	return true
}

// close ends until, now and later.
func (a *alarm) close() { a.f.Close() }
