package analyzers

import (
	"math"
	"math/bits"
	"slices"
)

// Sketch gives the median and percentiles of numbers that are not negative,
// in bounded memory. Up to a limit it keeps every number and is exact; beyond
// it is a log-linear histogram whose answers are off by less than 0.8 %. What
// it answers depends on the numbers only, not on their order. The zero value
// is ready.
type Sketch struct {
	n        uint64
	min, max int64
	few      [4]int64 // most flows have two or three samples
	more     []uint32 // all, where there are more than that; two words each, the lower first, if max needs it
	hist     *histogram
}

// Add takes one number; below zero it counts as zero. limit is how many are
// kept exactly (Limits.FoldSamples).
func (s *Sketch) Add(v int64, limit int) {
	v = max(v, 0)
	wide := s.wide()
	if s.n == 0 || v < s.min {
		s.min = v
	}
	s.max = max(s.max, v)
	s.n++
	switch {
	case s.hist != nil:
		s.hist.add(v)
	case s.n > uint64(limit):
		s.hist = &histogram{}
		for _, k := range s.kept(s.n-1, wide) {
			s.hist.add(k)
		}
		s.more = nil
		s.hist.add(v)
	case s.n <= uint64(len(s.few)):
		s.few[s.n-1] = v
	default:
		if s.more == nil || wide != s.wide() {
			s.keep(s.kept(s.n-1, wide))
		}
		s.more = s.append(s.more, v)
	}
}

// wide reports whether some number needs two words.
func (s *Sketch) wide() bool { return s.max > math.MaxUint32 }

func (s *Sketch) append(to []uint32, v int64) []uint32 {
	if s.wide() {
		return append(to, uint32(v), uint32(v>>32))
	}
	return append(to, uint32(v))
}

// keep makes more of these numbers.
func (s *Sketch) keep(ns []int64) {
	s.more = make([]uint32, 0, 4*len(ns))
	for _, v := range ns {
		s.more = s.append(s.more, v)
	}
}

// kept are the first n numbers, all that there are.
func (s *Sketch) kept(n uint64, wide bool) []int64 {
	if s.more == nil {
		return s.few[:n]
	}
	ns := make([]int64, n)
	for i := range ns {
		if wide {
			ns[i] = int64(s.more[2*i]) | int64(s.more[2*i+1])<<32
		} else {
			ns[i] = int64(s.more[i])
		}
	}
	return ns
}

// Count is how many numbers there were.
func (s *Sketch) Count() uint64 { return s.n }

// Min and Max are exact, and 0 when there were no numbers.
func (s *Sketch) Min() int64 { return s.min }

// Max is the largest number.
func (s *Sketch) Max() int64 { return s.max }

// Approximate says that quantiles are estimates.
func (s *Sketch) Approximate() bool { return s.hist != nil }

// Percentile is the number of nearest rank: the ⌈p/100·n⌉-th smallest.
func (s *Sketch) Percentile(p uint64) int64 {
	return s.rank(max((p*s.n+99)/100, 1))
}

// Median is the middle number, or the mean of the two in the middle.
func (s *Sketch) Median() int64 {
	a, b := s.rank((s.n+1)/2), s.rank(s.n/2+1)
	return a + (b-a)/2
}

// rank is the i-th smallest number, from 1.
func (s *Sketch) rank(i uint64) int64 {
	switch {
	case s.n == 0:
		return 0
	case s.hist != nil:
		return min(max(s.hist.rank(i), s.min), s.max)
	}
	// Their order was of no use.
	if s.more != nil && !s.wide() {
		slices.Sort(s.more)
		return int64(s.more[i-1])
	}
	k := s.kept(s.n, true)
	slices.Sort(k)
	if s.more != nil {
		s.keep(k)
	}
	return k[i-1]
}

// histogram counts numbers below 64 one by one, and each octave above in 64
// parts of equal width, so that the middle of a part is at most 1/128 away
// from what is in it. Octaves are made when first used.
type histogram struct {
	low     [64]uint64
	octaves [57]*[64]uint64
}

func (h *histogram) add(v int64) {
	if v < 64 {
		h.low[v]++
		return
	}
	o := bits.Len64(uint64(v)) - 7
	p := h.octaves[o]
	if p == nil {
		p = new([64]uint64)
		h.octaves[o] = p
	}
	p[v>>o&63]++
}

func (h *histogram) rank(i uint64) int64 {
	for v, n := range h.low {
		if i <= n {
			return int64(v)
		}
		i -= n
	}
	for o, p := range h.octaves {
		if p == nil {
			continue
		}
		for part, n := range p {
			if i <= n {
				return int64(64+part)<<o + int64(1)<<o/2
			}
			i -= n
		}
	}
	return 0
}
