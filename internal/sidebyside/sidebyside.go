// Package sidebyside puts the truth of a replayed scenario, what Wireshark's
// tshark shows of its capture, and what wiretale decodes of it into three
// columns, message by message. It must not correct any of the three.
package sidebyside

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/truthcheck"
	"github.com/wiretale/wiretale/replay/truth"
)

// Says is what one tool says of a message.
type Says uint8

// What a tool can say.
const (
	Nothing   Says = iota // it does not show the message
	Same                  // the same as the truth
	Different             // something else, in its place
	Silent                // it has no words for messages of this kind
)

// Cell is one tool's account of one message.
type Cell struct {
	Says  Says
	Frame uint64
	Text  string // of a difference
}

// Row is one message.
type Row struct {
	Kind     truth.Kind
	Text     string // of the truth; of the tool that alone shows it
	From, To string // names of hosts, where the truth has them, or addresses
	At       time.Duration
	InTruth  bool
	Lost     bool // no receiver got it

	Wireshark, Wiretale Cell
}

// Table is the whole comparison.
type Table struct {
	Truth *truth.Truth
	Rows  []Row // in order of sending, then what the tools alone show, by frame
}

// Make compares the capture in file with its truth. The error is ErrNoTshark,
// that of a tool, or the end of ctx.
func Make(ctx context.Context, file string, t *truth.Truth) (*Table, error) {
	of := truthcheck.FromTruth(t)
	var reader truthcheck.Reader
	_, err := pipeline.Run(ctx, pipeline.Config{
		Paths: []string{file}, Limits: events.DefaultLimits(), Hash: true, ShowSecrets: true, Want: truthcheck.Want,
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				reader.Event(e)
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	kinds := map[truth.Kind]bool{}
	for i := range of {
		kinds[of[i].Kind] = true
	}
	shown, err := theirs(ctx, file, kinds)
	if err != nil {
		return nil, err
	}
	return put(t, of, truthcheck.Only(reader.Messages(), nil, of), shown), nil
}

// place is where messages that may be the same are looked for.
type place struct {
	kind     truth.Kind
	from, to netip.AddrPort
}

func placeOf(m *truthcheck.Message) place {
	from, to := m.Ends()
	return place{m.Kind, from, to}
}

// put makes the rows.
func put(t *truth.Truth, of, ours []truthcheck.Message, shown []seen) *Table {
	names := map[netip.Addr]string{}
	for _, h := range t.Hosts {
		for _, a := range h.Addrs {
			names[a] = h.Name
		}
	}
	name := func(a netip.AddrPort) string {
		if n := names[a.Addr()]; n != "" {
			return n
		}
		return a.Addr().String()
	}
	table := &Table{Truth: t}
	var alone []truthcheck.Message // only wiretale says them
	for _, p := range truthcheck.Match(of, ours) {
		if p.Truth == nil {
			alone = append(alone, *p.Ours)
			continue
		}
		from, to := p.Truth.Ends()
		r := Row{Kind: p.Truth.Kind, Text: p.Truth.What, From: name(from), To: name(to), InTruth: true, Lost: p.Truth.Lost,
			At: t.Messages[p.Truth.Sent].Sender.Start.Sub(t.Epoch)}
		if p.Ours != nil {
			r.Wiretale = Cell{Says: Same, Frame: p.Ours.Frame}
		}
		if p.Truth.Brief == "" {
			r.Wireshark.Says = Silent
		}
		table.Rows = append(table.Rows, r)
	}
	// What stands in the place of a message is a difference of it.
	left := map[place][]int{}
	for i := range alone {
		left[placeOf(&alone[i])] = append(left[placeOf(&alone[i])], i)
	}
	taken := map[int]bool{}
	for i := range table.Rows {
		r := &table.Rows[i]
		if p := placeOf(&of[i]); r.Wiretale.Says == Nothing && !r.Lost && len(left[p]) > 0 {
			m := left[p][0]
			left[p] = left[p][1:]
			taken[m] = true
			r.Wiretale = Cell{Different, alone[m].Frame, alone[m].What}
		}
	}
	rest := table.wireshark(of, shown)
	for i := range alone {
		if m := &alone[i]; !taken[i] {
			from, to := m.Ends()
			table.Rows = append(table.Rows, Row{Kind: m.Kind, Text: m.What, From: name(from), To: name(to), Wiretale: Cell{Same, m.Frame, ""}})
		}
	}
	for _, s := range rest {
		table.Rows = append(table.Rows, Row{Kind: s.kind, Text: s.brief, From: name(s.from), To: name(s.to), Wireshark: Cell{Same, s.frame, ""}})
	}
	return table
}

// wireshark fills tshark's column and returns what it alone shows.
func (t *Table) wireshark(of []truthcheck.Message, shown []seen) (rest []seen) {
	byPlace := map[place][]int{}
	for i, s := range shown {
		p := place{s.kind, s.from, s.to}
		byPlace[p] = append(byPlace[p], i)
	}
	taken := make([]bool, len(shown))
	pass := func(fits func(m *truthcheck.Message, s *seen) bool, says Says) {
		for i := range of {
			r, m := &t.Rows[i], &of[i]
			if r.Wireshark.Says != Nothing || says == Different && r.Lost {
				continue
			}
			for _, n := range byPlace[placeOf(m)] {
				if taken[n] || !fits(m, &shown[n]) {
					continue
				}
				taken[n] = true
				r.Wireshark = Cell{Says: says, Frame: shown[n].frame}
				if says == Different {
					r.Wireshark.Text = shown[n].brief
				}
				break
			}
		}
	}
	pass(func(m *truthcheck.Message, s *seen) bool { return !s.loose && same(m.Brief, s.brief) }, Same)
	pass(func(m *truthcheck.Message, s *seen) bool { return s.loose && strings.HasPrefix(m.Brief+" ", s.brief) }, Same)
	pass(func(*truthcheck.Message, *seen) bool { return true }, Different)
	for i, s := range shown {
		if !taken[i] {
			rest = append(rest, s)
		}
	}
	return rest
}

// same compares without what tools print as they like: blanks, and the case of
// IMAP's words.
func same(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}
