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
	// Dropped says that the capture lost packets between the times from and to,
	// before the events that come next.
	Dropped(from, to events.Time)
	// Reuse takes rows that nobody looks at any more, with their values. Who
	// keeps values does not call it.
	Reuse(rows []Row)
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
	held    []ranked // of the last frame: more may follow
	sorted  []ranked // where rows are put in order
	order   []int32
	runs    [][]ranked // of each runner that has some, and what was held
	rows    []Row
	reusers map[string]Reuser // by question
	lasts   []events.Pos
}

func (d *desk) init(qs []Question, o Options, n int) {
	if o.Limits == nil {
		l := events.DefaultLimits()
		o.Limits = &l
	}
	d.limit = max(o.Limits.FoldKeys, 1)
	d.reusers = map[string]Reuser{}
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
		if r := d.shards[0][i].reuser(); r != nil {
			d.reusers[q.Name] = r
		}
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

// Dropped is that of Engine.
func (d *desk) Dropped(from, to events.Time) {
	for _, s := range d.shards {
		for _, r := range s {
			r.dropped(from, to)
		}
	}
}

// Reuse is that of Engine. What one shard made serves another as well.
func (d *desk) Reuse(rows []Row) {
	for i := range rows {
		if r := d.reusers[rows[i].Analysis]; r != nil {
			r.Reuse(rows[i].Value)
		}
	}
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
	d.run(d.held)
	for _, s := range d.shards {
		for _, r := range s {
			d.run(r.made())
		}
	}
	if len(d.runs) == 0 {
		return
	}
	d.merge(frame)
	clear(d.held)
	d.held, d.sorted = d.sorted, d.held[:0]
	for _, s := range d.shards {
		for _, r := range s {
			r.given()
		}
	}
	if len(d.rows) > 0 {
		out(d.rows)
	}
	clear(d.rows)
	d.rows = d.rows[:0]
}

// run adds rows of one runner to what merge merges.
func (d *desk) run(rs []ranked) {
	if len(rs) > 0 {
		d.sortRun(rs)
		d.runs = append(d.runs, rs)
	}
}

// fewRows is up to how many rows are sorted by insertion.
const fewRows = 16

// sortRun puts the rows of one runner in order. They come by frame as they
// are, so that only those of one frame need it.
func (d *desk) sortRun(rs []ranked) {
	for first := 0; first < len(rs); {
		f, end := rs[first].row.Frame, first+1
		for end < len(rs) && rs[end].row.Frame == f {
			end++
		}
		if end < len(rs) && rs[end].row.Frame < f {
			d.sort(rs) // it is not as simple as that
			return
		}
		d.sort(rs[first:end])
		first = end
	}
}

// sort puts rows in order. Of many it moves numbers about, not rows.
func (d *desk) sort(rs []ranked) {
	if len(rs) <= fewRows {
		for i := range rs {
			for j := i; j > 0 && compareRanked(&rs[j-1], &rs[j]) > 0; j-- {
				rs[j-1], rs[j] = rs[j], rs[j-1]
			}
		}
		return
	}
	d.order = d.order[:0]
	for i := range rs {
		d.order = append(d.order, int32(i))
	}
	slices.SortFunc(d.order, func(a, b int32) int { return compareRanked(&rs[a], &rs[b]) })
	for _, i := range d.order {
		d.sorted = append(d.sorted, rs[i])
	}
	copy(rs, d.sorted)
	clear(d.sorted)
	d.sorted = d.sorted[:0]
}

// merge takes all of runs: the rows before frame into rows, the others into
// sorted, in order.
func (d *desk) merge(frame uint64) {
	for len(d.runs) > 0 {
		// The run with the least row, and the least of the others: what comes
		// before that is taken at once.
		least, second := 0, -1
		for i := 1; i < len(d.runs); i++ {
			switch {
			case compareRanked(&d.runs[i][0], &d.runs[least][0]) < 0:
				least, second = i, least
			case second < 0 || compareRanked(&d.runs[i][0], &d.runs[second][0]) < 0:
				second = i
			}
		}
		rs, n := d.runs[least], 0
		for {
			if rs[n].row.Frame < frame {
				d.rows = append(d.rows, rs[n].row)
			} else {
				d.sorted = append(d.sorted, rs[n])
			}
			if n++; n == len(rs) || second >= 0 && compareRanked(&rs[n], &d.runs[second][0]) > 0 {
				break
			}
		}
		if d.runs[least] = rs[n:]; n == len(rs) {
			d.runs = slices.Delete(d.runs, least, least+1)
		}
	}
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
