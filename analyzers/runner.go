package analyzers

import (
	"hash/maphash"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Runner is a Fold with its keys, ready for an engine; Runs makes it. It is
// not safe for use by several goroutines; engines that shard give each its
// own.
type Runner interface {
	Kinds() []events.Kind
	// Hash is the shard of e's key; false: e belongs to no key. It is the
	// same for all runners of one process.
	Hash(e *events.Event) (uint64, bool)
	Step(e *events.Event, emit func(Row))
	// Expire closes the keys that have been silent for Idle at time now. The
	// clock of a runner never goes back: a now before an earlier one is that
	// earlier one.
	Expire(frame uint64, now events.Time, emit func(Row))
	// Close closes every key.
	Close(frame uint64, now events.Time, emit func(Row))
	// Len is the number of keys held.
	Len() int

	// What engines use: rows stay in the runner until given.
	step(e *events.Event)
	steps(evs []*events.Event)
	expire(batch uint64, frame uint64, now events.Time)
	closeAll(batch uint64, frame uint64, now events.Time)
	// dropped tells the fold, if it wants to know (Dropper).
	dropped(from, to events.Time)
	// reuser is the fold, if it uses rows again, or nil.
	reuser() Reuser
	// lasts appends the position of the last event of each key.
	lasts(to []events.Pos) []events.Pos
	// evict closes the keys whose last event is not after cut.
	evict(cut events.Pos, batch uint64, frame uint64, now events.Time)
	// made are the rows made since given; they are borrowed until that.
	made() []ranked
	given()
}

// node is one key and its state.
type node[K comparable, S any] struct {
	key   K
	last  events.Time // the latest capture time of its events
	pos   events.Pos  // its last event
	index uint32
	gen   uint32 // counts the keys that this node has served
	used  bool
	state S
}

// Nodes live in chunks that never move, so that a pointer to one stays good,
// and the index from key to node has nothing for the garbage collector to
// follow where keys are free of pointers.
const chunkBits = 6

type chunk[K comparable, S any] [1 << chunkBits]node[K, S]

type runner[K comparable, S any] struct {
	fold Fold[K, S]
	over Ender        // nil: keys end by silence, by limit, or at the end
	rest Rester[K, S] // nil: nothing happens before they end

	lastKey  K           // the key of the last event: most come in runs
	lastNode *node[K, S] // nil: none
	touched  uint32      // means nothing: see touch

	// The stamp of what is emitted now.
	frame uint64
	now   events.Time
	rank  rank

	emit   Emit
	rows   []ranked
	name   string
	idle   events.Duration
	look   events.Duration // how long a key is silent when something happens first
	keys   index[K]
	chunks []*chunk[K, S]
	nodes  uint32 // ever made
	free   []uint32
	wheel  wheel
}

// Runs wraps a fold for the engines. name is that of its Question.
func Runs[K comparable, S any](name string, _ Options, f Fold[K, S]) Runner {
	r := &runner[K, S]{name: name, fold: f, idle: events.Duration(f.Idle())}
	r.over, _ = f.(Ender)
	r.look = r.idle
	if rest, ok := f.(Rester[K, S]); ok {
		r.rest, r.look = rest, events.Duration(rest.Rest())
	}
	r.wheel.init(r.idle)
	r.emit = func(key string, v any) {
		r.rank.seq++
		r.rows = append(r.rows, ranked{Row{r.name, key, r.frame, r.now, v}, r.rank})
	}
	return r
}

// seed is one a process: the shards of one engine must agree. Rows do not
// depend on it.
var seed = maphash.MakeSeed()

func (r *runner[K, S]) dropped(from, to events.Time) {
	if d, ok := r.fold.(Dropper); ok {
		d.Dropped(from, to)
	}
}

func (r *runner[K, S]) reuser() Reuser {
	f, _ := r.fold.(Reuser)
	return f
}

func (r *runner[K, S]) Kinds() []events.Kind { return r.fold.Kinds() }

func (r *runner[K, S]) Len() int { return r.keys.len }

func (r *runner[K, S]) Hash(e *events.Event) (uint64, bool) {
	k, ok := r.fold.Key(e)
	if !ok {
		return 0, false
	}
	return maphash.Comparable(seed, k), true
}

func (r *runner[K, S]) step(e *events.Event) {
	if k, ok := r.fold.Key(e); ok {
		r.stepOn(k, e)
	}
}

// together is how many events steps looks ahead over.
const together = 16

// steps is step for each of evs. The nodes of the next few are touched first,
// all at once: most are in no cache, and to wait for many takes no longer than
// to wait for one.
func (r *runner[K, S]) steps(evs []*events.Event) {
	var keys [together]K
	var of [together]*events.Event
	for len(evs) > 0 {
		n := 0
		for _, e := range evs[:min(together, len(evs))] {
			if k, ok := r.fold.Key(e); ok {
				keys[n], of[n] = k, e
				n++
			}
		}
		evs = evs[min(together, len(evs)):]
		for i := range n {
			r.touch(&keys[i])
		}
		for i := range n {
			r.stepOn(keys[i], of[i])
		}
	}
}

// touch brings the node of k into the cache, where it is found quickly.
func (r *runner[K, S]) touch(k *K) {
	if i, ok := r.keys.quick(k); ok {
		r.touched += r.node(i).gen
	}
}

func (r *runner[K, S]) stepOn(k K, e *events.Event) {
	n := r.lastNode
	if n == nil || r.lastKey != k {
		n = r.find(k, e.Time)
	}
	if e.Time > n.last {
		n.last = e.Time
	}
	n.pos = e.Pos
	r.frame, r.now = e.Pos.Frame, e.Time
	r.rank.after, r.rank.at = false, e.Pos
	r.fold.Step(k, &n.state, e, r.emit)
	if r.over != nil && r.over.Over(e) {
		r.close(n)
	}
}

func (r *runner[K, S]) node(i uint32) *node[K, S] {
	return &r.chunks[i>>chunkBits][i&(1<<chunkBits-1)]
}

// find gives the node of k, a new one where there is none.
func (r *runner[K, S]) find(k K, t events.Time) *node[K, S] {
	i, ok := r.keys.get(&k)
	var n *node[K, S]
	if ok {
		n = r.node(i)
	} else {
		n = r.make(k, t)
	}
	r.lastKey, r.lastNode = k, n
	return n
}

func (r *runner[K, S]) make(k K, t events.Time) *node[K, S] {
	var i uint32
	if f := len(r.free); f > 0 {
		i = r.free[f-1]
		r.free = r.free[:f-1]
	} else {
		i = r.nodes
		r.nodes++
		if i>>chunkBits == uint32(len(r.chunks)) {
			r.chunks = append(r.chunks, new(chunk[K, S]))
		}
	}
	n := r.node(i)
	n.key, n.last, n.index, n.used = k, t, i, true
	n.gen++
	r.keys.put(&k, i)
	if r.idle > 0 {
		if r.wheel.len > 2*r.keys.len+1024 {
			r.rewind()
		} else {
			r.wheel.add(due{t.Add(r.look), i, n.gen})
		}
	}
	return n
}

// rewind makes the wheel anew when most of its entries are of keys long gone.
func (r *runner[K, S]) rewind() {
	r.wheel.clear()
	r.each(func(n *node[K, S]) { r.wheel.add(due{n.last.Add(r.look), n.index, n.gen}) })
}

// each calls do for every key in use; do may close it.
func (r *runner[K, S]) each(do func(*node[K, S])) {
	for i := range r.nodes {
		if n := r.node(i); n.used {
			do(n)
		}
	}
}

func (r *runner[K, S]) close(n *node[K, S]) {
	r.fold.Close(n.key, &n.state, r.emit)
	r.keys.drop(&n.key)
	if r.lastNode == n {
		r.lastNode = nil
	}
	r.free = append(r.free, n.index)
	*n = node[K, S]{gen: n.gen}
}

// closeLater is close at the end of a batch: rows are ranked by the last
// event of the key, whatever the order in which keys are found.
func (r *runner[K, S]) closeLater(n *node[K, S]) {
	r.rank.at = n.pos
	r.close(n)
}

func (r *runner[K, S]) stamp(batch, frame uint64, now events.Time) {
	r.frame, r.now = frame, now
	r.rank.batch, r.rank.after = batch, true
}

func (r *runner[K, S]) expire(batch, frame uint64, now events.Time) {
	if r.idle > 0 {
		r.stamp(batch, frame, now)
		r.wheel.turn(now, func(d due) (events.Time, bool) {
			n := r.node(d.index)
			if !n.used || n.gen != d.gen {
				return 0, false
			}
			if at := n.last.Add(r.look); at >= r.wheel.now {
				return at, true
			}
			end := n.last.Add(r.idle)
			if end < r.wheel.now {
				r.closeLater(n)
				return 0, false
			}
			r.rank.at = n.pos
			r.rest.Rested(n.key, &n.state, r.wheel.now, r.emit)
			return min(end, r.wheel.now.Add(r.look)), true
		})
	}
	r.rank.batch = batch + 1
}

func (r *runner[K, S]) closeAll(batch, frame uint64, now events.Time) {
	r.stamp(batch, frame, now)
	r.each(r.closeLater)
	r.wheel.clear()
	r.chunks, r.nodes, r.free = nil, 0, nil
	r.lastNode = nil
}

func (r *runner[K, S]) lasts(to []events.Pos) []events.Pos {
	r.each(func(n *node[K, S]) { to = append(to, n.pos) })
	return to
}

func (r *runner[K, S]) evict(cut events.Pos, batch, frame uint64, now events.Time) {
	r.stamp(batch, frame, now)
	r.each(func(n *node[K, S]) {
		if !cut.Less(n.pos) {
			r.closeLater(n)
		}
	})
	r.rank.batch = batch + 1
}

func (r *runner[K, S]) made() []ranked { return r.rows }

func (r *runner[K, S]) given() {
	clear(r.rows)
	r.rows = r.rows[:0]
	r.rank.seq = 0
}

// give hands out the rows made since the last time, as they came.
func (r *runner[K, S]) give(emit func(Row)) {
	for i := range r.rows {
		emit(r.rows[i].row)
	}
	clear(r.rows)
	r.rows = r.rows[:0]
}

func (r *runner[K, S]) Step(e *events.Event, emit func(Row)) {
	r.step(e)
	r.give(emit)
}

func (r *runner[K, S]) Expire(frame uint64, now events.Time, emit func(Row)) {
	r.expire(0, frame, now)
	r.give(emit)
}

func (r *runner[K, S]) Close(frame uint64, now events.Time, emit func(Row)) {
	r.closeAll(0, frame, now)
	r.give(emit)
}

// Never is the Idle of a fold whose keys live as long as the capture.
const Never time.Duration = 0
