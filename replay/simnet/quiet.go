package simnet

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/log"
)

// The stacks warn on standard error of what is daily life in a network, such
// as a client that gave up. The one who watches reads the capture.
type noLog struct{}

func (noLog) Emit(int, log.Level, time.Time, string, ...any) {}

var silence = sync.OnceFunc(func() { log.SetTarget(noLog{}) })
