package session

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// How many rows a section shows, and how many are kept for all of them.
const (
	ShownRows = 10
	KeptRows  = 1000
)

// Line is a row of a table, ordered by what it cost.
type Line struct {
	Key    string
	Cost   events.Duration
	Frames []uint64
	Cells  []string
}

func compareLines(a, b Line) int {
	return cmp.Or(cmp.Compare(b.Cost, a.Cost), slices.Compare(a.Frames, b.Frames), strings.Compare(a.Key, b.Key), slices.Compare(a.Cells, b.Cells))
}

// Table keeps the dearest rows.
type Table struct{ top *analyzers.Top[Line] }

// NewTable is an empty one.
func NewTable() Table { return Table{analyzers.NewTop(KeptRows, compareLines)} }

// Add offers a row.
func (t Table) Add(l Line) { t.top.Add(l) }

// Fill puts the rows into a section.
func (t Table) Fill(out *analyzers.Section, full bool) {
	kept := t.top.Kept()
	n := len(kept)
	if !full {
		n = min(n, ShownRows)
	}
	for _, l := range kept[:n] {
		out.Rows = append(out.Rows, l.Cells)
	}
	out.More = t.top.Count() - n
}

// Case is one row that a finding rests on.
type Case struct {
	Key    string
	Weight float64
	Frames []uint64
	Filter string
	Detail string
}

func compareCases(a, b Case) int {
	return cmp.Or(cmp.Compare(b.Weight, a.Weight), slices.Compare(a.Frames, b.Frames), strings.Compare(a.Key, b.Key), strings.Compare(a.Detail, b.Detail))
}

// Fault is one kind of finding: how often, and its worst cases. The zero value
// is ready.
type Fault struct {
	Count  int
	weight float64
	worst  *analyzers.Top[Case]
}

// Add counts one.
func (f *Fault) Add(c Case) {
	if f.worst == nil {
		f.worst = analyzers.NewTop(analyzers.MaxFrames, compareCases)
	}
	f.Count++
	f.weight += c.Weight
	f.worst.Add(c)
}

// Finding puts the fault in words; text is given its worst case. It adds
// nothing where there was none.
func (f *Fault) Finding(to []analyzers.Finding, sev analyzers.Severity, text func(Case) string) []analyzers.Finding {
	if f.Count == 0 {
		return to
	}
	w := f.worst.Kept()
	return append(to, analyzers.Finding{Severity: sev, Weight: f.weight, Text: text(w[0]), Frames: w[0].Frames, Filter: w[0].Filter})
}

// ExposedText is the finding for log-ins in clear.
func (f *Fault) ExposedText(protocol string) func(Case) string {
	return func(w Case) string {
		return fmt.Sprintf("%s sent a password or token in clear; one: %s (%s)", analyzers.CountOf(int64(f.Count), protocol+" session"), w.Detail, w.Key)
	}
}

// Text is a duration, "–" where there is none.
func Text(d *events.Duration) string {
	if d == nil {
		return "–"
	}
	return analyzers.DurationText(*d)
}

// Number is n, "–" for none.
func Number(n int) string {
	if n == 0 {
		return "–"
	}
	return analyzers.CountText(int64(n))
}

// Decimal is x with two decimals, "–" for none.
func Decimal(x float64) string {
	if x == 0 {
		return "–"
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}
