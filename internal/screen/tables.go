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

// tableView is the view of a question's table.
type tableView struct {
	title  string // of the question; "" the first
	sorted int    // by this column, or unsorted
	top    int    // the first row that is shown
}

// answered are the sections that have something to show.
func (m *model) answered() []*analyzers.Section {
	var out []*analyzers.Section
	for i := range m.state.Sections {
		if s := &m.state.Sections[i]; s.Lead != "" || len(s.Rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// current is the place of the question that is shown: the first where it is not
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
		*t = tableView{title: next.Title, sorted: unsorted}
	}
	scroll := func(by int) { t.top = min(max(t.top+by, 0), max(len(s.Rows)-1, 0)) }
	switch key {
	case "tab", "right", "l":
		turn(1)
	case "shift+tab", "left", "h":
		turn(-1)
	case "s":
		t.title, t.top = s.Title, 0
		if t.sorted++; t.sorted >= len(s.Columns) || len(s.Rows) == 0 {
			t.sorted = unsorted
		}
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
	head := []span{{bold, s.Title}, {dim, "  question " + analyzers.CountText(int64(at+1)) + " of " + analyzers.CountText(int64(len(sections)))}}
	if col := m.table.sorted; col >= 0 && col < len(s.Columns) {
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
	rows := s.Rows
	if col := m.table.sorted; col >= 0 && col < len(s.Columns) {
		rows = sortedBy(rows, col)
	}
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
