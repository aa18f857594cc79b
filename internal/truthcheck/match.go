package truthcheck

import (
	"slices"

	"github.com/wiretale/wiretale/replay/truth"
)

// Pair is one message with both accounts of it; one that is nil is missing.
type Pair struct {
	Truth, Ours *Message
}

// Match pairs the messages of both accounts: in the order of the truth, and
// behind them what we alone say, in the order of frames. Equal messages are
// paired in order.
func Match(of, ours []Message) []Pair {
	byGroup := map[string][]int{}
	for i := range ours {
		g := ours[i].group()
		byGroup[g] = append(byGroup[g], i)
	}
	taken := make([]bool, len(ours))
	pairs := make([]Pair, len(of), len(of)+len(ours))
	for i := range of {
		pairs[i].Truth = &of[i]
	}
	// What was lost may have been sent again in the same words: the message
	// that arrived comes first.
	for _, lost := range []bool{false, true} {
		for i := range of {
			t := &of[i]
			if t.Lost != lost {
				continue
			}
			left := byGroup[t.group()]
			if at := slices.IndexFunc(left, func(n int) bool { return ours[n].fits(t) }); at >= 0 {
				n := left[at]
				taken[n] = true
				pairs[i].Ours = &ours[n]
				byGroup[t.group()] = slices.Delete(left, at, at+1)
			}
		}
	}
	for i := range ours {
		if !taken[i] {
			pairs = append(pairs, Pair{Ours: &ours[i]})
		}
	}
	return pairs
}

// Count is how far both accounts agree on one kind, or on all.
type Count struct {
	Agreed    int
	OnlyTruth int // without messages that were lost on their way
	OnlyOurs  int
	Lost      int // messages that no receiver got, and the capture neither
}

// Of counts pairs.
func Of(pairs []Pair) Count {
	var c Count
	for _, p := range pairs {
		switch {
		case p.Truth == nil:
			c.OnlyOurs++
		case p.Ours != nil:
			c.Agreed++
		case p.Truth.Lost:
			c.Lost++
		default:
			c.OnlyTruth++
		}
	}
	return c
}

// F1 is the harmonic mean of precision and recall; 1 where nobody says
// anything.
func (c Count) F1() float64 {
	if c.Agreed+c.OnlyTruth+c.OnlyOurs == 0 {
		return 1
	}
	return 2 * float64(c.Agreed) / float64(2*c.Agreed+c.OnlyTruth+c.OnlyOurs)
}

// Only are the messages of some kinds; without kinds, of those that told
// speaks of.
func Only(ms []Message, kinds []truth.Kind, told []Message) []Message {
	want := map[truth.Kind]bool{}
	for _, k := range kinds {
		want[k] = true
	}
	if len(kinds) == 0 {
		for i := range told {
			want[told[i].Kind] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(ms), func(m Message) bool { return !want[m.Kind] })
}
