package httpconnections

// spares is memory to be used again.
type spares[T any] struct {
	free  []T
	make  func() T
	reset func(T) T
}

// keptSpares is how many are kept.
const keptSpares = 1024

func (s *spares[T]) take() T {
	n := len(s.free)
	if n == 0 {
		return s.make()
	}
	v := s.free[n-1]
	s.free = s.free[:n-1]
	return v
}

func (s *spares[T]) give(v T) {
	if len(s.free) < keptSpares {
		s.free = append(s.free, s.reset(v))
	}
}
