package analyzers

import (
	"hash/maphash"
	"time"

	"github.com/wiretale/wiretale/events"
)

// Runner is a Fold with its keys, ready for an engine. It is not safe for use
// by several goroutines; engines that shard give each its own.
type Runner interface {
	Kinds() []events.Kind
	// Hash is the shard of e's key; false: e belongs to no key.
	Hash(e *events.Event) (uint64, bool)
	Step(e *events.Event, emit func(Row))
	// Expire closes the keys that have been silent for Idle at time now.
	Expire(frame uint64, now events.Time, emit func(Row))
	// Close closes every key.
	Close(frame uint64, now events.Time, emit func(Row))
}

// node is one key and its state, in a list by last use.
type node[K comparable, S any] struct {
	prev, next *node[K, S]
	key        K
	last       events.Time
	state      S
}

type runner[K comparable, S any] struct {
	name  string
	fold  Fold[K, S]
	over  Ender // nil: its keys end by idleness only
	limit int
	idle  events.Duration
	seed  maphash.Seed

	keys map[K]*node[K, S]
	root node[K, S] // list head: root.next is the least recently used
	free *node[K, S]

	lastKey  K // the key of the last event: most come in runs
	lastNode *node[K, S]

	emit  Emit
	out   func(Row)
	frame uint64
	now   events.Time
}

// Runs wraps a fold for the engines. name is that of its Question.
func Runs[K comparable, S any](name string, o Options, f Fold[K, S]) Runner {
	r := &runner[K, S]{name: name, fold: f, limit: o.Limits.FoldKeys, idle: events.Duration(f.Idle()), keys: map[K]*node[K, S]{}, seed: seed}
	r.over, _ = f.(Ender)
	r.root.prev, r.root.next = &r.root, &r.root
	r.emit = func(key string, v any) { r.out(Row{r.name, key, r.frame, r.now, v}) }
	return r
}

// seed is one a process: the shards of one engine must agree.
var seed = maphash.MakeSeed()

func (r *runner[K, S]) Kinds() []events.Kind { return r.fold.Kinds() }

func (r *runner[K, S]) Hash(e *events.Event) (uint64, bool) {
	k, ok := r.fold.Key(e)
	if !ok {
		return 0, false
	}
	return maphash.Comparable(r.seed, k), true
}

func (r *runner[K, S]) Step(e *events.Event, out func(Row)) {
	k, ok := r.fold.Key(e)
	if !ok {
		return
	}
	r.out, r.frame, r.now = out, e.Pos.Frame, e.Time
	n := r.lastNode
	if n == nil || r.lastKey != k {
		n = r.keys[k]
		if n == nil {
			if len(r.keys) >= r.limit {
				r.close(r.root.next)
				r.frame, r.now = e.Pos.Frame, e.Time
			}
			if n = r.free; n != nil {
				r.free = n.next
			} else {
				n = &node[K, S]{}
			}
			n.key = k
			r.keys[k] = n
		} else {
			n.prev.next, n.next.prev = n.next, n.prev
		}
		n.prev, n.next = r.root.prev, &r.root
		r.root.prev.next, r.root.prev = n, n
		r.lastKey, r.lastNode = k, n
	}
	n.last = e.Time
	r.fold.Step(k, &n.state, e, r.emit)
	if r.over != nil && r.over.Over(e) {
		r.close(n)
	}
}

func (r *runner[K, S]) close(n *node[K, S]) {
	r.fold.Close(n.key, &n.state, r.emit)
	n.prev.next, n.next.prev = n.next, n.prev
	delete(r.keys, n.key)
	if r.lastNode == n {
		r.lastNode = nil
	}
	*n = node[K, S]{next: r.free}
	r.free = n
}

func (r *runner[K, S]) Expire(frame uint64, now events.Time, out func(Row)) {
	if r.idle == 0 {
		return
	}
	r.out, r.frame, r.now = out, frame, now
	for n := r.root.next; n != &r.root && now.Sub(n.last) > r.idle; n = r.root.next {
		r.close(n)
	}
}

func (r *runner[K, S]) Close(frame uint64, now events.Time, out func(Row)) {
	r.out, r.frame, r.now = out, frame, now
	for n := r.root.next; n != &r.root; n = r.root.next {
		r.close(n)
	}
}

// Never is the Idle of a fold whose keys live as long as the capture.
const Never time.Duration = 0
