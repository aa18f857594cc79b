package dash

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// tell gives out one film.
func (m *film) tell(player string, c *client, emit analyzers.Emit) {
	v := &Value{
		Undecided: m.fault, Player: player, URL: m.url, Format: m.format, Live: m.live, Start: m.asked,
		Fetched: len(m.downloads), Limited: m.limited + c.limited,
	}
	since := func(t events.Time) events.Duration { return t.Sub(m.asked) }
	fetched := make([]int, len(m.levels))
	for i := range m.downloads {
		fetched[m.downloads[i].level]++
	}
	var sets []string
	for _, l := range m.levels {
		if !slices.Contains(sets, l.set) {
			sets = append(sets, l.set)
		}
	}
	for _, s := range sets {
		for _, i := range m.ladder(s) {
			l := m.levels[i]
			v.Ladder = append(v.Ladder, Level{ID: l.id, Set: l.set, Bandwidth: l.bandwidth, Width: l.width, Height: l.height, Codecs: l.codecs, Fetched: fetched[i]})
		}
	}
	m.segments(v, since)
	if len(m.downloads) > 0 {
		v.Sustained = m.reached(m.main(), v.Throughput)
		m.watch(v, since)
	} else if v.Undecided == "" {
		v.Undecided = "no segment of it was asked for"
	}
	v.Frames, v.Filter = m.evidence(v)
	emit(player+" "+m.url, v)
}

// segments sets what was fetched, and the switches.
func (m *film) segments(v *Value, since func(events.Time) events.Duration) {
	before := map[string]int{} // level of a set, from 1
	for i := range m.downloads {
		d := &m.downloads[i]
		l := m.levels[d.level]
		s := Segment{
			Number: d.number, Set: l.set, Representation: l.id, Duration: d.duration, Status: d.status, Asked: since(d.asked), Bytes: d.body,
			RequestFrame: d.requestFrame, EndFrame: d.endFrame, Stream: d.key.String(),
		}
		v.Bytes += d.body
		if d.end != 0 {
			at := since(d.end)
			s.Arrived = &at
			if d.whole && d.end > d.asked {
				s.Throughput = float64(d.body) / d.end.Sub(d.asked).Std().Seconds()
				s.Sustained = m.reached(l.set, s.Throughput)
			}
		}
		v.Segments = append(v.Segments, s)
		if b := before[l.set]; b != 0 && b-1 != d.level {
			v.Switches = append(v.Switches, Switch{At: s.Asked, Set: l.set, From: m.levels[b-1].id, To: l.id, Segment: d.number, Frame: d.requestFrame})
		}
		before[l.set] = d.level + 1
	}
	if busy := m.busy(); busy > 0 {
		v.Throughput = float64(v.Bytes) / busy.Std().Seconds()
	}
}

// watch sets what a viewer saw.
func (m *film) watch(v *Value, since func(events.Time) events.Duration) {
	p, why := m.play()
	if m.limited > 0 && why == "" {
		why = "limits left segments out"
	}
	if why != "" {
		v.Undecided = cmp.Or(v.Undecided, why)
		return
	}
	v.Smooth = m.smooth(m.main(), p.enough, p.most())
	if p.picture == waiting {
		v.Undecided = cmp.Or(v.Undecided, "the capture ended before the buffer was filled for the first picture")
	} else {
		d := since(p.began)
		v.Startup = &d
		var sum events.Duration
		for _, s := range p.stalls {
			if s.ended == nil {
				v.Undecided = "the capture ended in a stall"
				continue
			}
			v.Stalls = append(v.Stalls, Stall{
				Begin: since(s.begin), End: since(s.end), Behind: s.behind.number, Frame: s.behind.requestFrame, EndFrame: s.ended.endFrame,
			})
			sum += s.end.Sub(s.begin)
		}
		v.StallTime = &sum
	}
	after := map[events.Duration]events.Duration{}
	for _, x := range p.points {
		v.Buffer = append(v.Buffer, Point{since(x.at), x.buffer})
		after[since(x.at)] = x.buffer
	}
	for i := range v.Segments {
		s := &v.Segments[i]
		if s.Arrived == nil {
			continue
		}
		if b, ok := after[*s.Arrived]; ok {
			s.Buffer = &b
		}
	}
}

// evidence are the frames of the manifest, of the first and last segment and
// of the stalls.
func (m *film) evidence(v *Value) ([]uint64, string) {
	fs := []uint64{m.frames.first, m.frames.last}
	for _, s := range v.Stalls {
		if len(fs) < analyzers.MaxFrames-2 {
			fs = append(fs, s.Frame, s.EndFrame)
		}
	}
	var streams []events.StreamKey
	if n := len(m.downloads); n > 0 {
		fs = append(fs, m.downloads[0].requestFrame, m.downloads[n-1].endFrame)
	}
	for i := range m.downloads {
		streams = append(streams, m.downloads[i].key)
	}
	filter := "frame.number in {" + strconv.FormatUint(m.frames.first, 10) + ".." + strconv.FormatUint(max(m.frames.last, m.frames.first), 10) + "}"
	if len(streams) > 0 {
		filter = streamsFilter(streams)
	}
	return analyzers.Frames(fs...), filter
}

// maxStreams is how many streams a filter names.
const maxStreams = 64

// streamsFilter shows some streams.
func streamsFilter(keys []events.StreamKey) string {
	slices.SortFunc(keys, func(a, b events.StreamKey) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Stream, b.Stream))
	})
	keys = slices.Compact(keys)
	var parts []string
	for _, k := range keys[:min(len(keys), maxStreams)] {
		parts = append(parts, k.Filter())
	}
	return strings.Join(parts, " || ")
}

// strays are segments of films whose manifest was not captured.
type strays struct {
	count   int
	bytes   int64
	frames  []uint64
	streams []events.StreamKey
}

func (s *strays) see(r *request, e *events.Event, body int64) {
	t, _, _ := strings.Cut(strings.ToLower(r.mediaType), ";")
	path, _, _ := strings.Cut(r.target, "?")
	if t != "video/mp2t" && t != "video/iso.segment" && t != "audio/iso.segment" && !strings.HasSuffix(path, ".m4s") {
		return
	}
	s.count++
	s.bytes += body
	if len(s.frames) < analyzers.MaxFrames {
		s.frames = append(s.frames, r.frame)
		s.streams = append(s.streams, e.Key())
	}
}

// fewStrays: fewer may be anything.
const fewStrays = 2

func (s *strays) tell(player string, emit analyzers.Emit) {
	if s.count < fewStrays {
		return
	}
	emit(player+" unknown", &Value{
		Undecided: "segments were fetched, and no manifest that names them was captured", Player: player, Fetched: s.count, Bytes: s.bytes,
		Frames: analyzers.Frames(s.frames...), Filter: streamsFilter(slices.Clone(s.streams)),
	})
}
