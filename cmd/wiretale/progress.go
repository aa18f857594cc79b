package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// progress draws one line on a terminal: how much of the input was read, how
// fast, and how many packets. nil draws nothing.
type progress struct {
	w     io.Writer
	width int
	start time.Time
	drawn bool
}

// progress is a line on stderr, where that is a terminal and the output does
// not run over the same screen meanwhile.
func (c *call) progress(outputRuns bool) *progress {
	if !c.err.is || c.out.is && outputRuns {
		return nil
	}
	return &progress{w: c.stderr, width: max(c.err.width, 20), start: time.Now()}
}

// patience is how long a run may last before a line is drawn.
const patience = 300 * time.Millisecond

func (p *progress) draw(s pipeline.Progress) {
	took := time.Since(p.start)
	if took < patience {
		return
	}
	p.drawn = true
	line := progressLine(s, took)
	if r := []rune(line); len(r) >= p.width {
		line = string(r[:p.width-1])
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

func progressLine(s pipeline.Progress, took time.Duration) string {
	var b strings.Builder
	if s.Total > 0 {
		const bar = 20
		share := min(float64(s.Read)/float64(s.Total), 1)
		full := int(share * bar)
		fmt.Fprintf(&b, "%3.0f %% %s%s  %s of %s", 100*share, strings.Repeat("█", full), strings.Repeat("░", bar-full),
			analyzers.BytesText(s.Read), analyzers.BytesText(s.Total))
	} else {
		b.WriteString(analyzers.BytesText(s.Read))
	}
	fmt.Fprintf(&b, "  %s/s  %s packets", analyzers.BytesText(int64(float64(s.Read)/took.Seconds())), analyzers.CountText(int64(s.Packets)))
	if s.Total > s.Read && s.Read > 0 {
		left := time.Duration(float64(took) * float64(s.Total-s.Read) / float64(s.Read))
		fmt.Fprintf(&b, "  %s left", left.Round(time.Second))
	}
	return b.String()
}

// end wipes the line.
func (p *progress) end() {
	if p != nil && p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// watch makes a run tell p how far it is.
func (p *progress) watch(c *pipeline.Config) {
	if p != nil {
		c.Progress = p.draw
	}
}
