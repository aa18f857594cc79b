package live

import (
	"errors"
	"fmt"
)

// What may become of an interface while it is watched. Next gives them within
// an *Error, after all packets from before.
var (
	ErrDown = errors.New("the interface went down")
	ErrGone = errors.New("the interface is gone")
)

// Why an interface cannot be watched.
var (
	ErrNoInterface = errors.New("there is no such interface")
	ErrIsDown      = errors.New("the interface is down")
	ErrPermission  = errors.New("not permitted")
	ErrUnsupported = errors.New("live capture is not built in")
)

// Error is why a capture could not begin, or why it ended.
type Error struct {
	Interface string // empty: any
	Packets   uint64 // delivered before
	Err       error  // the cause, one of the above where it is one
	Advice    string // what to do about it; may have several lines, may be empty
}

func (e *Error) Error() string {
	s := e.Err.Error()
	if e.Interface != "" {
		s = e.Interface + ": " + s
	}
	if e.Packets > 0 {
		s += fmt.Sprintf(" after %d packets", e.Packets)
	}
	if e.Advice != "" {
		s += ": " + e.Advice
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
