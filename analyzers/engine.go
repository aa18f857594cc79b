package analyzers

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// Engine runs questions over the events of one capture. Its calls come from
// one goroutine.
type Engine interface {
	// Want are the kinds of events that some question looks at.
	Want() events.KindSet
	// Step takes the events of some packets, in Pos order; frame is that of the
	// last packet. Rows come in (frame, analysis, key) order over the whole
	// capture; those of the last frame are held until the next call, for more
	// may follow. The slice given to out is borrowed until it returns.
	Step(evs []*events.Event, frame uint64, out func([]Row))
	// Tick closes the keys that have been silent too long at the time of packet
	// frame, whose events come next or came last. Rows depend on where it is
	// called, and not on how events are spread over calls of Step.
	Tick(frame uint64, now events.Time)
	// Close closes every key and gives the rest of the rows.
	Close(frame uint64, now events.Time, out func([]Row))
}

// LimitReached is the value of a row of analysis "limit": the question named
// by the row's key held more keys than fold-keys allows, and those silent for
// longest were answered early. It comes once a question, at the end.
type LimitReached struct {
	Limit      string `json:"limit"`       // its name in --limits
	Value      int    `json:"value"`       // the limit in force
	Count      uint64 `json:"count"`       // keys that were answered early
	FirstFrame uint64 `json:"first_frame"` // where it was first reached
	Reason     string `json:"reason"`
}

// rank tells apart rows of equal frame, analysis and key, so that their order
// does not depend on how keys are spread over runners.
type rank struct {
	batch uint64
	after bool       // made at the end of the batch
	at    events.Pos // the event; after: the last event of the key
	seq   uint32     // among the rows of that
}

type ranked struct {
	row Row
	rank
}

func compareRanked(a, b *ranked) int {
	if c := cmp.Compare(a.row.Frame, b.row.Frame); c != 0 {
		return c
	}
	if c := strings.Compare(a.row.Analysis, b.row.Analysis); c != 0 {
		return c
	}
	if c := strings.Compare(a.row.Key, b.row.Key); c != 0 {
		return c
	}
	if c := cmp.Compare(a.batch, b.batch); c != 0 {
		return c
	}
	if a.after != b.after {
		if b.after {
			return -1
		}
		return 1
	}
	if a.at != b.at {
		return comparePos(a.at, b.at)
	}
	return cmp.Compare(a.seq, b.seq)
}

func comparePos(a, b events.Pos) int {
	if c := cmp.Compare(a.Frame, b.Frame); c != 0 {
		return c
	}
	return cmp.Compare(a.Sub, b.Sub)
}

// desk is what serial and sharded engines share: what happens when no runner is
// at work.
type desk struct {
	names   []string
	shards  [][]Runner // [shard][question]
	want    events.KindSet
	limit   int
	reached []LimitReached
	batch   uint64
	held    []ranked
	sorted  []ranked // where held is put in order; then they change places
	order   []int32
	runs    []int // where the rows of each runner begin in held
	rows    []Row
	lasts   []events.Pos
}

func (d *desk) init(qs []Question, o Options, n int) {
	if o.Limits == nil {
		l := events.DefaultLimits()
		o.Limits = &l
	}
	d.limit = max(o.Limits.FoldKeys, 1)
	d.reached = make([]LimitReached, len(qs))
	d.shards = make([][]Runner, n)
	for s := range d.shards {
		d.shards[s] = make([]Runner, len(qs))
		for i, q := range qs {
			d.shards[s][i] = q.New(o)
		}
	}
	for i, q := range qs {
		d.names = append(d.names, q.Name)
		d.want = d.want.Or(events.SetOf(d.shards[0][i].Kinds()...))
	}
}

// Want is that of Engine.
func (d *desk) Want() events.KindSet { return d.want }

// Tick is that of Engine.
func (d *desk) Tick(frame uint64, now events.Time) {
	for _, s := range d.shards {
		for _, r := range s {
			r.expire(d.batch, frame, now)
		}
	}
	for q := range d.names {
		d.evict(q, frame, now)
	}
	d.batch++
}

// evict brings one question below its limit, over all shards at once, so that
// the same keys go for any number of shards. It takes a sixteenth more than it
// must, so that it need not come back for each key.
func (d *desk) evict(q int, frame uint64, now events.Time) {
	total := 0
	for _, s := range d.shards {
		total += s[q].Len()
	}
	if total <= d.limit {
		return
	}
	d.lasts = d.lasts[:0]
	for _, s := range d.shards {
		d.lasts = s[q].lasts(d.lasts)
	}
	slices.SortFunc(d.lasts, comparePos)
	gone := total - (d.limit - d.limit/16)
	cut := d.lasts[gone-1]
	for _, s := range d.shards {
		s[q].evict(cut, d.batch, frame, now)
	}
	r := &d.reached[q]
	if r.Count == 0 {
		*r = LimitReached{Limit: "fold-keys", Value: d.limit, FirstFrame: frame, Reason: "the keys silent for longest were answered early"}
	}
	r.Count += uint64(gone)
}

// flush gives out, in order, the rows before frame.
func (d *desk) flush(frame uint64, out func([]Row)) {
	d.runs = append(d.runs[:0], 0)
	sorted := sortRun(d.held)
	for _, s := range d.shards {
		for _, r := range s {
			from := len(d.held)
			if d.held = r.take(d.held); len(d.held) == from {
				continue
			}
			sorted = sortRun(d.held[from:]) && sorted
			if from > 0 {
				d.runs = append(d.runs, from)
			}
		}
	}
	switch {
	case !sorted:
		d.sort()
	case len(d.runs) > 1:
		d.merge()
	}
	n := 0
	for n < len(d.held) && d.held[n].row.Frame < frame {
		d.rows = append(d.rows, d.held[n].row)
		n++
	}
	rest := copy(d.held, d.held[n:])
	clear(d.held[rest:])
	d.held = d.held[:rest]
	if n > 0 {
		out(d.rows)
	}
	clear(d.rows)
	d.rows = d.rows[:0]
}

// fewRows is up to how many rows of one frame sortRun sorts.
const fewRows = 16

// sortRun puts the rows of one runner in order. They come by frame as they
// are, so that only those of one frame need it; false: it is not as simple as
// that.
func sortRun(rs []ranked) bool {
	first := 0 // of the frame
	for i := 1; i < len(rs); i++ {
		switch before, f := rs[i-1].row.Frame, rs[i].row.Frame; {
		case f > before:
			first = i
			continue
		case f < before || i-first >= fewRows:
			return false
		}
		for j := i; j > first && compareRanked(&rs[j-1], &rs[j]) > 0; j-- {
			rs[j-1], rs[j] = rs[j], rs[j-1]
		}
	}
	return true
}

// sort puts held in order: it moves numbers about, not rows.
func (d *desk) sort() {
	d.order = d.order[:0]
	for i := range d.held {
		d.order = append(d.order, int32(i))
	}
	slices.SortFunc(d.order, func(a, b int32) int { return compareRanked(&d.held[a], &d.held[b]) })
	for _, i := range d.order {
		d.sorted = append(d.sorted, d.held[i])
	}
	clear(d.held)
	d.held, d.sorted = d.sorted, d.held[:0]
}

// merge puts held in order, whose runs are.
func (d *desk) merge() {
	ends := append(d.order[:0], make([]int32, len(d.runs))...)
	d.order = ends
	for i := range ends {
		ends[i] = int32(len(d.held))
		if i+1 < len(d.runs) {
			ends[i] = int32(d.runs[i+1])
		}
	}
	for len(d.sorted) < len(d.held) {
		least := -1
		for i, at := range d.runs {
			if at < int(ends[i]) && (least < 0 || compareRanked(&d.held[at], &d.held[d.runs[least]]) < 0) {
				least = i
			}
		}
		d.sorted = append(d.sorted, d.held[d.runs[least]])
		d.runs[least]++
	}
	clear(d.held)
	d.held, d.sorted = d.sorted, d.held[:0]
}

// Close is that of Engine.
func (d *desk) Close(frame uint64, now events.Time, out func([]Row)) {
	for _, s := range d.shards {
		for _, r := range s {
			r.closeAll(d.batch, frame, now)
		}
	}
	for q, r := range d.reached {
		if r.Count > 0 {
			d.held = append(d.held, ranked{row: Row{"limit", d.names[q], frame, now, r}})
		}
	}
	d.flush(^uint64(0), out)
}
