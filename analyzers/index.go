package analyzers

import "github.com/wiretale/wiretale/events"

// index finds the node of a key. Most questions have the flow as key, whose
// number counts from 0: those are looked up in pages, at one cache miss in
// place of three. Pages come and go with the flows that are alive.
type index[K comparable] struct {
	pages [256][]*page // by IP protocol
	rest  map[K]uint32
	len   int
	spare *page // an empty one: short flows come and go one at a time
}

const pageBits = 8

// page holds the nodes of neighbouring streams, 0 being none and i+1 node i.
type page struct {
	nodes [1 << pageBits]uint32
	used  int
}

// farStream is from where on a stream number is not taken for a count.
const farStream = 1 << 28

func (x *index[K]) get(k *K) (uint32, bool) {
	if s, ok := any(k).(*events.StreamKey); ok && s.Stream < farStream {
		return x.paged(s)
	}
	n, ok := x.rest[*k]
	return n, ok
}

func (x *index[K]) paged(s *events.StreamKey) (uint32, bool) {
	ps := x.pages[s.Proto]
	i := s.Stream >> pageBits
	if i >= uint32(len(ps)) || ps[i] == nil {
		return 0, false
	}
	n := ps[i].nodes[s.Stream&(1<<pageBits-1)]
	return n - 1, n != 0
}

// quick is get for what is in pages.
func (x *index[K]) quick(k *K) (uint32, bool) {
	if s, ok := any(k).(*events.StreamKey); ok && s.Stream < farStream {
		return x.paged(s)
	}
	return 0, false
}

// put enters a key that is not there.
func (x *index[K]) put(k *K, node uint32) {
	x.len++
	s, ok := any(k).(*events.StreamKey)
	if !ok || s.Stream >= farStream {
		if x.rest == nil {
			x.rest = map[K]uint32{}
		}
		x.rest[*k] = node
		return
	}
	ps := x.pages[s.Proto]
	i := s.Stream >> pageBits
	for i >= uint32(len(ps)) {
		ps = append(ps, nil)
	}
	x.pages[s.Proto] = ps
	if ps[i] == nil {
		if ps[i] = x.spare; ps[i] == nil {
			ps[i] = &page{}
		}
		x.spare = nil
	}
	ps[i].nodes[s.Stream&(1<<pageBits-1)] = node + 1
	ps[i].used++
}

// drop takes out a key that is there.
func (x *index[K]) drop(k *K) {
	x.len--
	s, ok := any(k).(*events.StreamKey)
	if !ok || s.Stream >= farStream {
		delete(x.rest, *k)
		return
	}
	i := s.Stream >> pageBits
	p := x.pages[s.Proto][i]
	p.nodes[s.Stream&(1<<pageBits-1)] = 0
	if p.used--; p.used == 0 {
		x.pages[s.Proto][i], x.spare = nil, p
	}
}
