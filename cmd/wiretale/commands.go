package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// command is one thing that wiretale can do.
type command struct {
	name     string
	args     string // what follows the flags
	short    string // one line for the list
	long     string
	examples [][2]string // a command line, and what it is for
	// setup defines the flags of a call and returns its work.
	setup func(*call) func() error
	// values are what completion offers for a flag.
	values map[string]func() []string
	// about is the help of what the arguments name; nil or "": there is none.
	about func(args []string) string
	// words are what completion offers as an argument; nil: files.
	words func() []string
}

func commands() []*command {
	return []*command{analyzeCommand(), decodeCommand(), sniffCommand(), compareCommand(), explainCommand(), replayCommand(), interfacesCommand(), schemaCommand(),
		protocolsCommand(), limitsCommand(), completionCommand(), versionCommand()}
}

func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return c
		}
	}
	return nil
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return append(names, "help")
}

// prepare makes the flags of a call.
func (cmd *command) prepare(c *call) func() error {
	c.flags = pflag.NewFlagSet(cmd.name, pflag.ContinueOnError)
	c.flags.SortFlags = false
	c.flags.SetOutput(io.Discard)
	c.flags.Usage = func() {}
	return cmd.setup(c)
}

// flagsOf are the flags of cmd, for help and completion.
func (cmd *command) flagsOf() *pflag.FlagSet {
	var c call
	cmd.prepare(&c)
	return c.flags
}

func writeUsage(w io.Writer) {
	fmt.Fprint(w, `wiretale answers questions about captured network traffic.

Usage: wiretale COMMAND [flags] [FILE…]

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, `
Captures are pcap or pcapng, plain or compressed with gzip or zstd; several
files are merged by time; a folder is all captures in it; - is standard input.

  wiretale analyze capture.pcapng        what is slow, lost or broken, and where
  wiretale decode --only dns,http capture.pcapng
  wiretale COMMAND --help                flags and examples
`)
}

func (cmd *command) writeHelp(w io.Writer, flags *pflag.FlagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: wiretale %s", cmd.long, cmd.name)
	if flags.HasFlags() {
		fmt.Fprint(w, " [flags]")
	}
	if cmd.args != "" {
		fmt.Fprint(w, " "+cmd.args)
	}
	fmt.Fprint(w, "\n")
	if flags.HasFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s", flags.FlagUsages())
	}
	if len(cmd.examples) > 0 {
		fmt.Fprint(w, "\nExamples:\n")
		for _, e := range cmd.examples {
			fmt.Fprintf(w, "  # %s\n  %s\n", e[1], e[0])
		}
	}
}

// nearest is the choice that s was likely meant to be, or "".
func nearest(s string, choices []string) string {
	best, least := "", 1+len(s)/3
	for _, c := range choices {
		if strings.HasPrefix(c, s) && len(s) >= 2 {
			return c
		}
		if d := distance(s, c); d <= least {
			best, least = c, d-1
		}
	}
	return best
}

// distance is the number of letters to change, add or drop to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
