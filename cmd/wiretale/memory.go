package main

import (
	"os"
	"runtime/debug"
)

// The heap may grow to three times what lives before it is collected, but the
// collector works harder than that near the limit. A process has some 60 MB
// more than its heap: code, stacks, what is mapped of the capture, and what is
// freed and not yet given back. The promise is 300 MB for usualQuestions.
const (
	heapGrowth     = 200
	heapLimit      = 220 << 20
	usualQuestions = 7
	// heapQuestion is the room for each question more: what many questions
	// remember comes near the limit by itself, and a collector that finds
	// nothing to free takes half of the processor.
	heapQuestion = 3 << 20
)

// tuneMemory sets how far the heap may grow for some questions, unless the user
// said otherwise by GOGC or GOMEMLIMIT.
func tuneMemory(questions int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit + heapQuestion*int64(max(questions-usualQuestions, 0)))
	}
}
