package replaytest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay"
)

// Everything says whether all networks and scenarios are wanted, not a sample:
// WIRETALE_SCENARIOS=all.
func Everything() bool { return os.Getenv("WIRETALE_SCENARIOS") == "all" }

// Timed says whether times may be asserted: WIRETALE_TIMING=1.
func Timed() bool { return os.Getenv("WIRETALE_TIMING") == "1" }

// Point is one network of a sweep, captured at the client.
type Point struct {
	RTT  time.Duration
	Loss float64 // share, each way
}

func (p Point) String() string { return fmt.Sprintf("%s, %g %%", p.RTT, 100*p.Loss) }

// Options are those to play a scenario with over that network.
func (p Point) Options(seed uint64) replay.Options {
	return replay.Options{RTT: p.RTT, Loss: p.Loss, Seed: seed, At: "client"}
}

// Points are the networks of every sweep: round trips of 5, 50 and 200 ms, and
// of each 0, 1 and 5 % of packets lost.
func Points() (out []Point) {
	for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		for _, loss := range []float64{0, 0.01, 0.05} {
			out = append(out, Point{rtt, loss})
		}
	}
	return out
}

// sample is what a sweep plays unless Everything.
var sample = []Point{{5 * time.Millisecond, 0}, {50 * time.Millisecond, 0.01}}

// Beside lets a part of a sweep run beside the others, unless times count.
func Beside(t *testing.T) {
	t.Helper()
	if !Timed() {
		t.Parallel()
	}
}

// Sweep plays f over all networks, or over a sample, and logs the table of what
// f compared. One after the other where times count, else side by side.
func Sweep(t *testing.T, f func(t *testing.T, p Point, row *Row)) {
	t.Helper()
	if testing.Short() {
		t.Skip("plays in real time")
	}
	points := sample
	if Everything() {
		points = Points()
	}
	table := make([]Row, len(points))
	t.Run("over", func(t *testing.T) {
		for i, p := range points {
			table[i].point = p
			t.Run(p.String(), func(t *testing.T) {
				Beside(t)
				f(t, p, &table[i])
			})
		}
	})
	t.Logf("truth against measured:\n%s", text(table))
}

// Row is what was compared over one network: figures by name, in the order in
// which they were first given.
type Row struct {
	point Point
	mu    sync.Mutex
	cells []cell
}

// cell is one figure: how many were compared, how many differ, and for times
// the longest of the truth and the worst difference.
type cell struct {
	name           string
	n, off         int
	timed          bool
	longest, worst time.Duration
}

func (r *Row) cell(name string) *cell {
	for i := range r.cells {
		if r.cells[i].name == name {
			return &r.cells[i]
		}
	}
	r.cells = append(r.cells, cell{name: name})
	return &r.cells[len(r.cells)-1]
}

// Same enters n figures, of which off differ from the truth.
func (r *Row) Same(name string, n, off int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cell(name)
	c.n += n
	c.off += off
}

// Time enters a time by the truth, and as measured.
func (r *Row) Time(name string, truth, measured time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cell(name)
	c.n++
	c.timed = true
	c.longest = max(c.longest, truth.Abs())
	if d := (measured - truth).Abs(); d > c.worst {
		c.worst = d
	}
}

func (c *cell) String() string {
	if c.timed {
		ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
		return fmt.Sprintf("%d, to %.1f ms: %.2f ms", c.n, ms(c.longest), ms(c.worst))
	}
	return fmt.Sprintf("%d of %d", c.n-c.off, c.n)
}

// text is the table in Markdown.
func text(rows []Row) string {
	var names []string
	for i := range rows {
		for _, c := range rows[i].cells {
			known := false
			for _, n := range names {
				known = known || n == c.name
			}
			if !known {
				names = append(names, c.name)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| RTT, loss | %s |\n| --- |%s\n", strings.Join(names, " | "), strings.Repeat(" --: |", len(names)))
	for i := range rows {
		fmt.Fprintf(&b, "| %s |", rows[i].point)
		for _, n := range names {
			told := ""
			for k := range rows[i].cells {
				if rows[i].cells[k].name == n {
					told = rows[i].cells[k].String()
				}
			}
			fmt.Fprintf(&b, " %s |", told)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
