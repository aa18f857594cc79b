package holhttp2

import "github.com/wiretale/wiretale/events"

// runs says which stream the line was used for, lately.
type runs struct {
	list   []run
	busy   events.Duration // of all runs, also of those forgotten
	forgot events.Time     // the end of the last run forgotten
}

// run is a time in which frames of one stream only were sent.
type run struct {
	span
	stream uint64
}

// keptRuns bounds the list.
const keptRuns = 256

// add takes the time of one frame. Times do not overlap: what lies before the
// end of the last run is not counted again.
func (r *runs) add(from, to events.Time, stream uint64) {
	n := len(r.list)
	if n > 0 {
		from = max(from, r.list[n-1].to)
	}
	if from >= to {
		return
	}
	r.busy += to.Sub(from)
	if n > 0 && r.list[n-1].stream == stream && r.list[n-1].to == from {
		r.list[n-1].to = to
		return
	}
	if n == keptRuns {
		r.forgot = r.list[keptRuns/2-1].to
		r.list = r.list[:copy(r.list, r.list[keptRuns/2:])]
	}
	r.list = append(r.list, run{span{from, to}, stream})
}

// each calls do with the parts of runs within a time, the latest first.
func (r *runs) each(from, to events.Time, do func(stream uint64, d events.Duration)) {
	for i := len(r.list) - 1; i >= 0 && r.list[i].to > from; i-- {
		if a, b := max(r.list[i].from, from), min(r.list[i].to, to); a < b {
			do(r.list[i].stream, b.Sub(a))
		}
	}
}

// since is how long the line was used from when busy had that value until to.
func (r *runs) since(busy events.Duration, to events.Time) events.Duration {
	d := r.busy - busy
	r.each(to, 1<<63-1, func(_ uint64, after events.Duration) { d -= after })
	return max(d, 0)
}
