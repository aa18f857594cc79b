//go:build unix

package pipeline

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	questions "github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/events"
)

// BenchmarkQuestions is what all questions cost: "decode" makes all events of a
// capture and throws them away, "questions" makes them, answers all questions
// and throws the answers away. WIRETALE_BENCH names the capture.
func BenchmarkQuestions(b *testing.B) {
	path := os.Getenv("WIRETALE_BENCH")
	if path == "" {
		b.Skip("set WIRETALE_BENCH to a capture")
	}
	for _, with := range []bool{false, true} {
		name := "decode"
		if with {
			name = "questions"
		}
		b.Run(name, func(b *testing.B) {
			packets, began := uint64(0), processor(b)
			for b.Loop() {
				c := Config{
					Paths: []string{path}, Limits: events.DefaultLimits(),
					Want: events.SetOf(events.Kinds()...), Events: func([]*events.Event) error { return nil },
				}
				if with {
					c.Questions, c.Rows = questions.Questions(), func([]analyzers.Row) error { return nil }
				}
				stats, err := Run(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				packets += stats.Packets
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
			b.ReportMetric(float64((processor(b)-began).Nanoseconds())/float64(packets), "cpu-ns/packet")
		})
	}
}

// processor is the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
