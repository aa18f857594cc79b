// Package compare runs Wireshark's tshark and wiretale on the same captures
// and matches what both say: (frame, field, value), protocol by protocol. Each
// protocol is one table of fields; nothing else here knows a protocol.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// Config says what to compare.
type Config struct {
	Paths     []string        // files, and folders of captures; each capture is compared on its own
	Min       float64         // the least F1 of each protocol, 0 to 1
	First     int             // differences printed for each field
	Protocols []string        // by name; none: all
	Out       io.Writer       // what a person reads
	Color     bool            // on a terminal
	Pipeline  pipeline.Config // limits and workers of our own run
}

// ErrNoTshark says that tshark is not installed.
var ErrNoTshark = errors.New("tshark was not found: it comes with Wireshark (https://www.wireshark.org); on Debian and Ubuntu: apt install tshark")

// Run compares and prints. It is false where a protocol agrees less than
// c.Min. The error is ErrNoTshark, an unknown protocol, a file that cannot be
// read by wiretale at all, or the end of ctx.
func Run(ctx context.Context, c Config) (ok bool, err error) {
	ps, err := choose(c.Protocols)
	if err != nil {
		return false, err
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		return false, ErrNoTshark
	}
	files, err := captures(c.Paths)
	if err != nil {
		return false, err
	}
	total := newTally(ps, c.First)
	for _, file := range files {
		t, err := compareFile(ctx, tshark, file, ps, c.Pipeline, c.First)
		if err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		total.add(t)
	}
	if err := total.write(c.Out, c.Color, c.Min, len(files)); err != nil {
		return false, err
	}
	return total.least() >= c.Min, nil
}

// compareFile compares one capture.
func compareFile(ctx context.Context, tshark, file string, ps []*protocol, p pipeline.Config, first int) (*tally, error) {
	readers := make([]reader, len(ps))
	for i, p := range ps {
		readers[i] = p.reader()
	}
	mine, err := ours(ctx, file, ps, readers, p)
	if err != nil {
		return nil, err
	}
	its, err := runTshark(ctx, tshark, file, ps, inOrder, mine.decodeAs(ps))
	if err != nil {
		return nil, err
	}
	if len(mine.gaps) > 0 {
		plain, err := runTshark(ctx, tshark, file, ps, nil, mine.decodeAs(ps))
		if err != nil {
			return nil, err
		}
		its.take(plain, mine.gaps)
	}
	return match(file, ps, readers, mine, its, first), nil
}

// choose are the protocols of these names, all where there is none.
func choose(names []string) ([]*protocol, error) {
	var ps []*protocol
	for _, p := range protocols {
		if len(names) == 0 || slices.Contains(names, p.name) {
			ps = append(ps, p)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(ps, func(p *protocol) bool { return p.name == n }) {
			return nil, fmt.Errorf("%q cannot be compared; these can: %s", n, strings.Join(Protocols(), ", "))
		}
	}
	return ps, nil
}

// Protocols are the names of what can be compared.
func Protocols() []string {
	var names []string
	for _, p := range protocols {
		names = append(names, p.name)
	}
	return names
}

// captures are the files that paths name; of a folder, what wiretale can open.
func captures(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if path == "-" {
			return nil, errors.New("compare reads a capture twice: give it a file instead of -")
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			file := filepath.Join(path, e.Name())
			if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
				continue
			}
			src, err := capture.Open([]string{file}, capture.Options{})
			if err != nil {
				continue
			}
			src.Close()
			files = append(files, file)
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s: there are no captures in this folder", path)
		}
	}
	return files, nil
}
