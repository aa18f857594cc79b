package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

func analyzeCommand() *command {
	return &command{
		name: "analyze", args: "FILE…",
		short: "answer all questions: what is slow, lost or broken, and where",
		long: `Analyze answers questions about captures. It prints a report of one screen: a
line for each area; findings, worst first, each with its frames and a Wireshark
display filter; tables of the questions; what was not decoded, and why. What an
answer means says wiretale explain.`,
		examples: [][2]string{
			{"wiretale analyze capture.pcapng", "the report"},
			{"wiretale analyze --full capture.pcapng | less", "all of it"},
			{"wiretale analyze --only dns,rtt monday.pcap tuesday.pcap.gz", "two questions over two files, merged by time"},
			{"wiretale analyze -f 'host 10.0.0.1 and not port 22' capture.pcapng", "of the packets that a capture filter selects (docs/filter.md)"},
			{"wiretale analyze --json capture.pcapng | jq 'select(.analysis==\"rtt\")'", "rows for programs"},
			{"wiretale analyze --extract objects capture.pcapng", "and write what was carried (HTTP bodies, attachments, FTP files) to the folder objects"},
			{"tcpdump -w - -c 10000 | wiretale analyze -", "packets as they come"},
		},
		values: map[string]func() []string{"only": questionNames, "limits": limitValues},
		setup: func(c *call) func() error {
			asJSON := c.flags.Bool("json", false, "print rows as JSON lines (wiretale schema describes them)")
			full := c.flags.Bool("full", false, "the whole report, however long")
			only := c.flags.StringArray("only", nil, "only these `questions`, with commas between: "+strings.Join(questionNames(), ", "))
			extractTo := c.flags.String("extract", "", "write the objects that were carried (HTTP bodies, mail attachments, FTP files, pieces of torrents) to this `folder`, with an index.json")
			answers := c.answerFlags()
			c.filterFlag()
			c.commonFlags()
			return func() error {
				p, err := c.pipeline()
				if err != nil {
					return err
				}
				if err := answers.set(&p); err != nil {
					return err
				}
				if p.Questions, err = questions(split(*only)); err != nil {
					return err
				}
				tuneMemory(len(p.Questions))
				fillMemory()
				objects, err := newObjects(*extractTo, &p.Limits)
				if err != nil {
					return err
				}
				if *asJSON {
					return c.rows(p, objects)
				}
				return c.report(p, objects, *full, *full || len(*only) > 0)
			}
		},
	}
}

func questionNames() []string {
	var names []string
	for _, q := range all.Questions() {
		names = append(names, q.Name)
	}
	return names
}

// questions are those of the names, or of the groups ("dns" has
// "dns.transaction"); all without names.
func questions(names []string) ([]analyzers.Question, error) {
	if len(names) == 0 {
		return all.Questions(), nil
	}
	var chosen []analyzers.Question
	known := map[string]bool{}
	for _, q := range all.Questions() {
		wanted := false
		for _, n := range names {
			if n == q.Name || strings.HasPrefix(q.Name, n+".") {
				known[n], wanted = true, true
			}
		}
		if wanted {
			chosen = append(chosen, q)
		}
	}
	for _, n := range names {
		if !known[n] {
			return nil, usagef("%q is no question; there are: %s", n, strings.Join(questionNames(), ", "))
		}
	}
	return chosen, nil
}

// rows prints the answers as JSON lines.
func (c *call) rows(p pipeline.Config, objects *objects) error {
	lines := report.NewRowLines(c.stdout)
	p.Lent = true
	p.Rows = func(rows []analyzers.Row) error {
		for i := range rows {
			if err := lines.Row(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	objects.watch(&p)
	bar := c.progress(true)
	bar.watch(&p)
	_, err := pipeline.Run(c.ctx, p)
	bar.end()
	told, extractErr := objects.end()
	if told != "" {
		fmt.Fprintln(c.stderr, told)
	}
	return errors.Join(err, lines.Flush(), extractErr)
}

// report prints what a person reads, also of a run that did not come to its
// end. all: also questions of which the capture has nothing.
func (c *call) report(p pipeline.Config, objects *objects, full, all bool) error {
	found := newAnswers(p.Questions)
	p.Rows = func(rows []analyzers.Row) error { found.rows(rows); return nil }
	p.Want = report.CoverageKinds()
	p.Events = func(evs []*events.Event) error { found.events(evs); return nil }
	objects.watch(&p)
	start := time.Now()
	bar := c.progress(false)
	bar.watch(&p)
	stats, err := pipeline.Run(c.ctx, p)
	bar.end()
	told, extractErr := objects.end()
	err = errors.Join(err, extractErr)
	if err != nil && stats.Packets == 0 {
		return err // nothing to tell of
	}
	about := captured(&stats)
	about.Name, about.Filter = captureName(p.Paths), p.Filter
	about.Wall, about.Interrupted, about.Extracted = time.Since(start), errors.Is(err, context.Canceled), told
	return errors.Join(err, c.text(&about, found, full, all))
}

// captured is what a report says of a run's figures.
func captured(s *pipeline.Stats) report.Capture {
	return report.Capture{
		Packets: s.Packets, Bytes: s.Bytes, First: s.First, Last: s.Last,
		NotIP: s.NotIP, Malformed: s.Malformed, UnknownLink: s.UnknownLink, Incomplete: s.Incomplete, CutBySnaplen: s.CutBySnaplen,
		Filtered: s.Filtered,
	}
}

// text prints the report.
func (c *call) text(about *report.Capture, found *answers, full, all bool) error {
	return report.Text(c.stdout, about, &found.coverage, found.sections(full, all),
		report.Options{Color: c.color(), Width: c.out.width, Height: max(c.out.height-1, 0), Full: full})
}
