package bittorrent

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// partLen is the most that one part of an object holds.
const partLen = 64 << 10

// runs are pieces being written out: the blocks that one peer sends of a
// piece, from its begin on, each where the one before ended. How long a piece
// is, is not said between peers; so a run is what it is, and its name says
// how far it went.
type runs struct {
	max     int
	list    []run // the oldest first
	current [2]int
	objects uint32
	told    bool // the limit was reached
}

type run struct {
	from     events.Dir
	hash     string
	piece    uint32
	next     int64 // begin of the block that would continue it
	object   uint32
	first    uint64
	complete bool
}

// none stands for no run.
const none = -1

// block begins a block of d.
func (r *runs) block(s *stream, d *side, out decoders.Sink) {
	r.current[d.from] = none
	h := &d.current
	if !h.whole {
		return
	}
	i := r.find(d.from, h.index)
	switch {
	case h.begin != 0:
		if i != none && r.list[i].next == int64(h.begin) {
			r.current[d.from] = i
		}
		return
	case i != none:
		r.close(i, out) // it is sent again
	}
	if i = slices.IndexFunc(r.list, func(x run) bool { return x.from == d.from }); i >= 0 && r.count(d.from) >= r.max {
		if !r.told {
			r.told = true
			out.Limit("torrent-runs", r.max, "the oldest piece that was not finished is written as far as it went", r.list[i].next)
		}
		r.close(i, out)
	}
	r.objects++
	r.list = append(r.list, run{from: d.from, hash: s.hash(d), piece: h.index, object: r.objects, first: d.first.Frame, complete: true})
	r.current[d.from] = len(r.list) - 1
}

func (r *runs) find(from events.Dir, piece uint32) int {
	return slices.IndexFunc(r.list, func(x run) bool { return x.from == from && x.piece == piece })
}

func (r *runs) count(from events.Dir) (n int) {
	for i := range r.list {
		if r.list[i].from == from {
			n++
		}
	}
	return n
}

// write writes bytes of the current block of from.
func (r *runs) write(from events.Dir, b []byte, out decoders.Sink) {
	i := r.current[from]
	if i == none {
		return
	}
	r.list[i].next += int64(len(b))
	for part := range slices.Chunk(b, partLen) {
		out.Emit(from, &events.ContentPart{Object: r.list[i].object, Bytes: bytes.Clone(part)})
	}
}

// blockOver: the current block of d is over.
func (r *runs) blockOver(d *side, out decoders.Sink) {
	if d.current.missing > 0 {
		r.tear(d, out)
	}
	r.current[d.from] = none
}

// tear: bytes of the current block of d are missing; its run goes no further.
func (r *runs) tear(d *side, out decoders.Sink) {
	if i := r.current[d.from]; i != none {
		r.list[i].complete = false
		r.close(i, out)
	}
}

// have: the peer that from sends to has the whole piece now.
func (r *runs) have(from events.Dir, piece uint32, out decoders.Sink) {
	if i := r.find(from, piece); i != none && i != r.current[from] {
		r.close(i, out)
	}
}

// end ends all runs of a side.
func (r *runs) end(from events.Dir, out decoders.Sink) {
	for {
		i := slices.IndexFunc(r.list, func(x run) bool { return x.from == from })
		if i < 0 {
			return
		}
		r.close(i, out)
	}
}

// close ends run i.
func (r *runs) close(i int, out decoders.Sink) {
	x := r.list[i]
	r.list = slices.Delete(r.list, i, i+1)
	for d, c := range r.current {
		switch {
		case c == i:
			r.current[d] = none
		case c > i:
			r.current[d]--
		}
	}
	hash := x.hash
	if hash == "" {
		hash = "unknown"
	}
	out.Emit(x.from, &events.ContentEnd{
		Object: x.object, Protocol: name, Bytes: x.next, Complete: x.complete, FirstFrame: x.first,
		Name: hash + "/piece-" + strconv.FormatUint(uint64(x.piece), 10) + "-0-" + strconv.FormatInt(x.next, 10),
	})
}
