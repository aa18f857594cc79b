package dash

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// resumeWith is how many segments must be in the buffer before the picture
// moves again after a stall.
const resumeWith = 2

// picture is what a viewer sees.
type picture uint8

const (
	waiting picture = iota // for the first one
	moving
	standing
)

// playout is a player's buffer by the model of docs/analyses/dash.md.
type playout struct {
	enough  events.Duration // to begin
	picture picture
	at      events.Time // up to which played is right
	played  events.Duration
	filled  map[string]events.Duration // of each set
	sets    []string
	over    bool // all of the film is there

	began  events.Time
	stalls []stall
	points []point
}

type stall struct {
	begin, end events.Time
	behind     *download
	ended      *download
}

type point struct {
	at     events.Time
	buffer events.Duration
}

// buffer is how much film there is of all sets, and not played yet.
func (p *playout) buffer() events.Duration {
	b := p.filled[p.sets[0]]
	for _, s := range p.sets[1:] {
		b = min(b, p.filled[s])
	}
	return b - p.played
}

// advance lets time go by until d arrives.
func (p *playout) advance(now events.Time, d *download) {
	if p.picture == moving {
		b := p.buffer()
		if dry := p.at.Add(b); dry < now && !p.over {
			p.picture = standing
			p.stalls = append(p.stalls, stall{begin: dry, behind: d})
			p.points = append(p.points, point{dry, 0})
			p.played += b
		} else {
			p.played += min(now.Sub(p.at), b)
		}
	}
	p.at = now
}

// add takes a segment that has arrived.
func (p *playout) add(d *download, set string, length events.Duration, last bool) {
	p.advance(d.end, d)
	p.filled[set] += length
	p.over = p.over || last
	b := p.buffer()
	p.points = append(p.points, point{d.end, b})
	switch {
	case p.picture == waiting && b > 0 && (p.over || b >= p.enough):
		p.picture, p.began = moving, d.end
	case p.picture == standing && (p.over || b >= resumeWith*d.duration):
		p.picture = moving
		s := &p.stalls[len(p.stalls)-1]
		s.end, s.ended = d.end, d
	}
}

// play lets the film run; why says where that cannot be told.
func (m *film) play() (p *playout, why string) {
	p = &playout{enough: m.enough, filled: map[string]events.Duration{}}
	// What each segment adds: the same one again, at another rate, nothing.
	next := map[string]int64{}
	adds := make([]bool, len(m.downloads))
	for i := range m.downloads {
		d := &m.downloads[i]
		set := m.levels[d.level].set
		n, begun := next[set]
		switch {
		case d.status >= 400:
			continue
		case d.end == 0:
			if i+1 < len(m.downloads) {
				return nil, fmt.Sprintf("the response with segment %d was not captured", d.number)
			}
			continue
		case !d.whole:
			return nil, fmt.Sprintf("segment %d is not whole in the capture", d.number)
		case d.duration <= 0:
			return nil, fmt.Sprintf("how long segment %d plays is not known", d.number)
		case begun && d.number < n:
			continue
		case begun && d.number > n:
			return nil, fmt.Sprintf("the player went from segment %d to %d: what it played is not known", n-1, d.number)
		}
		if !begun {
			p.sets = append(p.sets, set)
			if p.enough <= 0 {
				p.enough = d.duration
			}
		}
		next[set] = d.number + 1
		adds[i] = true
	}
	if len(p.sets) == 0 {
		return nil, "no segment of it came whole"
	}
	var order []int
	for i, a := range adds {
		if a {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.downloads[a].end, m.downloads[b].end) })
	lasts := 0
	for _, i := range order {
		d := &m.downloads[i]
		if d.last {
			lasts++
		}
		p.add(d, m.levels[d.level].set, d.duration, lasts == len(p.sets))
	}
	return p, ""
}

// main is the set that the network is measured against: that of the highest
// bandwidth.
func (m *film) main() string {
	best, set := int64(-1), ""
	for _, l := range m.levels {
		if l.bandwidth > best {
			best, set = l.bandwidth, l.set
		}
	}
	return set
}

// reached is the highest level of a set whose bandwidth a throughput, in bytes
// a second, reaches.
func (m *film) reached(set string, throughput float64) string {
	id := ""
	for _, i := range m.ladder(set) {
		if l := m.levels[i]; l.bandwidth > 0 && float64(l.bandwidth)/8 <= throughput {
			id = l.id
		}
	}
	return id
}

// rate is what the network gave from one moment on, in bytes a second.
type rate struct {
	from  events.Time
	bytes float64
}

// smooth is the highest level whose segments, each of the size that its
// bandwidth says, would have come in time, one after the other, over what the
// network gave at each moment. enough film starts the picture, and no more
// than most is held.
func (m *film) smooth(set string, enough, most events.Duration) string {
	var rates []rate
	var lengths []events.Duration
	for i := range m.downloads {
		d := &m.downloads[i]
		if m.levels[d.level].set != set || !d.whole || d.end <= d.asked {
			continue
		}
		rates = append(rates, rate{d.asked, float64(d.body) / d.end.Sub(d.asked).Std().Seconds()})
		lengths = append(lengths, d.duration)
	}
	ladder := m.ladder(set)
	for i := len(ladder) - 1; i >= 0 && len(rates) > 0; i-- {
		l := m.levels[ladder[i]]
		if l.bandwidth > 0 && fits(rates, lengths, float64(l.bandwidth)/8, enough, most) {
			return l.id
		}
	}
	return ""
}

func fits(rates []rate, lengths []events.Duration, bandwidth float64, enough, most events.Duration) bool {
	at, k := rates[0].from, 0
	var film events.Duration // that has come
	var ends events.Time     // when the film that has come will have been played
	for _, length := range lengths {
		if ends != 0 { // there must be room for it
			at = max(at, ends.Add(length-most))
		}
		left := bandwidth * length.Std().Seconds()
		for {
			for k+1 < len(rates) && rates[k+1].from <= at {
				k++
			}
			if rates[k].bytes <= 0 {
				return false
			}
			need := events.Duration(left / rates[k].bytes * 1e9)
			if k+1 < len(rates) && at.Add(need) > rates[k+1].from {
				left -= rates[k].bytes * rates[k+1].from.Sub(at).Std().Seconds()
				at = rates[k+1].from
				continue
			}
			at = at.Add(need)
			break
		}
		if ends != 0 && at > ends {
			return false
		}
		film += length
		switch {
		case ends != 0:
			ends = ends.Add(length)
		case film >= enough:
			ends = at.Add(film)
		}
	}
	return true
}

// most is the most that the buffer ever held.
func (p *playout) most() events.Duration {
	var d events.Duration
	for _, x := range p.points {
		d = max(d, x.buffer)
	}
	return d
}

// busy is the time in which some segment was under way.
func (m *film) busy() events.Duration {
	var u analyzers.Union
	order := make([]*download, 0, len(m.downloads))
	for i := range m.downloads {
		if d := &m.downloads[i]; d.end != 0 {
			order = append(order, d)
		}
	}
	slices.SortStableFunc(order, func(a, b *download) int { return cmp.Compare(a.end, b.end) })
	for _, d := range order {
		u.Add(d.asked, d.end)
	}
	return u.Total()
}
