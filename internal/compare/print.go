package compare

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// valueWidth is how much of a value is printed.
const valueWidth = 100

// write prints the table, protocol by protocol, and the first differences.
func (t *tally) write(w io.Writer, color bool, least float64, files int) error {
	out := bufio.NewWriter(w)
	bold, bad, off := "", "", ""
	if color {
		bold, bad, off = "\x1b[1m", "\x1b[31m", "\x1b[0m"
	}
	for i, p := range t.protocols {
		if i > 0 {
			fmt.Fprintln(out)
		}
		agreed, theirs, ours := t.sum(i)
		f := f1(agreed, theirs, ours)
		fmt.Fprintf(out, "%s%-38s %9s %12s %14s %8s%s\n", bold, p.name, "agreed", "only tshark", "only wiretale", "F1", off)
		for j := range p.fields {
			c := &t.counts[i][j]
			if c.agreed+c.theirs+c.ours > 0 {
				fmt.Fprintf(out, "%-38s %9d %12d %14d %8.4f\n", p.fields[j].name, c.agreed, c.theirs, c.ours, f1(c.agreed, c.theirs, c.ours))
			}
		}
		verdict := ""
		if f < least {
			verdict = fmt.Sprintf("  %sless than %g%s", bad, least, off)
		}
		fmt.Fprintf(out, "%s%-38s %9d %12d %14d %8.4f%s%s\n", bold, "all", agreed, theirs, ours, f, off, verdict)
		for _, why := range slices.Sorted(maps.Keys(t.aside[i])) {
			fmt.Fprintf(out, "counted apart: %d values, %s\n", t.aside[i][why], why)
		}
		for j := range p.fields {
			for _, d := range t.counts[i][j].first {
				where := ""
				if files > 1 {
					where = d.File + " "
				}
				fmt.Fprintf(out, "  %sframe %d %s: %s %s\n", where, d.Frame, d.Field, d.Side, cut(d.Value))
			}
		}
	}
	return out.Flush()
}

// cut quotes as much of a value as is worth a line.
func cut(v string) string {
	if len(v) > valueWidth {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(v[:valueWidth], ""))
	}
	return fmt.Sprintf("%q", v)
}
