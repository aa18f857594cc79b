package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/report"
)

func replayCommand() *command {
	return &command{
		name: "replay", args: "[SCENARIO]",
		short: "make a capture whose truth is known",
		long: `Replay lets real implementations talk over a simulated network, and writes the
capture and what truly happened. Without a scenario it lists all.`,
		examples: [][2]string{
			{"wiretale replay", "the scenarios"},
			{"wiretale replay page -w page.pcapng --truth page.json", "a web page with ten images"},
			{"wiretale replay page --rtt 80ms -w - | wiretale analyze -", "the same, farther away, analyzed at once"},
		},
		words: scenarioNames,
		setup: func(c *call) func() error {
			capture := c.flags.StringP("write", "w", "", "`file` for the capture (- is standard output)")
			truth := c.flags.String("truth", "", "`file` for the truth, in JSON")
			var o replay.Options
			c.flags.DurationVar(&o.RTT, "rtt", 0, "round-trip time to the main server (0: as the scenario says)")
			c.flags.Uint64Var(&o.Seed, "seed", 0, "of contents, ports and identifiers")
			c.flags.StringVar(&o.At, "at", "", "`place` of the capture: client, server or middle")
			c.colorFlag()
			return func() error {
				switch {
				case len(c.args) == 0 && *capture == "" && *truth == "":
					return c.scenarios()
				case len(c.args) != 1:
					return usagef("want one scenario; wiretale replay lists them")
				case *capture == "" && *truth == "":
					return usagef("nothing to write: give -w FILE, --truth FILE, or both")
				}
				var captureFile, truthFile outputFile
				if err := errors.Join(captureFile.open(*capture, c.stdout, &o.Out), truthFile.open(*truth, c.stdout, &o.Truth)); err != nil {
					return errors.Join(err, captureFile.close(err), truthFile.close(err))
				}
				err := replay.Run(c.ctx, c.args[0], o)
				err = errors.Join(err, captureFile.close(err), truthFile.close(err))
				if errors.Is(err, replay.ErrUnknown) {
					return usageError{err}
				}
				return err
			}
		},
	}
}

func scenarioNames() []string {
	var names []string
	for _, s := range replay.Names() {
		names = append(names, s.Name)
	}
	return names
}

func (c *call) scenarios() error {
	var rows [][]string
	for _, s := range replay.Names() {
		rows = append(rows, []string{s.Name, s.RTT.Round(time.Microsecond).String(), s.Doc})
	}
	return report.Table(c.stdout, []analyzers.Column{{Name: "scenario"}, {Name: "rtt", Right: true}, {Name: "what happens"}}, rows,
		report.Options{Color: c.color(), Width: c.out.width})
}

// outputFile is a file that appears under its name only when it is whole.
type outputFile struct {
	path string
	f    *os.File
	w    *bufio.Writer
}

// open makes *to write to the file of that path; "" is none, and "-" stdout.
func (o *outputFile) open(path string, stdout io.Writer, to *io.Writer) error {
	switch path {
	case "":
		return nil
	case "-":
		*to = stdout
		return nil
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	o.path, o.f, o.w = path, f, bufio.NewWriter(f)
	*to = o.w
	return nil
}

// close gives the file its name, or, after a fault, takes it away.
func (o *outputFile) close(fault error) error {
	if o.f == nil {
		return nil
	}
	err := errors.Join(o.w.Flush(), o.f.Close())
	if fault != nil || err != nil {
		return errors.Join(err, os.Remove(o.f.Name()))
	}
	return os.Rename(o.f.Name(), o.path)
}
