package screen

import (
	"bytes"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

// unsorted: rows are in the order of the answer, worst first.
const unsorted = -1

// tableView is the view of a table: of the talkers, the protocols, a question.
type tableView struct {
	title string // of the table; "" the first
	top   int    // the first row that is shown
	// sorted are the columns by which tables are sorted, by title; a table that
	// is not in it is unsorted.
	sorted map[string]int
}

// by is the column by which s is sorted, or unsorted.
func (t *tableView) by(s *analyzers.Section) int {
	if col, ok := t.sorted[s.Title]; ok && col < len(s.Columns) {
		return col
	}
	return unsorted
}

// sort sorts s by the next of its first columns.
func (t *tableView) sort(s *analyzers.Section, columns int) {
	switch next := t.by(s) + 1; {
	case next >= columns, len(s.Rows) == 0:
		delete(t.sorted, s.Title)
	default:
		t.sorted[s.Title] = next
	}
}

// rows are those of s as they are sorted.
func (t *tableView) rows(s *analyzers.Section) [][]string {
	if col := t.by(s); col != unsorted {
		return sortedBy(s.Rows, col)
	}
	return s.Rows
}

// answered are the sections that have something to show, after the tables of
// talkers and protocols.
func (m *model) answered() []*analyzers.Section {
	var out []*analyzers.Section
	add := func(s *analyzers.Section) {
		if s.Lead != "" || len(s.Rows) > 0 {
			out = append(out, s)
		}
	}
	add(&m.state.Talkers)
	add(&m.state.Protocols)
	for i := range m.state.Sections {
		add(&m.state.Sections[i])
	}
	return out
}

// current is the place of the table that is shown: the first where it is not
// among them.
func (m *model) current(sections []*analyzers.Section) int {
	return max(slices.IndexFunc(sections, func(s *analyzers.Section) bool { return s.Title == m.table.title }), 0)
}

func (m *model) tablesKey(key string) {
	sections := m.answered()
	if len(sections) == 0 {
		return
	}
	t := &m.table
	at := m.current(sections)
	s := sections[at]
	page := max(m.height-8, 1)
	turn := func(by int) {
		next := sections[(at+by+len(sections))%len(sections)]
		t.title, t.top = next.Title, 0
	}
	scroll := func(by int) { t.top = min(max(t.top+by, 0), max(len(s.Rows)-1, 0)) }
	switch key {
	case "tab", "right", "l":
		turn(1)
	case "shift+tab", "left", "h":
		turn(-1)
	case "s":
		t.title, t.top = s.Title, 0
		t.sort(s, len(s.Columns))
	case "up", "k":
		scroll(-1)
	case "down", "j":
		scroll(1)
	case "pgup":
		scroll(-page)
	case "pgdown":
		scroll(page)
	case "home", "g":
		t.top = 0
	case "end", "G":
		scroll(len(s.Rows))
	}
}

func (m *model) tables(c *canvas) {
	sections := m.answered()
	if len(sections) == 0 {
		c.line(span{dim, "no answers yet"})
		return
	}
	at := m.current(sections)
	s := sections[at]
	head := []span{{bold, s.Title}, {dim, "  " + analyzers.CountText(int64(at+1)) + " of " + analyzers.CountText(int64(len(sections)))}}
	if col := m.table.by(s); col != unsorted {
		head = append(head, span{cyan, "  by " + s.Columns[col].Name})
	}
	c.line(head...)
	if s.Lead != "" {
		lead := report.Wrap(report.Clean(s.Lead), c.width)
		for i := range min(len(lead), max(c.height/6, 1)) {
			c.line(span{plain, lead[i]})
		}
	}
	if len(s.Rows) == 0 {
		return
	}
	c.blank()
	m.rows(c, s)
}

// rows sets the table from the row that is at the top.
func (m *model) rows(c *canvas, s *analyzers.Section) {
	rows := m.table.rows(s)
	body := c.room() - 2 // the names of the columns, and how many more
	top := min(m.table.top, max(len(rows)-body, 0))
	m.table.top = top // keys go on from what is seen
	last := min(top+max(body, 0), len(rows))
	// All rows are set, so that scrolling does not move the columns.
	var b bytes.Buffer
	if err := report.Table(&b, s.Columns, rows, report.Options{Width: c.width}); err != nil {
		return // a buffer takes everything
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	c.line(span{dim, lines[0]})
	for _, text := range lines[1+top : 1+last] {
		c.line(span{plain, text})
	}
	switch left := len(rows) - last + s.More; {
	case top > 0 && left > 0:
		c.line(span{dim, "  … " + analyzers.CountText(int64(top)) + " above, " + analyzers.CountText(int64(left)) + " more"})
	case top > 0:
		c.line(span{dim, "  … " + analyzers.CountText(int64(top)) + " above"})
	case left > 0:
		c.line(span{dim, "  … " + analyzers.CountText(int64(left)) + " more"})
	}
}
