package main

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/capture/filter"
	"github.com/wiretale/wiretale/decoders/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// common are the flags of all commands that read captures.
type common struct {
	workers     int
	limits      []string
	hash        bool
	showSecrets bool
	noColor     bool
	filter      string
}

// filterFlag is the flag -f, of the commands for which a capture filter is of
// use.
func (c *call) filterFlag() {
	c.flags.StringVarP(&c.common.filter, "filter", "f", "", "only packets that this capture filter selects: `EXPR` in the language of tcpdump, as 'host 10.0.0.1 and port 80'; the others are not seen at all")
}

func (c *call) commonFlags() {
	f := c.flags
	f.IntVar(&c.common.workers, "workers", 0, "`number` of goroutines that follow flows (0: half as many as CPUs); the output does not depend on it")
	f.StringArrayVar(&c.common.limits, "limits", nil, "change a limit on memory: `name=value` (wiretale limits lists them); may be repeated")
	f.BoolVar(&c.common.hash, "hash", false, "decode content codings of bodies and hash them (slower)")
	f.BoolVar(&c.common.showSecrets, "show-secrets", false, "show passwords, tokens and cookies instead of <redacted>")
	c.colorFlag()
}

func (c *call) colorFlag() {
	c.flags.BoolVar(&c.common.noColor, "no-color", false, "no color, even on a terminal (so does NO_COLOR)")
}

// color reports whether the output is colored.
func (c *call) color() bool { return c.out.color && !c.common.noColor }

// pipeline makes the configuration of a run from flags and arguments.
func (c *call) pipeline() (pipeline.Config, error) {
	p := pipeline.Config{
		Paths: c.args, Stdin: c.stdin, Workers: c.common.workers, Limits: events.DefaultLimits(),
		Hash: c.common.hash, ShowSecrets: c.common.showSecrets,
	}
	if len(c.args) == 0 {
		return p, usagef("which capture? give a file, a folder, or - for standard input")
	}
	if slices.Contains(c.args, "-") && c.stdin != nil {
		p.Stdin = untilCanceled(c.ctx, c.stdin)
	}
	if err := filter.Check(c.common.filter); err != nil {
		return p, usagef("-f: %w", err)
	}
	p.Filter = c.common.filter
	if c.common.workers < 0 {
		return p, usagef("--workers %d: want 0 or more", c.common.workers)
	}
	for _, l := range c.common.limits {
		if err := p.Limits.Set(l); err != nil {
			return p, usageError{err}
		}
	}
	return p, nil
}

// captureName is what a report calls the input.
func captureName(paths []string) string {
	switch {
	case len(paths) > 1:
		return strconv.Itoa(len(paths)) + " captures"
	case paths[0] == "-":
		return "standard input"
	}
	return filepath.Base(paths[0])
}

// protocolNames are those of all decoders.
func protocolNames() []string {
	var names []string
	for _, p := range all.Protos() {
		names = append(names, p.Name)
	}
	return names
}

// limitValues are the names of limits, as --limits wants them.
func limitValues() []string {
	var names []string
	for _, l := range events.AllLimits() {
		names = append(names, l.Name+"=")
	}
	return names
}

// split cuts a list of words at its commas.
func split(lists []string) []string {
	var words []string
	for _, l := range lists {
		for w := range strings.SplitSeq(l, ",") {
			if w = strings.TrimSpace(w); w != "" {
				words = append(words, w)
			}
		}
	}
	return words
}
