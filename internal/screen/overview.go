package screen

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

// label is how wide the names at the left are, with the space after them.
const label = 15

func labelled(name string) span {
	return span{dim, name + strings.Repeat(" ", max(label-report.Width(name), 1))}
}

// Heights from which there are blank lines and a higher sparkline, and from
// which it is higher still and the talkers have a line of names.
const roomy, tall = 20, 27

func (m *model) overview(c *canvas) {
	s := &m.state
	lines := 1
	switch {
	case c.height >= tall:
		lines = 3
	case c.height >= roomy:
		lines = 2
	}
	drawn, top := spark(s.Rates, c.width-label-1, lines)
	top = max(top, s.ByteRate) // of less than a second
	names := []string{"rate " + analyzers.RateText(s.ByteRate)}
	switch lines {
	case 2:
		names = append(names, "most "+analyzers.RateText(top))
	case 3:
		names = []string{"rate", analyzers.RateText(s.ByteRate), "most " + analyzers.RateText(top)}
	}
	for i, text := range drawn {
		c.line(labelled(names[i]), span{green, text})
	}
	packets := analyzers.CountText(int64(s.Packets))
	if s.KernelDrops > 0 { // the bytes are those of the others
		packets = analyzers.CountText(int64(s.Delivered)) + " of " + packets
	}
	c.line(labelled("packets"), span{plain, packets + ", " + perSecond(s.PacketRate) + ", " +
		analyzers.BytesText(int64(s.Bytes)) + ", " + analyzers.CountOf(int64(s.Flows), "flow")})
	m.drops(c)
	if s.File != "" {
		c.line(labelled("written to"), span{plain, s.File})
	}

	m.talkers(c)
	m.areas(c)
	m.findings(c)
	m.tail(c)
}

func perSecond(rate float64) string {
	return analyzers.CountText(int64(rate+0.5)) + "/s"
}

// drops says what was lost: where anything was, no figure above is whole.
func (m *model) drops(c *canvas) {
	s := &m.state
	if s.KernelDrops+s.QueueDrops == 0 {
		c.line(labelled("drops"), span{plain, "none"})
		return
	}
	var parts []string
	if s.KernelDrops > 0 {
		parts = append(parts, analyzers.CountText(int64(s.KernelDrops))+" by the kernel")
	}
	if s.QueueDrops > 0 {
		parts = append(parts, analyzers.CountText(int64(s.QueueDrops))+" by us")
	}
	all := int64(s.Delivered + s.KernelDrops + s.QueueDrops)
	c.line(labelled("drops"), span{red, strings.Join(parts, ", ") + " (" + analyzers.PercentText(int64(s.KernelDrops+s.QueueDrops), all) + ")"})
}

func (m *model) areas(c *canvas) {
	lines := report.AreaLines(m.state.Sections)
	if c.height >= roomy {
		c.blank()
	}
	for i := range lines {
		l := &lines[i]
		st := green
		if l.Found > 0 {
			st = severityStyle(l.Severity)
		}
		c.line(span{bold, labelled(l.Area.String()).text}, span{st, l.Verdict + strings.Repeat(" ", max(9-len(l.Verdict), 1))}, span{plain, l.Text})
	}
}

// findings are the worst, as many as there is room for.
func (m *model) findings(c *canvas) {
	found := report.Findings(m.state.Sections)
	if len(found) == 0 {
		return
	}
	if c.height >= roomy {
		c.blank()
	}
	const severity = 6
	most := max(c.room()/len(found), 2) // lines of each
	for i := range found {
		f := &found[i]
		if c.room() == 1 && i < len(found)-1 {
			c.line(span{dim, "… " + analyzers.CountOf(int64(len(found)-i), "more finding")})
			return
		}
		name := report.SeverityName(f.Severity)
		room := max(c.width-severity, 1)
		lines := report.Wrap(report.Clean(f.Text), room)
		keep := most
		if i < len(found)-1 {
			keep = max(min(most, c.room()-1), 1) // a line says how many more there are
		}
		for j, text := range firstLines(lines, keep, room) {
			if j > 0 {
				name = ""
			}
			c.line(span{severityStyle(f.Severity), name + strings.Repeat(" ", severity-len(name))}, span{plain, text})
		}
	}
}
