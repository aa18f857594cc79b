package analyzers

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/wiretale/wiretale/events"
)

// parallel runs n questions at a time, each on one goroutine. It gives the
// rows of serial, sooner where many questions have about as much to do.
type parallel struct {
	*serial
	n int
}

// NewParallel is an engine for n goroutines. They live only while Step runs.
func NewParallel(qs []Question, o Options, n int) Engine {
	s := newSerial(qs, o)
	if n = min(n, len(qs)); n < 2 {
		return s
	}
	return &parallel{s, n}
}

func (p *parallel) Step(evs []*events.Event, frame uint64, out func([]Row)) {
	if len(evs) < small {
		p.serial.Step(evs, frame, out)
		return
	}
	p.spread(evs)
	var asked atomic.Int32
	atOnce(p.n, func(int) {
		for {
			q := int(asked.Add(1)) - 1
			if q >= len(p.lists) {
				return
			}
			p.ask(q)
		}
	})
	p.flush(frame, out)
}

// small is the number of events from which goroutines are worth their start.
const small = 128

// atOnce runs do for 0 to n-1, at once. A panic of one comes back as a panic
// of the caller, when all have ended.
func atOnce(n int, do func(int)) {
	var fault atomic.Pointer[string]
	caught := func(i int) {
		defer func() {
			if x := recover(); x != nil {
				s := fmt.Sprintf("%v\n%s", x, debug.Stack())
				fault.Store(&s)
			}
		}()
		do(i)
	}
	var wg sync.WaitGroup
	for i := 1; i < n; i++ {
		wg.Go(func() { caught(i) })
	}
	caught(0)
	wg.Wait()
	if s := fault.Load(); s != nil {
		panic(*s)
	}
}
