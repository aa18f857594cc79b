//go:build !linux

package simnet

import "time"

// nap waits for d as exactly as the runtime's timers do.
func nap(d time.Duration) { time.Sleep(d) }
