package mix

import (
	"cmp"
	"slices"
)

// maxBuckets is how many steps of time are kept. With more, two steps become
// one.
const maxBuckets = 512

// series counts over time, in steps of width seconds that begin at multiples
// of width since 1970, so that it does not matter which second came first.
type series struct {
	width   int64 // 0: nothing was counted
	buckets map[int64]*bucket
	lo, hi  int64 // the numbers of the first and last bucket

	last       *bucket // that of the second asked for last: most come in runs
	lastSecond int64
}

type bucket struct {
	Counts
	by [len(categories)]uint64 // wire bytes
}

func (s *series) at(second int64) *bucket {
	if s.last != nil && s.lastSecond == second {
		return s.last
	}
	if s.width == 0 {
		s.width, s.buckets = 1, map[int64]*bucket{}
		s.lo, s.hi = second, second
	}
	n := floorDiv(second, s.width)
	for max(s.hi, n)-min(s.lo, n) >= maxBuckets {
		s.double()
		n = floorDiv(second, s.width)
	}
	s.lo, s.hi = min(s.lo, n), max(s.hi, n)
	b := s.buckets[n]
	if b == nil {
		b = &bucket{}
		s.buckets[n] = b
	}
	s.last, s.lastSecond = b, second
	return b
}

func (s *series) add(second int64, c number, n Counts) {
	b := s.at(second)
	b.Counts.add(n)
	b.by[c] += n.WireBytes
}

// move says that wire bytes of that second were of another category.
func (s *series) move(second int64, from, to number, wire uint64) {
	b := s.at(second)
	b.by[from] -= wire
	b.by[to] += wire
}

func (s *series) double() {
	old := s.buckets
	s.last = nil
	s.width *= 2
	s.buckets = make(map[int64]*bucket, len(old))
	for n, b := range old {
		n = floorDiv(n, 2)
		to := s.buckets[n]
		if to == nil {
			s.buckets[n] = b
			continue
		}
		to.Counts.add(b.Counts)
		for c, w := range b.by {
			to.by[c] += w
		}
	}
	s.lo, s.hi = floorDiv(s.lo, 2), floorDiv(s.hi, 2)
}

// list are the buckets in order of time.
func (s *series) list() []Bucket {
	out := make([]Bucket, 0, len(s.buckets))
	for n, b := range s.buckets {
		x := Bucket{Start: n * s.width, Counts: b.Counts}
		for c, w := range b.by {
			if w > 0 {
				x.Categories = append(x.Categories, Part{categories[c], w})
			}
		}
		slices.SortFunc(x.Categories, func(a, b Part) int { return cmp.Compare(a.Category, b.Category) })
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Bucket) int { return cmp.Compare(a.Start, b.Start) })
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
