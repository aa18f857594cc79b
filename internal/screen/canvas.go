package screen

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

// style is how a piece of text is shown (ECMA-48, SGR).
type style string

const (
	plain   style = ""
	bold    style = "\x1b[1m"
	dim     style = "\x1b[2m"
	reverse style = "\x1b[7m"
	red     style = "\x1b[1;31m"
	green   style = "\x1b[32m"
	yellow  style = "\x1b[33m"
	cyan    style = "\x1b[36m"
)

const reset = "\x1b[0m"

func severityStyle(s analyzers.Severity) style {
	switch s {
	case analyzers.Bad:
		return red
	case analyzers.Warn:
		return yellow
	}
	return cyan
}

// span is a piece of a line.
type span struct {
	style style
	text  string
}

// canvas takes lines from the top. Whatever is put on it is cleaned and cut to
// its size here and nowhere else, so that nothing from the wire gets past.
type canvas struct {
	width, height int
	color         bool
	lines         []string
}

// room is the number of lines that are free.
func (c *canvas) room() int { return c.height - len(c.lines) }

// line sets one line; where there is no room it is left out.
func (c *canvas) line(spans ...span) {
	if c.room() <= 0 {
		return
	}
	c.lines = append(c.lines, c.paint(spans))
}

func (c *canvas) paint(spans []span) string {
	var b strings.Builder
	free := c.width
	for _, s := range spans {
		text := report.Clean(s.text)
		w := report.Width(text)
		if cut := w > free; cut {
			if text = report.Truncate(text, free); text == "" {
				break
			}
			w = free
		}
		free -= w
		if !c.color || s.style == plain {
			b.WriteString(text)
			continue
		}
		b.WriteString(string(s.style))
		b.WriteString(text)
		b.WriteString(reset)
	}
	return b.String()
}

// blank leaves a line free where something stands above it.
func (c *canvas) blank() {
	if n := len(c.lines); n > 0 && c.lines[n-1] != "" {
		c.line()
	}
}

// firstLines are the first n of lines, each of at most columns; the last ends
// in "…" where there are more.
func firstLines(lines []string, n, columns int) []string {
	if len(lines) <= n {
		return lines
	}
	lines = lines[:n]
	lines[n-1] = report.Truncate(lines[n-1]+" …", columns)
	return lines
}

// bottom puts a line at the foot of the canvas.
func (c *canvas) bottom(spans ...span) {
	for c.room() > 1 {
		c.line()
	}
	c.line(spans...)
}

func (c *canvas) String() string { return strings.Join(c.lines, "\n") }
