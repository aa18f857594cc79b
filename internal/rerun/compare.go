package rerun

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/internal/truthcheck"
	"github.com/wiretale/wiretale/report"
)

// Figures compare the messages of one kind before and after.
type Figures struct {
	Kind          string
	Before, After int
	truthcheck.Count
	// Exchange is the median time from what a client said to what the server
	// said next, at the capture point; 0: there is none.
	ExchangeBefore, ExchangeAfter time.Duration
}

// Compare sets what was to be played beside what wiretale reads from the
// result: by kind, and all together at the end. Messages are equal where their
// content is and the hosts and the server's port are the same.
func Compare(before, after *Script) []Figures {
	kinds := map[string]*Figures{}
	var names []string
	figures := func(kind string) *Figures {
		if kinds[kind] == nil {
			kinds[kind] = &Figures{Kind: kind}
			names = append(names, kind)
		}
		return kinds[kind]
	}
	left := map[string]int{}
	spans := [2]map[string][]time.Duration{{}, {}}
	for i, s := range []*Script{before, after} {
		for _, c := range s.Conversations {
			for k, m := range c.Messages {
				kind := string(m.Kind)
				if m.Body {
					kind += " body"
				}
				f := figures(kind)
				key := fmt.Sprint(c.Proto, c.Client.Addr(), c.Server, m.From, m.key)
				if i == 0 {
					f.Before++
					left[key]++
				} else {
					f.After++
					if left[key] > 0 {
						left[key]--
						f.Agreed++
					}
				}
				if k > 0 && c.Messages[k-1].From != m.From && m.From == 1 {
					spans[i][kind] = append(spans[i][kind], m.at.Sub(c.Messages[k-1].at).Std())
				}
			}
		}
	}
	slices.Sort(names)
	var out []Figures
	all := Figures{Kind: "all"}
	var every [2][]time.Duration
	for _, n := range names {
		f := kinds[n]
		f.OnlyTruth, f.OnlyOurs = f.Before-f.Agreed, f.After-f.Agreed
		f.ExchangeBefore, f.ExchangeAfter = median(spans[0][n]), median(spans[1][n])
		all.Before, all.After, all.Agreed = all.Before+f.Before, all.After+f.After, all.Agreed+f.Agreed
		every[0], every[1] = append(every[0], spans[0][n]...), append(every[1], spans[1][n]...)
		out = append(out, *f)
	}
	all.OnlyTruth, all.OnlyOurs = all.Before-all.Agreed, all.After-all.Agreed
	all.ExchangeBefore, all.ExchangeAfter = median(every[0]), median(every[1])
	return append(out, all)
}

func median(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	ds = slices.Clone(ds)
	slices.Sort(ds)
	return ds[len(ds)/2]
}

// Table writes the comparison, and what of the capture was not played.
func Table(w io.Writer, before, after *Script, o report.Options) error {
	columns := []analyzers.Column{{Name: "messages"}, {Name: "before", Right: true}, {Name: "after", Right: true}, {Name: "equal", Right: true},
		{Name: "F1", Right: true}, {Name: "median before", Right: true}, {Name: "median after", Right: true}}
	var rows [][]string
	span := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.Round(10 * time.Microsecond).String()
	}
	for _, f := range Compare(before, after) {
		rows = append(rows, []string{f.Kind, strconv.Itoa(f.Before), strconv.Itoa(f.After), strconv.Itoa(f.Agreed),
			strconv.FormatFloat(f.F1(), 'f', 4, 64), span(f.ExchangeBefore), span(f.ExchangeAfter)})
	}
	if err := report.Table(w, columns, rows, o); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d conversations played", len(before.Conversations))
	if left := before.leftOut(); left != "" && err == nil {
		_, err = fmt.Fprintf(w, "; left out: %s", left)
	}
	if left := after.leftOut(); left != "" && err == nil {
		_, err = fmt.Fprintf(w, "\nof the result, not read again: %s", left)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}
