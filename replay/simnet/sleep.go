package simnet

import (
	"runtime"
	"time"
)

// The runtime's timers wait in whole milliseconds when the process is idle:
// up to 1 ms late. So the last part of a delay is slept by the system call,
// which is late by about 0.1 ms, and the very last part is waited for awake.
const (
	coarse = 2 * time.Millisecond
	awake  = 120 * time.Microsecond
)

// sleepUntil returns true at t, or false when done was closed before.
func sleepUntil(t time.Time, done <-chan struct{}) bool {
	if d := time.Until(t) - coarse; d > 0 {
		timer := time.NewTimer(d)
		select {
		case <-timer.C:
		case <-done:
			timer.Stop()
			return false
		}
	}
	if d := time.Until(t) - awake; d > 0 {
		nap(d)
	}
	for time.Until(t) > 0 {
		runtime.Gosched()
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}
