package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/docs/analyses"
	"github.com/wiretale/wiretale/report"
)

// pageWidth is how wide text is set where no screen is narrower: longer lines
// are hard to read.
const pageWidth = 100

func explainCommand() *command {
	return &command{
		name:  "explain",
		args:  "[QUESTION…]",
		short: "say what an answer means and how to read it",
		long: `Explain prints the definition of a question that analyze answers: formulas, a
worked example, when it is undecided, what each field of its rows holds. Without
a question it lists them all.`,
		examples: [][2]string{
			{"wiretale explain", "all questions"},
			{"wiretale explain hol.http1", "what head-of-line blocking in HTTP/1 is, and how it is measured"},
			{"wiretale explain dns", "every question about DNS"},
		},
		words: questionNames,
		setup: func(c *call) func() error {
			c.colorFlag()
			return func() error {
				o := report.Options{Color: c.color(), Width: pageWidth}
				if w := c.out.width; w > 0 && w < pageWidth {
					o.Width = w
				}
				if len(c.args) == 0 {
					return c.listQuestions()
				}
				chosen, err := questions(c.args)
				if err != nil {
					return err
				}
				var text strings.Builder
				for i, q := range chosen {
					if i > 0 {
						text.WriteString("\n\n")
					}
					page, _ := analyses.Page(q.Name)
					text.WriteString(page)
				}
				return report.Markdown(c.stdout, text.String(), o)
			}
		},
	}
}

func (c *call) listQuestions() error {
	list := all.Questions()
	slices.SortStableFunc(list, func(a, b analyzers.Question) int { return cmp.Compare(a.Area, b.Area) })
	var rows [][]string
	last := ""
	for _, q := range list {
		area := q.Area.String()
		if area == last {
			area = ""
		} else {
			last = area
		}
		rows = append(rows, []string{area, q.Name, q.Doc})
	}
	return report.Table(c.stdout, []analyzers.Column{{Name: "about"}, {Name: "question"}, {Name: "what it answers"}}, rows,
		report.Options{Color: c.color(), Width: c.out.width})
}
