//go:build !linux

package simnet

import "time"

// alarm wakes one goroutine at a moment, as exactly as the runtime's timers do.
type alarm struct{ done chan struct{} }

func newAlarm() (*alarm, error) { return &alarm{make(chan struct{})}, nil }

// until returns true at t, or false when the alarm was closed.
func (a *alarm) until(t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.done:
		return false
	}
}

// close ends until, now and later.
func (a *alarm) close() { close(a.done) }
