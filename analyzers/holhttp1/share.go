package holhttp1

import (
	"cmp"
	"slices"

	"github.com/wiretale/wiretale/events"
)

// job is a response to a line that is shared: its bytes are there to be sent
// from ready on.
type job struct {
	ready events.Time
	bytes int64
	done  events.Time
}

// share lets all jobs that are ready share a line of rate bytes a second
// evenly, as streams of HTTP/2 do that take turns, and sets when each is done.
//
// Think of a counter that says how many bytes each job on the line got so far:
// a job that comes at counter v is done at v + bytes, whoever else comes or
// goes, so only the next one of all must be known at a time.
func share(jobs []job, rate float64) {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(jobs[a].ready, jobs[b].ready) })
	type goal struct {
		at  float64 // of the counter
		job int
	}
	var on []goal // the line, the last one to be done first
	var counter float64
	var now events.Time
	next := 0
	for next < len(order) || len(on) > 0 {
		if len(on) == 0 {
			now = max(now, jobs[order[next]].ready)
		} else {
			// Seconds until the first one on the line is done.
			g := on[len(on)-1]
			left := events.Duration(float64((g.at-counter)*float64(len(on))) / rate * 1e9)
			if done := now.Add(left); next == len(order) || done <= jobs[order[next]].ready {
				now, counter = done, g.at
				jobs[g.job].done = done
				on = on[:len(on)-1]
				continue
			}
			come := jobs[order[next]].ready
			counter += float64(float64(come.Sub(now))/1e9*rate) / float64(len(on))
			now = come
		}
		g := goal{counter + float64(jobs[order[next]].bytes), order[next]}
		i, _ := slices.BinarySearchFunc(on, g, func(a, b goal) int { return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.job, a.job)) })
		on = slices.Insert(on, i, g)
		next++
	}
}
