package report

import "github.com/wiretale/wiretale/analyzers"

// AreaLine is what is said of an area in a line, for those who set it
// themselves.
type AreaLine struct {
	Area     analyzers.Area
	Verdict  string // "3 warn", or "ok"
	Severity analyzers.Severity
	Found    int    // findings of that severity, which is the worst; 0: none at all
	Text     string // from the capture: not clean
}

// AreaLines are those of the areas that have a section, in their order.
func AreaLines(sections []analyzers.Section) []AreaLine {
	lines := allAreaLines(sections)
	out := make([]AreaLine, len(lines))
	for i := range lines {
		l := &lines[i]
		out[i] = AreaLine{Area: l.area, Text: l.text}
		out[i].Severity, out[i].Found = l.worst()
		out[i].Verdict, _ = l.verdict()
	}
	return out
}

// Findings are those of all sections, worst first.
func Findings(sections []analyzers.Section) []analyzers.Finding { return findings(sections) }

// SeverityName is the word for s, as the report has it.
func SeverityName(s analyzers.Severity) string { return severities[s].name }

// Width is the number of columns of a terminal that s takes; s is clean.
func Width(s string) int { return width(s) }

// Truncate cuts s, which is clean, to at most columns; what is cut off becomes
// "…".
func Truncate(s string, columns int) string { return truncate(s, columns) }

// Wrap breaks s, which is clean, into lines of at most columns, at spaces where
// it can; a word that is longer is cut.
func Wrap(s string, columns int) []string { return wrap(s, columns, columns) }
