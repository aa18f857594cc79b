package analyzers

import (
	"math/bits"

	"github.com/wiretale/wiretale/events"
)

// sharded runs every question on n goroutines, each owning the keys that hash
// to it. It gives the rows of serial.
type sharded struct {
	desk
	table [256][]int // by kind: the questions
	// parts[chunk][shard]: who gets which event. A batch is cut into chunks,
	// hashed by one goroutine each; then every shard walks its own lists in the
	// order of the chunks, which is the order of Pos.
	parts [][][]visit
}

// visit is one event for one question.
type visit struct {
	event    uint32
	question uint32
}

// NewSharded is an engine for n goroutines. They live only while Step runs.
func NewSharded(qs []Question, o Options, n int) Engine {
	n = max(n, 1)
	s := &sharded{}
	s.init(qs, o, n)
	for i, r := range s.shards[0] {
		for _, k := range r.Kinds() {
			s.table[k] = append(s.table[k], i)
		}
	}
	s.parts = make([][][]visit, n)
	for i := range s.parts {
		s.parts[i] = make([][]visit, n)
	}
	return s
}

func (s *sharded) Step(evs []*events.Event, frame uint64, out func([]Row)) {
	n := len(s.shards)
	each := atOnce
	if len(evs) < small {
		each = inTurn
	}
	each(n, func(c int) { s.spread(c, evs, len(evs)*c/n, len(evs)*(c+1)/n) })
	each(n, func(shard int) {
		rs := s.shards[shard]
		for c := range n {
			for _, v := range s.parts[c][shard] {
				rs[v.question].step(evs[v.event])
			}
		}
	})
	s.flush(frame, out)
}

// spread sorts events from..to by the shard of their keys.
func (s *sharded) spread(chunk int, evs []*events.Event, from, to int) {
	parts := s.parts[chunk]
	for i := range parts {
		parts[i] = parts[i][:0]
	}
	// Any runner of a question hashes as the others do; this goroutine uses
	// those of its own number.
	rs := s.shards[chunk]
	for i := from; i < to; i++ {
		for _, q := range s.table[evs[i].Body.Kind()] {
			h, ok := rs[q].Hash(evs[i])
			if !ok {
				continue
			}
			// Questions with one key each should not all meet in one shard.
			h += uint64(q) * 0x9e3779b97f4a7c15
			shard, _ := bits.Mul64(h, uint64(len(parts)))
			parts[shard] = append(parts[shard], visit{uint32(i), uint32(q)})
		}
	}
}

func inTurn(n int, do func(int)) {
	for i := range n {
		do(i)
	}
}
