package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
)

// areaLine is what the report says of an area in a line.
type areaLine struct {
	area     analyzers.Area
	findings [len(severities)]int // by severity
	text     string
}

// areaLines are those of the sections, in the order of the areas; none where
// all are of one area.
func areaLines(sections []analyzers.Section) []areaLine {
	if lines := allAreaLines(sections); len(lines) > 1 {
		return lines
	}
	return nil
}

func allAreaLines(sections []analyzers.Section) []areaLine {
	var lines []areaLine
	for area := range analyzers.Areas {
		l := areaLine{area: area}
		var briefs []string
		seen := false
		for i := range sections {
			s := &sections[i]
			if s.Area != area {
				continue
			}
			seen = true
			if s.Brief != "" {
				briefs = append(briefs, s.Brief)
			}
			for _, f := range s.Findings {
				l.findings[f.Severity]++
			}
		}
		if l.text = strings.Join(briefs, "; "); seen {
			lines = append(lines, l)
		}
	}
	return lines
}

// verdict is the worst that was found in an area, and how often.
func (l *areaLine) verdict() (string, style) {
	if s, n := l.worst(); n > 0 {
		return strconv.Itoa(n) + " " + severities[s].name, severities[s].style
	}
	return "ok", green
}

// worst is the gravest severity that was found, and how often: 0 for nothing.
func (l *areaLine) worst() (analyzers.Severity, int) {
	for s := len(l.findings) - 1; s >= 0; s-- {
		if n := l.findings[s]; n > 0 {
			return analyzers.Severity(s), n
		}
	}
	return 0, 0
}

// areas sets a line for each area.
func (p *page) areas(lines []areaLine) {
	if len(lines) == 0 {
		return
	}
	const label, verdict = 14, 7
	p.blank()
	for i := range lines {
		l := &lines[i]
		used := p.put(bold, l.area.String(), 0)
		p.buf = pad(p.buf, indent+label-used)
		text, st := l.verdict()
		p.put(st, text, indent+label)
		if used = label + verdict + 2*indent; l.text != "" && (p.o.Width == 0 || used < p.o.Width) {
			p.buf = pad(p.buf, indent+verdict-len(text))
			p.put(plain, clean(l.text), used)
		}
		p.line()
	}
}
