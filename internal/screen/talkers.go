package screen

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

// talkersColumns are how many columns of the talkers' table the overview has.
const talkersColumns = 5

// overviewKey does what a key says there.
func (m *model) overviewKey(key string) {
	if key == "s" {
		s := &m.state.Talkers
		m.table.sort(s, min(talkersColumns, len(s.Columns)))
	}
}

// narrow is a screen on which two hosts and their figures do not stand side by
// side: the share comes first, and the names are cut.
const narrow = 60

// shareFirst are the columns of the share and the two hosts.
func shareFirst(columns []analyzers.Column, rows [][]string) ([]analyzers.Column, [][]string) {
	order := [...]int{3, 0, 1}
	var names []analyzers.Column
	for _, i := range order {
		names = append(names, columns[i])
	}
	var cells [][]string
	for _, row := range rows {
		var to []string
		for _, i := range order {
			if i < len(row) {
				to = append(to, row[i])
			}
		}
		cells = append(cells, to)
	}
	return names, cells
}

// talkersShown is how many talkers there are in an overview of a height.
func talkersShown(height int) int {
	switch {
	case height < 10:
		return 1
	case height < roomy:
		return 2
	case height < tall:
		return 3
	case height < 36:
		return 5
	}
	return 8
}

// talkers are who sent most, and the protocols that were spoken.
func (m *model) talkers(c *canvas) {
	s := &m.state.Talkers
	if c.height >= roomy {
		c.blank()
	}
	names := []string{"talkers"}
	if col := m.table.by(s); col != unsorted {
		names = append(names, "by "+s.Columns[col].Name)
	}
	put := func(st style, text string) {
		name := ""
		if len(names) > 0 {
			name, names = names[0], names[1:]
		}
		c.line(labelled(name), span{st, text})
	}
	if len(s.Rows) == 0 {
		put(dim, "none yet")
		return
	}
	const indent = 2 // of a table
	rows := m.table.rows(s)
	rows = rows[:min(talkersShown(c.height), len(rows))]
	columns := s.Columns[:min(talkersColumns, len(s.Columns))]
	if c.width < narrow && len(columns) == talkersColumns {
		columns, rows = shareFirst(columns, rows)
	}
	var b bytes.Buffer
	if err := report.Table(&b, columns, rows, report.Options{Width: c.width - label + indent}); err != nil {
		return // a buffer takes everything
	}
	for i, text := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		st := plain
		if i == 0 {
			if c.height < tall {
				continue
			}
			st = dim
		}
		put(st, strings.TrimPrefix(text, strings.Repeat(" ", indent)))
	}
	if len(names) > 0 { // "by" has no line of its own
		c.line(labelled(names[0]))
	}
	if p := m.state.Protocols.Brief; p != "" && c.height >= 10 {
		c.line(labelled("protocols"), span{plain, p})
	}
}

// fewMessages are not worth a heading.
const fewMessages = 2

// tail are the newest messages, where there is room left.
func (m *model) tail(c *canvas) {
	room := c.room() - 2 // a blank line and a heading
	list := m.state.Messages
	if room < fewMessages || len(list) == 0 {
		return
	}
	c.blank()
	c.line(span{bold, "newest messages"})
	list = list[max(len(list)-room, 0):]
	for i := range list {
		c.line(span{plain, "  " + inShort(&list[i], c.width)})
	}
}

// wide is a screen on which each message has its frame and time, too.
const wide = 100

// inShort is the text of a message, on a narrow screen without the frame and the
// time at its head, so that there is room for what it says.
func inShort(x *Message, width int) string {
	text := report.Clean(x.Text)
	if width >= wide {
		return text
	}
	frame, rest, _ := strings.Cut(text, "  ")
	_, rest, found := strings.Cut(rest, "  ")
	if !found || frame != strconv.FormatUint(x.Frame, 10) {
		return text
	}
	return rest
}
