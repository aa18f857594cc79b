package compare

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Side says who alone says something.
type Side uint8

// The two sides.
const (
	OnlyTshark Side = iota
	OnlyOurs
)

func (s Side) String() string {
	if s == OnlyTshark {
		return "only tshark"
	}
	return "only wiretale"
}

// Difference is one value that one side alone says.
type Difference struct {
	File     string
	Protocol string
	Frame    uint64
	Field    string
	Value    string
	Side     Side
	Aside    string // why it does not count; "": it counts
}

// NotDecoded is why values on a stream are counted apart on which tshark
// shows no such protocol at all: it decodes by port where it has no heuristic.
const NotDecoded = "not decoded by tshark on that stream"

// Malformed is why a frame is counted apart in which tshark calls something
// malformed: of a broken message there is no one right reading.
const Malformed = "in a frame that tshark calls malformed"

// Partial is why values of a message are counted apart whose end is not in the
// capture: we tell its head when that is there; tshark shows whole messages,
// and this one, if at all, where it gave up waiting.
const Partial = "of a message whose end was not captured"

// count is the result for one field.
type count struct {
	agreed, theirs, ours int
	first                []Difference
}

// tally is the result for one or more captures.
type tally struct {
	protocols []*protocol
	counts    [][]count        // by protocol, by field
	aside     []map[string]int // by protocol: values counted apart, by reason
	keep      int              // differences kept for each field
}

func newTally(ps []*protocol, keep int) *tally {
	t := &tally{protocols: ps, keep: keep}
	for _, p := range ps {
		t.counts = append(t.counts, make([]count, len(p.fields)))
		t.aside = append(t.aside, map[string]int{})
	}
	return t
}

func (t *tally) add(u *tally) {
	for i := range t.counts {
		for j := range t.counts[i] {
			a, b := &t.counts[i][j], &u.counts[i][j]
			a.agreed += b.agreed
			a.theirs += b.theirs
			a.ours += b.ours
			a.first = append(a.first, b.first[:min(len(b.first), max(0, t.keep-len(a.first)))]...)
		}
		for why, n := range u.aside[i] {
			t.aside[i][why] += n
		}
	}
}

// f1 is the harmonic mean of precision and recall; 1 where nobody says
// anything.
func f1(agreed, theirs, ours int) float64 {
	if agreed+theirs+ours == 0 {
		return 1
	}
	return 2 * float64(agreed) / float64(2*agreed+theirs+ours)
}

// sum are the figures of one protocol.
func (t *tally) sum(proto int) (agreed, theirs, ours int) {
	for i := range t.counts[proto] {
		c := &t.counts[proto][i]
		agreed, theirs, ours = agreed+c.agreed, theirs+c.theirs, ours+c.ours
	}
	return agreed, theirs, ours
}

// least is the lowest F1 of all protocols.
func (t *tally) least() float64 {
	l := 1.0
	for i := range t.protocols {
		l = min(l, f1(t.sum(i)))
	}
	return l
}

// match compares cell by cell.
func match(file string, ps []*protocol, readers []reader, mine *said, its *theirs, keep int) *tally {
	t := newTally(ps, keep)
	delay(ps, mine, its)
	cells := slices.Collect(maps.Keys(mine.values))
	for c := range its.values {
		if _, ok := mine.values[c]; !ok {
			cells = append(cells, c)
		}
	}
	for i := range ps {
		maps.Copy(t.aside[i], its.outside[i])
	}
	for _, c := range sorted(cells) {
		p := ps[c.proto]
		f := &p.fields[c.field]
		if f.told && len(mine.values[c]) == 0 {
			continue
		}
		if its.frames[c.frame].broken && p.decoded {
			if n := len(mine.values[c]) + len(its.values[c]); n > 0 {
				t.aside[c.proto][Malformed] += n
			}
			continue
		}
		both, onlyOurs, onlyTheirs := f.pair(mine.values[c], its.values[c])
		t.counts[c.proto][c.field].agreed += both
		d := Difference{File: file, Protocol: p.name, Frame: c.frame, Field: f.name}
		for _, v := range onlyTheirs {
			d.Side, d.Value = OnlyTshark, v
			t.differ(c, d, readers[c.proto], mine, its)
		}
		for _, v := range onlyOurs {
			d.Side, d.Value = OnlyOurs, v
			t.differ(c, d, readers[c.proto], mine, its)
		}
	}
	return t
}

func sorted(cells []cell) []cell {
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.frame, b.frame), cmp.Compare(a.proto, b.proto), cmp.Compare(a.field, b.field))
	})
	return cells
}

// delay moves what we say to the frame at which tshark says the same later.
func delay(ps []*protocol, mine *said, its *theirs) {
	for i, p := range ps {
		if p.later == "" {
			continue
		}
		whole := map[uint64]uint64{} // by the frame of a part
		for n, f := range its.frames {
			for _, v := range strings.Split(f.extra[p.later], between) {
				if part, err := strconv.ParseUint(v, 10, 64); err == nil && part < n {
					whole[part] = max(n, whole[part])
				}
			}
		}
		for _, c := range sorted(slices.Collect(maps.Keys(mine.values))) {
			if c.proto == i && whole[c.frame] != 0 {
				p.fields[c.field].delay(mine.values, c, cell{whole[c.frame], i, c.field}, its.values)
			}
		}
	}
}

// delay moves from one cell of ours to a later one what tshark has there.
func (f *field) delay(mine sheet, from, to cell, its sheet) {
	_, early, _ := f.pair(mine[from], its[from])
	_, _, open := f.pair(mine[to], its[to])
	for _, v := range early {
		if i := slices.IndexFunc(open, func(w string) bool { return f.same(v, w) }); i >= 0 {
			open = slices.Delete(open, i, i+1)
			j := slices.Index(mine[from], v)
			mine[from] = slices.Delete(mine[from], j, j+1)
			mine[to] = append(mine[to], v)
		}
	}
}

func (t *tally) differ(c cell, d Difference, r reader, mine *said, its *theirs) {
	f := its.frames[c.frame]
	if f.ok && mine.partial[inPart{f.stream, c.proto, c.field, d.Value}] {
		d.Aside = Partial
	} else if d.Side == OnlyOurs && t.protocols[c.proto].decoded && f.ok && !its.decoded[c.proto][f.stream] {
		d.Aside = NotDecoded
	} else {
		d.Aside = r.aside(&d, its)
	}
	if d.Aside != "" {
		t.aside[c.proto][d.Aside]++
		return
	}
	n := &t.counts[c.proto][c.field]
	if d.Side == OnlyTshark {
		n.theirs++
	} else {
		n.ours++
	}
	if len(n.first) < t.keep {
		n.first = append(n.first, d)
	}
}

// pair takes out of both lists what is equal.
func (f *field) pair(mine, its []string) (both int, onlyOurs, onlyTheirs []string) {
	its = slices.Clone(its)
	for _, v := range mine {
		if i := slices.IndexFunc(its, func(w string) bool { return f.same(v, w) }); i >= 0 {
			its = slices.Delete(its, i, i+1)
			both++
		} else {
			onlyOurs = append(onlyOurs, v)
		}
	}
	return both, onlyOurs, its
}

// same reports whether our v is tshark's w.
func (f *field) same(v, w string) bool {
	if v == w || !f.near {
		return v == w
	}
	a, err := strconv.ParseFloat(v, 64)
	b, err2 := strconv.ParseFloat(w, 64)
	return err == nil && err2 == nil && math.Abs(a-b) < 1e-6
}
