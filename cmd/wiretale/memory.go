package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The heap may grow to three times what lives before it is collected, but the
// collector works harder than that near the limit. A process has some 60 MB
// more than its heap: code, stacks, what is mapped of the capture, and what is
// freed and not yet given back. The promise is 300 MB for the usual questions.
//
// Where more lives than crowded, a collector that finds little to free would
// take half of the processor: then the limit grows faster than what lives.
const (
	heapGrowth     = 200
	heapLimit      = 210 << 20
	usualQuestions = 7
	heapQuestion   = 3 << 20 // room for each question more
	crowded        = 180 << 20
	lookAtHeap     = 200 * time.Millisecond
)

// limitFor is the limit for some questions where so many bytes live.
func limitFor(questions int, live int64) int64 {
	return heapLimit + heapQuestion*int64(max(questions-usualQuestions, 0)) + max(0, live-crowded)*5/2
}

// tuneMemory sets how far the heap may grow, unless the user said otherwise by
// GOGC or GOMEMLIMIT. Of a run with questions, the limit moves with what lives.
func tuneMemory(questions int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limitFor(questions, 0))
		if questions > 0 {
			go keepRoom(questions)
		}
	}
}

// fillMemory lets the heap grow up to the limit, however little lives: for a
// run over files, which then takes as much memory for a long one as for one
// that is a quarter of it, and collects less often.
func fillMemory() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(-1)
	}
}

// keepRoom moves the limit for as long as the process lives.
func keepRoom(questions int) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for set := limitFor(questions, 0); ; time.Sleep(lookAtHeap) {
		metrics.Read(live)
		limit := limitFor(questions, int64(live[0].Value.Uint64()))
		if limit > set+set/16 || limit < set-set/8 { // setting it stops the world
			debug.SetMemoryLimit(limit)
			set = limit
		}
	}
}
