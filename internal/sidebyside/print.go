package sidebyside

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wiretale/wiretale/replay/truth"
)

// Options of Write.
type Options struct {
	Color bool
	Width int // of the screen, in columns; 0: 120
	// Most is how many messages on which all agree are printed; those on which
	// not all agree are always. 0: 60.
	Most int
}

// Write prints the table, and what it comes to.
func (t *Table) Write(w io.Writer, o Options) error {
	if o.Width < 80 {
		o.Width = 120
	}
	if o.Most == 0 {
		o.Most = 60
	}
	out := bufio.NewWriter(w)
	bold, dim, bad, off := "", "", "", ""
	if o.Color {
		bold, dim, bad, off = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
	}
	who := 0
	for i := range t.Rows {
		who = max(who, utf8.RuneCountInString(t.Rows[i].From+" > "+t.Rows[i].To))
	}
	who = min(who, 28)
	const at, cell = 10, 12
	text := max(o.Width-at-who-2*cell-8, 24)
	fmt.Fprintf(out, "%s%*s  %s  %s  %s  %s%s\n", bold, at, "sent", fit("from > to", who), fit("truth", text), fit("Wireshark", cell), "wiretale", off)

	agreed, hidden := 0, 0
	for i := range t.Rows {
		r := &t.Rows[i]
		fine := r.fine()
		if fine {
			if agreed++; agreed > o.Most {
				hidden++
				continue
			}
		}
		when, mark := "", ""
		if r.InTruth {
			when = fmt.Sprintf("%.6f", r.At.Seconds())
		}
		if !fine {
			mark = bad
		}
		said := short(r.Kind) + " " + r.Text
		if r.Lost {
			said = "(lost) " + said
		}
		if !r.InTruth {
			said = "(not in the truth) " + said
		}
		fmt.Fprintf(out, "%s%s%*s%s%s  %s  %s  %s  %s%s\n", mark, dim, at, when, off, mark, fit(r.From+" > "+r.To, who), fit(said, text),
			fit(r.Wireshark.String(), cell), r.Wiretale.String(), reset(mark, off))
		for _, x := range []struct {
			tool string
			cell Cell
		}{{"Wireshark", r.Wireshark}, {"wiretale", r.Wiretale}} {
			if x.cell.Says == Different {
				fmt.Fprintf(out, "%s%*s  %s  %s says: %s%s\n", mark, at, "", fit("", who), x.tool, x.cell.Text, reset(mark, off))
			}
		}
	}
	if hidden > 0 {
		fmt.Fprintf(out, "%s%*s  … and %d more messages on which all agree%s\n", dim, at, "", hidden, off)
	}
	fmt.Fprintln(out)
	t.totals(out, bold, bad, off)
	return out.Flush()
}

// fine: nobody differs from the truth.
func (r *Row) fine() bool {
	good := func(c Cell) bool { return c.Says == Same || c.Says == Silent || c.Says == Nothing && r.Lost }
	return r.InTruth && good(r.Wireshark) && good(r.Wiretale)
}

// reset ends a color that was begun.
func reset(mark, off string) string {
	if mark == "" {
		return ""
	}
	return off
}

func (c Cell) String() string {
	switch c.Says {
	case Same:
		return fmt.Sprintf("frame %d", c.Frame)
	case Different:
		return fmt.Sprintf("≠ %d", c.Frame)
	case Silent:
		return "·"
	}
	return "—"
}

// short is the protocol of a kind.
func short(k truth.Kind) string {
	return strings.ToUpper(strings.SplitN(string(k), ".", 2)[0])
}

// fit makes s exactly n columns wide.
func fit(s string, n int) string {
	l := utf8.RuneCountInString(s)
	if l > n {
		rs := []rune(s)
		return string(rs[:n-1]) + "…"
	}
	return s + strings.Repeat(" ", n-l)
}

// Total is what the comparison comes to for one kind.
type Total struct {
	Kind                truth.Kind
	Truth, Lost         int
	Wireshark, Wiretale Score
}

// Score is how one tool does.
type Score struct {
	Same      int
	Different int
	Missing   int // in the truth, received, and not shown
	Extra     int // shown, and not in the truth
	Silent    bool
}

// F1 is the harmonic mean of precision and recall against the truth.
func (s Score) F1() float64 {
	all := 2*s.Same + 2*s.Different + s.Missing + s.Extra
	if all == 0 {
		return 1
	}
	return 2 * float64(s.Same) / float64(all)
}

func (s *Score) count(c Cell, r *Row) {
	switch {
	case !r.InTruth && c.Says == Same:
		s.Extra++
	case !r.InTruth:
	case c.Says == Same:
		s.Same++
	case c.Says == Different:
		s.Different++
	case c.Says == Silent:
		s.Silent = true
	case !r.Lost:
		s.Missing++
	}
}

// Totals are those of each kind, in the order of names.
func (t *Table) Totals() []Total {
	by := map[truth.Kind]*Total{}
	for i := range t.Rows {
		r := &t.Rows[i]
		x := by[r.Kind]
		if x == nil {
			x = &Total{Kind: r.Kind}
			by[r.Kind] = x
		}
		if r.InTruth {
			x.Truth++
			if r.Lost {
				x.Lost++
			}
		}
		x.Wireshark.count(r.Wireshark, r)
		x.Wiretale.count(r.Wiretale, r)
	}
	var out []Total
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, *by[k])
	}
	return out
}

func (t *Table) totals(out *bufio.Writer, bold, bad, off string) {
	fmt.Fprintf(out, "%s%-22s %8s %6s   %-26s %-26s%s\n", bold, "messages", "truth", "lost", "Wireshark", "wiretale", off)
	for _, x := range t.Totals() {
		color := ""
		if w := x.Wiretale; w.Different+w.Missing+w.Extra > 0 {
			color = bad
		}
		fmt.Fprintf(out, "%s%-22s %8d %6d   %-26s %-26s%s\n", color, x.Kind, x.Truth, x.Lost, x.Wireshark, x.Wiretale, reset(color, off))
	}
	drops := map[string]int{}
	for _, d := range t.Truth.Drops {
		drops[d.Reason]++
	}
	for _, why := range slices.Sorted(maps.Keys(drops)) {
		fmt.Fprintf(out, "dropped by the network (%s): %d packets\n", why, drops[why])
	}
	fmt.Fprintf(out, "≠ says something else   — not shown   · has no words for it   RTT as configured: %s\n", t.Truth.RTT.Std().Round(time.Microsecond))
}

func (s Score) String() string {
	if s.Silent && s.Same+s.Different+s.Missing+s.Extra == 0 {
		return "·"
	}
	text := fmt.Sprintf("%d, F1 %.4f", s.Same, s.F1())
	for _, p := range []struct {
		n    int
		what string
	}{{s.Different, "≠"}, {s.Missing, "—"}, {s.Extra, "extra"}} {
		if p.n > 0 {
			text += fmt.Sprintf(", %d %s", p.n, p.what)
		}
	}
	return text
}

// Agree: wiretale says of every message what the truth says.
func (t *Table) Agree() bool {
	for _, x := range t.Totals() {
		if x.Wiretale.Different+x.Wiretale.Missing+x.Wiretale.Extra > 0 {
			return false
		}
	}
	return true
}
