//go:build !linux

package onto

import (
	"errors"
	"runtime"
	"time"
)

// ErrSystem says that packets can be put on an interface on Linux only.
var ErrSystem = errors.New("putting packets on an interface works on Linux only, not on " + runtime.GOOS)

func openPort(string) (port, error) { return nil, ErrSystem }

func doze(d time.Duration) { time.Sleep(d) }
