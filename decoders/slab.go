package decoders

// Batch says when memory of pooled bodies may be used again: what was emitted
// in a slot is not looked at any more when that slot comes with another
// number. There are a few slots, numbered from 0.
type Batch struct {
	Slot   int
	Number uint64
}

// Slab hands out the memory of pooled bodies, which are borrowed until their
// batch is done. What is in it is what was left there. The zero value is empty.
type Slab[T any] struct {
	chunks []*[slabChunk]T
	n      int
}

const slabChunk = 256

// Get is one T.
func (s *Slab[T]) Get() *T {
	c := s.n / slabChunk
	if c == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabChunk]T))
	}
	p := &s.chunks[c][s.n%slabChunk]
	s.n++
	return p
}

// Run is n of T, at most 256, one behind the other.
func (s *Slab[T]) Run(n int) []T {
	if room := slabChunk - s.n%slabChunk; n > room {
		s.n += room
	}
	c, at := s.n/slabChunk, s.n%slabChunk
	if c == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabChunk]T))
	}
	s.n += n
	return s.chunks[c][at : at+n : at+n]
}

// Len is how many were handed out since Reset, and left out by Run.
func (s *Slab[T]) Len() int { return s.n }

// Reset takes all of it back.
func (s *Slab[T]) Reset() { s.n = 0 }
