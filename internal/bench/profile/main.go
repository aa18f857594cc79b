// Profile runs what `wiretale analyze --json` (or decode) does over captures
// and writes profiles of it:
//
//	go run ./internal/bench/profile -cpu cpu.prof -heap heap.prof FILE
//	go tool pprof -top cpu.prof
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	questions "github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

func main() {
	cpu := flag.String("cpu", "", "write a CPU profile to this file")
	heap := flag.String("heap", "", "write a profile of all allocations, and of what is live, to this file")
	at := flag.Uint64("at", 0, "write it when so many packets are read, not at the end")
	decode := flag.Bool("decode", false, "as decode --json, not analyze --json")
	report := flag.Bool("report", false, "rows go to the summaries of a report, not out as JSON")
	workers := flag.Int("workers", 0, "as --workers")
	only := flag.String("only", "", "only these questions, by their names with commas between")
	flag.Parse()
	if err := run(*cpu, *heap, *at, *decode, *report, *workers, chosen(*only), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// chosen are the questions of those names, all where there is none.
func chosen(names string) []analyzers.Question {
	list := questions.Questions()
	if names == "" {
		return list
	}
	return slices.DeleteFunc(list, func(q analyzers.Question) bool {
		return !slices.Contains(strings.Split(names, ","), q.Name)
	})
}

func run(cpu, heap string, at uint64, decode, summed bool, workers int, asked []analyzers.Question, paths []string) error {
	debug.SetGCPercent(200)
	debug.SetMemoryLimit(250 << 20)
	if cpu != "" {
		f, err := os.Create(cpu)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	c := pipeline.Config{Paths: paths, Workers: workers, Limits: events.DefaultLimits()}
	w := bufio.NewWriterSize(io.Discard, 256<<10)
	if decode {
		lines := report.NewEventLines(w)
		c.Want, c.Events = events.SetOf(events.Kinds()...), func(evs []*events.Event) error {
			for _, e := range evs {
				if err := lines.Event(e); err != nil {
					return err
				}
			}
			return nil
		}
	} else if summed {
		c.Questions = asked
		summaries := map[string]analyzers.Summary{}
		for _, q := range c.Questions {
			summaries[q.Name] = q.Summary()
		}
		c.Rows = func(rows []analyzers.Row) error {
			for i := range rows {
				if s := summaries[rows[i].Analysis]; s != nil {
					s.Add(&rows[i])
				}
			}
			return nil
		}
	} else {
		c.Lent = true
		lines := report.NewRowLines(w)
		c.Questions, c.Rows = asked, func(rows []analyzers.Row) error {
			for i := range rows {
				if err := lines.Row(&rows[i]); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if heap != "" && at > 0 {
		c.Progress = func(p pipeline.Progress) {
			if heap != "" && p.Packets >= at {
				if err := writeHeap(heap); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
				heap = ""
			}
		}
	}
	stats, err := pipeline.Run(context.Background(), c)
	fmt.Fprintln(os.Stderr, stats.Packets, "packets")
	if heap != "" {
		if err := writeHeap(heap); err != nil {
			return err
		}
	}
	return err
}

func writeHeap(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	runtime.GC()
	return pprof.Lookup("heap").WriteTo(f, 0)
}
