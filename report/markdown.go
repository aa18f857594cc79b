package report

import (
	"io"
	"strings"
)

// Markdown sets a page of the documentation for people: headings, paragraphs,
// lists, tables and indented examples. The last column of a table is wrapped.
func Markdown(w io.Writer, text string, o Options) error {
	p := page{paint: painter(o.Color), o: o}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for len(lines) > 0 {
		n := 1
		switch line := lines[0]; {
		case line == "":
			p.blank()
		case strings.HasPrefix(line, "#"):
			p.put(bold, strings.TrimLeft(line, "# "), 0)
			p.line()
		case strings.HasPrefix(line, "|"):
			for n < len(lines) && strings.HasPrefix(lines[n], "|") {
				n++
			}
			p.markdownTable(lines[:n])
		case strings.HasPrefix(line, "    "):
			p.put(dim, line, 0)
			p.line()
		case strings.HasPrefix(line, "- "):
			p.buf = append(p.buf, "- "...)
			p.words(spans(line[2:]), 2, 2)
		default:
			p.words(spans(line), 0, 0)
		}
		lines = lines[n:]
	}
	_, err := w.Write(p.buf)
	return err
}

// word is text without blanks, in one style.
type word struct {
	style style
	text  string
	glued bool // no blank before it
}

// spans parts a line of Markdown into words: `code` and **strong** are styles,
// of a link only its text is left.
func spans(line string) []word {
	var words []word
	st, glued := plain, true
	for line != "" {
		i := strings.IndexAny(line, "`*[ \\")
		if i != 0 {
			if i < 0 {
				i = len(line)
			}
			words = append(words, word{st, line[:i], glued})
			line, glued = line[i:], true
			continue
		}
		rest := line[1:]
		switch {
		case line[0] == ' ':
			line, glued = rest, false
			continue
		case line[0] == '`' && strings.Contains(rest, "`"):
			code, after, _ := strings.Cut(rest, "`")
			words = append(words, word{cyan, code, glued})
			line, glued = after, true
			continue
		case strings.HasPrefix(line, "**"):
			if st == plain {
				st = bold
			} else {
				st = plain
			}
			line = line[2:]
			continue
		case line[0] == '*' && (st == dim || len(rest) > 0 && rest[0] != ' ' && strings.Contains(rest, "*")):
			if st == plain {
				st = dim
			} else {
				st = plain
			}
			line = rest
			continue
		case line[0] == '[':
			if label, after, ok := strings.Cut(rest, "]("); ok {
				if _, after, ok = strings.Cut(after, ")"); ok {
					line = label + after
					continue
				}
			}
		case line[0] == '\\' && rest != "":
			line, rest = rest, rest[1:]
		}
		words = append(words, word{st, line[:1], glued})
		line, glued = rest, true
	}
	return words
}

// words sets words from column used on, and on further lines from column from
// on.
func (p *page) words(words []word, used, from int) {
	at := used
	for i := 0; i < len(words); {
		n, wide := 1, width(words[i].text) // a word and what is glued to it
		for i+n < len(words) && words[i+n].glued {
			wide += width(words[i+n].text)
			n++
		}
		switch {
		case at == used || at == from:
		case p.o.Width > 0 && at+1+wide > p.o.Width:
			p.line()
			p.buf = pad(p.buf, from)
			at, used = from, from
		default:
			p.buf = append(p.buf, ' ')
			at++
		}
		for _, w := range words[i : i+n] {
			p.buf = p.paint.append(p.buf, w.style, w.text)
		}
		at += wide
		i += n
	}
	p.line()
}

// markdownTable sets the rows of a table; its second line parts the head from
// the rest.
func (p *page) markdownTable(lines []string) {
	var rows [][][]word
	var widths []int
	for i, line := range lines {
		if i == 1 {
			continue
		}
		line = strings.ReplaceAll(strings.Trim(line, "| "), `\|`, "¦")
		var row [][]word
		for j, cell := range strings.Split(line, " | ") {
			words := spans(strings.Trim(strings.ReplaceAll(cell, "¦", "|"), "| "))
			wide := 0
			for k, w := range words {
				if k > 0 && !w.glued {
					wide++
				}
				wide += width(w.text)
			}
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], min(wide, maxCell/2))
			row = append(row, words)
		}
		rows = append(rows, row)
	}
	for i, row := range rows {
		at := indent
		p.buf = pad(p.buf, at)
		for j, words := range row {
			if i == 0 {
				for k := range words {
					words[k].style = dim
				}
			}
			if j == len(row)-1 {
				p.words(words, at, at)
				break
			}
			start := at
			for k, w := range words {
				if k > 0 && !w.glued {
					p.buf = append(p.buf, ' ')
					at++
				}
				p.buf = p.paint.append(p.buf, w.style, w.text)
				at += width(w.text)
			}
			next := start + widths[j] + gap
			if at+gap > next { // wider than the column: the rest stands below
				p.line()
				at = 0
			}
			p.buf = pad(p.buf, next-at)
			at = next
		}
	}
}
