package report

import (
	"io"

	"github.com/wiretale/wiretale/analyzers"
)

const (
	indent = 2
	gap    = 2
	// minCell is as narrow as a column of text is made to fit the screen.
	minCell = 15
	// fewColumns are kept, however narrow the screen.
	fewColumns = 3
	// maxCell is how wide a column of text may be where no screen says so.
	maxCell = 72
)

// table lays out rows under their columns. Cells are clean already.
type table struct {
	columns []analyzers.Column
	rows    [][]string
	widths  []int
}

// newTable cleans and measures the cells; the table is made to fit into screen
// columns (0: any width). wideCells: no cell is cut but for the screen's sake.
func newTable(columns []analyzers.Column, rows [][]string, screen int, wideCells bool) *table {
	t := &table{columns: columns, widths: make([]int, len(columns))}
	for i, c := range columns {
		t.widths[i] = width(c.Name)
	}
	for _, row := range rows {
		cells := make([]string, len(columns))
		for i := range min(len(cells), len(row)) {
			cells[i] = clean(row[i])
			t.widths[i] = max(t.widths[i], width(cells[i]))
		}
		t.rows = append(t.rows, cells)
	}
	for i, c := range columns {
		if !c.Right && !wideCells {
			t.widths[i] = min(t.widths[i], maxCell)
		}
	}
	if screen > 0 {
		t.shrink(screen)
	}
	return t
}

// shrink takes from the widest column of text until all fit; where that is not
// enough, the last columns are left out.
func (t *table) shrink(screen int) {
	total := indent - gap
	for _, w := range t.widths {
		total += w + gap
	}
	for total > screen {
		widest := -1
		for i, c := range t.columns {
			if !c.Right && t.widths[i] > minCell && (widest < 0 || t.widths[i] > t.widths[widest]) {
				widest = i
			}
		}
		last := len(t.widths) - 1
		switch {
		case widest >= 0:
			t.widths[widest]--
			total--
		case last >= fewColumns:
			total -= t.widths[last] + gap
			t.widths, t.columns = t.widths[:last], t.columns[:last]
		default:
			return
		}
	}
}

// head is the line of column names.
func (t *table) head() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	return t.line(names)
}

// line sets one row.
func (t *table) line(cells []string) string {
	b := pad(nil, indent)
	last := len(t.widths) - 1
	for i, c := range cells[:len(t.widths)] {
		c = truncate(c, t.widths[i])
		n := t.widths[i] - width(c)
		if t.columns[i].Right {
			b = append(pad(b, n), c...)
		} else {
			b = append(b, c...)
			if i < last {
				b = pad(b, n)
			}
		}
		if i < last {
			b = pad(b, gap)
		}
	}
	return string(b)
}

// Table writes rows under their columns, for people.
func Table(w io.Writer, columns []analyzers.Column, rows [][]string, o Options) error {
	p := page{paint: painter(o.Color), o: o}
	t := newTable(columns, rows, o.Width, o.Width == 0)
	p.put(dim, t.head(), 0)
	p.line()
	for _, row := range t.rows {
		p.put(plain, t.line(row), 0)
		p.line()
	}
	_, err := w.Write(p.buf)
	return err
}
