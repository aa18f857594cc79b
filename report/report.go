// Package report sets results in type: events and rows as JSON lines, messages
// and answers as text for people. It must not work anything out: figures and
// their order come from the analyzers.
package report

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Capture is what a report says of the input and of the run.
type Capture struct {
	Name           string // of the file or files
	Packets, Bytes uint64 // Bytes are those of the packets, on the wire
	First, Last    events.Time

	NotIP, Malformed, UnknownLink, Incomplete, CutBySnaplen uint64

	// Dropped are packets that a live capture lost, by who lost them.
	Dropped []Drop

	Filtered uint64 // packets that the capture filter left out: in none of the other figures
	Filter   string // that filter

	Wall        time.Duration // how long the run took
	Interrupted bool          // by the user: only a part was read
	Extracted   string        // what was written besides; "" nothing
}

// Drop says how many packets were lost, and where.
type Drop struct {
	Packets uint64
	By      string // "by the kernel"
	Advice  string // what would help
}

// Options say how a report is set.
type Options struct {
	Color  bool
	Width  int  // columns of the screen; 0: lines are not cut
	Height int  // lines to fill at most, about; 0: defaultHeight
	Full   bool // all of it, however long
}

// defaultHeight is a screen where nobody says how high it is.
const defaultHeight = 40

// Text writes the report that a person reads: a line for each area, findings,
// worst first, then a part for each question, then what was not decoded. On one
// screen a question of an area that has its line is shown for its table only.
func Text(w io.Writer, c *Capture, cov *Coverage, sections []analyzers.Section, o Options) error {
	p := page{paint: painter(o.Color), o: o}
	if o.Height == 0 {
		p.o.Height = defaultHeight
	}
	sections = slices.DeleteFunc(slices.Clone(sections), func(s analyzers.Section) bool {
		return s.Lead == "" && len(s.Rows) == 0
	})
	names := 3
	if o.Full {
		names = maxNames
	}
	rest := p.labelled(cov.notDecoded(c, names))
	found := findings(sections)
	areas := areaLines(sections)
	p.tablesOnly = len(areas) > 0 && !o.Full
	besides := len(rest)
	if len(areas) > 0 {
		besides += 1 + len(areas)
	}
	plan := p.plan(besides, found, sections)

	p.header(c)
	p.areas(areas)
	p.findings(found, plan.findings)
	for i := range sections {
		if plan.rows[i] > 0 || !p.tablesOnly {
			p.section(&sections[i], plan.rows[i])
		}
	}
	p.blank()
	p.notDecoded(rest)
	p.footer(c)
	_, err := w.Write(p.buf)
	return err
}

// page is a report in the making.
type page struct {
	paint painter
	o     Options
	buf   []byte
	tight bool // the screen is small: leads are cut, not wrapped
	led   bool // the last part had no table: such are set without a blank line between them
	// tablesOnly: questions without a table are left to the lines of the areas.
	tablesOnly bool
}

// line ends the line that was begun.
func (p *page) line() { p.buf = append(p.buf, '\n') }

// blank leaves a line free, but not two.
func (p *page) blank() {
	if n := len(p.buf); n > 1 && p.buf[n-2] == '\n' {
		return
	}
	p.line()
}

// put adds text in a style, cut at the edge of the screen; used are the
// columns before it. It returns the columns used after it.
func (p *page) put(st style, s string, used int) int {
	if p.o.Width > 0 {
		s = truncate(s, max(p.o.Width-used, 0))
	}
	p.buf = p.paint.append(p.buf, st, s)
	return used + width(s)
}

func (p *page) header(c *Capture) {
	used := p.put(bold, clean(c.Name), 0)
	text := "  " + count(c.Packets, "packet") + ", " + analyzers.BytesText(int64(c.Bytes))
	if c.Packets > 0 {
		text += ", " + analyzers.DurationText(c.Last.Sub(c.First)) + " from " + c.First.Std().Format("2006-01-02 15:04:05") + " UTC"
	}
	p.put(plain, text, used)
	p.line()
}

// findings of all sections, worst first.
func findings(sections []analyzers.Section) []analyzers.Finding {
	var all []analyzers.Finding
	for i := range sections {
		all = append(all, sections[i].Findings...)
	}
	slices.SortStableFunc(all, analyzers.CompareFindings)
	return all
}

// layout says how much of each part is shown.
type layout struct {
	findings int
	rows     []int // of the table of each section
}

// plan shares the lines of the screen out: about half of what is free to the
// findings, a few rows to the tables as long as there is room, what is left to
// these tables in turn. besides are the lines of areas and of what was not
// decoded.
func (p *page) plan(besides int, found []analyzers.Finding, sections []analyzers.Section) layout {
	l := layout{findings: len(found), rows: make([]int, len(sections))}
	if p.o.Full {
		for i := range sections {
			l.rows[i] = len(sections[i].Rows)
		}
		return l
	}
	// The header, three titles or blank lines about the findings, a blank line
	// and a title before what was not decoded, and the last line.
	fixed := p.o.Height - 1 - 3 - 2 - 1 - besides
	free := fixed
	if !p.tablesOnly {
		free -= p.leads(sections)
		if free < 12 {
			p.tight = true
			free = fixed - p.leads(sections)
		}
	}
	most := max(free/2, 4)
	for i := range found {
		if most -= p.cost(&found[i]); most < 0 && i > 0 {
			l.findings = i
			break
		}
		free -= p.cost(&found[i])
	}
	const few = 3
	for _, i := range byFindings(sections) {
		l.rows[i] = min(len(sections[i].Rows), few)
		if p.tables(&l, sections) > free {
			l.rows[i] = 0
		}
	}
	for more := true; more; {
		more = false
		for i := range sections {
			if l.rows[i] > 0 && l.rows[i] < len(sections[i].Rows) && p.tables(&l, sections) < free {
				l.rows[i]++
				more = true
			}
		}
	}
	return l
}

// leads is how many lines the titles with their leads take.
func (p *page) leads(sections []analyzers.Section) int {
	n := 0
	for i := range sections {
		n += p.leadLines(&sections[i])
	}
	return n
}

func (p *page) leadLines(s *analyzers.Section) int {
	// With rows left out, the title is longer.
	rows := len(s.Rows)
	return max(len(p.lead(s, rows)), len(p.lead(s, min(rows-1, 10))))
}

// tables is how many lines the tables and the blank lines between the sections
// take, and their leads where only sections with a table are shown.
func (p *page) tables(l *layout, sections []analyzers.Section) int {
	n, led := 0, false
	for i, rows := range l.rows {
		if p.tablesOnly {
			if rows == 0 {
				continue
			}
			n += p.leadLines(&sections[i])
		}
		if rows > 0 {
			n += rows + 1 // its head
		}
		if rows > 0 || !led {
			n++ // as section does
		}
		led = rows == 0
	}
	return n
}

// byFindings are the sections in the order in which their tables are worth
// showing: those with the worst findings first.
func byFindings(sections []analyzers.Section) []int {
	order := make([]int, len(sections))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := sections[i].Findings, sections[j].Findings
		switch {
		case len(a) == 0 || len(b) == 0:
			return min(len(b), 1) - min(len(a), 1)
		default:
			return analyzers.CompareFindings(slices.MinFunc(a, analyzers.CompareFindings), slices.MinFunc(b, analyzers.CompareFindings))
		}
	})
	return order
}

var severities = [...]struct {
	name  string
	style style
}{
	analyzers.Note: {"note", cyan},
	analyzers.Warn: {"warn", yellow},
	analyzers.Bad:  {"bad", red},
}

func (p *page) findings(found []analyzers.Finding, n int) {
	p.blank()
	used := p.put(bold, "Findings", 0)
	if len(found) == 0 {
		p.put(dim, "  none", used)
		p.line()
		return
	}
	if n < len(found) {
		p.put(dim, "  "+strconv.Itoa(n)+" of "+strconv.Itoa(len(found))+", worst first (--full for all)", used)
	}
	p.line()
	for i := range found[:n] {
		f := &found[i]
		s := severities[min(int(f.Severity), len(severities)-1)]
		p.buf = p.paint.append(p.buf, s.style, "  "+s.name+"      "[:findingIndent-2-len(s.name)])
		for j, text := range p.findingText(f) {
			if j > 0 {
				p.buf = pad(p.buf, findingIndent)
			}
			p.buf = append(p.buf, text...)
			p.line()
		}
		if where := evidence(f); where != "" {
			// Not cut and not broken, so that the filter can be copied.
			p.buf = p.paint.append(pad(p.buf, findingIndent), dim, clean(where))
			p.line()
		}
	}
}

const findingIndent = 8

func (p *page) findingText(f *analyzers.Finding) []string {
	room := max(p.o.Width-findingIndent, 0)
	return wrap(clean(f.Text), room, room)
}

// cost is how many lines of the screen a finding takes.
func (p *page) cost(f *analyzers.Finding) int {
	n := len(p.findingText(f))
	if where := evidence(f); where != "" {
		n++
		if p.o.Width > 0 {
			n += (findingIndent + width(clean(where)) - 1) / p.o.Width
		}
	}
	return n
}

// evidence says where to look: frames and a Wireshark filter.
func evidence(f *analyzers.Finding) string {
	var b strings.Builder
	if len(f.Frames) > 0 {
		b.WriteString("frame")
		if len(f.Frames) > 1 {
			b.WriteString("s")
		}
		const most = 8
		for i, n := range f.Frames {
			if i == most {
				b.WriteString(", …")
				break
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte(' ')
			b.WriteString(strconv.FormatUint(n, 10))
		}
	}
	if f.Filter != "" {
		if b.Len() > 0 {
			b.WriteString("   ")
		}
		b.WriteString(f.Filter)
	}
	return b.String()
}

func (p *page) section(s *analyzers.Section, rows int) {
	if rows > 0 || !p.led {
		p.blank()
	}
	p.led = rows == 0
	for i, text := range p.lead(s, rows) {
		if i > 0 {
			p.buf = pad(p.buf, indent)
			p.put(plain, text, indent)
			p.line()
			continue
		}
		used := p.put(bold, clean(s.Title), 0)
		if n := shown(s, rows); n != "" {
			used = p.put(dim, n, used)
		}
		if text != "" {
			p.put(plain, "  "+text, used)
		}
		p.line()
	}
	if rows == 0 {
		return
	}
	t := newTable(s.Columns, s.Rows[:rows], p.o.Width, p.o.Full)
	p.put(dim, t.head(), 0)
	p.line()
	for _, row := range t.rows {
		p.put(plain, t.line(row), 0)
		p.line()
	}
}

// lead is the leading sentence of s in lines; the first stands behind the
// title.
func (p *page) lead(s *analyzers.Section, rows int) []string {
	if p.tight {
		return []string{clean(s.Lead)}
	}
	title := width(clean(s.Title)) + width(shown(s, rows)) + 2
	return wrap(clean(s.Lead), max(p.o.Width-title, 0), max(p.o.Width-indent, 0))
}

// shown says how many rows are, where not all are.
func shown(s *analyzers.Section, rows int) string {
	if all := len(s.Rows) + s.More; rows > 0 && rows < all {
		return " (" + strconv.Itoa(rows) + " of " + analyzers.CountText(int64(all)) + ")"
	}
	return ""
}

func (p *page) notDecoded(rest []string) {
	used := p.put(bold, "Not decoded", 0)
	if len(rest) == 0 {
		p.put(dim, "  nothing: every flow was recognised and read to its end", used)
	}
	p.line()
	for _, text := range rest {
		p.put(plain, text, 0)
		p.line()
	}
}

// labelled sets texts behind their labels.
func (p *page) labelled(texts [][2]string) []string {
	label := 0
	for _, t := range texts {
		label = max(label, width(t[0]))
	}
	label += indent + gap
	room := max(p.o.Width-label, 0)
	var lines []string
	for _, t := range texts {
		line := append(pad(nil, indent), t[0]...)
		for _, text := range wrap(clean(t[1]), room, room) {
			line = append(pad(line, label-width(string(line))), text...)
			lines = append(lines, string(line))
			line = line[:0]
		}
	}
	return lines
}

func (p *page) footer(c *Capture) {
	text := count(c.Packets, "packet") + ", " + analyzers.BytesText(int64(c.Bytes)) + " in " + analyzers.DurationText(events.Duration(c.Wall))
	if s := c.Wall.Seconds(); s > 0 && c.Packets > 0 {
		text += ": " + analyzers.CountText(int64(float64(c.Packets)/s)) + " packets/s, " + analyzers.BytesText(int64(float64(c.Bytes)/s)) + "/s"
	}
	p.put(dim, text, 0)
	p.line()
	if c.Extracted != "" {
		p.put(plain, c.Extracted, 0)
		p.line()
	}
	if c.Interrupted {
		p.put(yellow, "interrupted: this report covers what was read so far", 0)
		p.line()
	}
}
