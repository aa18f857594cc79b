// Package holes tells which messages waited behind the holes of a TCP stream,
// where many messages share it piece by piece, as those of HTTP/2 do. It is
// shared by questions about head-of-line blocking and is none itself. It must
// not know what a message is.
package holes

import (
	"slices"

	"github.com/wiretale/wiretale/events"
)

// Wait says that bytes of one message had arrived and could not be read, for
// they lay behind a hole.
type Wait struct {
	Owner             uint64 // of the bytes
	Arrived, Released events.Time
	// Own: the hole took bytes of the same message, whatever else it took. It
	// would have waited for itself.
	Own bool
	// Heads: a header block was among the bytes that waited, and the hole took
	// one of another message. HPACK (RFC 7541 section 2.2) would have made it
	// wait for that even without TCP's order.
	Heads bool
}

// Tracker follows one side of a connection. Pieces are told when they are
// whole, waits before or after them within one packet; so Settle gives the
// waits of a packet when the next one comes. The zero value is ready, but for
// Limit.
type Tracker struct {
	Limit   int    // waits kept, and pieces
	Limited uint64 // waits given up, or with a hole of which nobody knows any more whose bytes it took

	pieces []piece // without holes between them, in order
	waits  []wait
	known  int64 // up to here it is known whose each byte is
	let    int64 // pieces that end before were let go
}

// past is how many pieces are kept at least of what was read: what lies behind
// several holes is told when the last of them is filled, and the first, of
// which it is said to have waited, lies back by then, by a receive window at
// most.
const past = 256

// piece is bytes [from, to) of one message.
type piece struct {
	from, to int64
	owner    uint64
	head     bool
}

type wait struct {
	from, to          int64
	hole, holeEnd     int64
	arrived, released events.Time
}

// Piece says that bytes from offset on belong to owner; head: they are of a
// header block. Pieces come in the order of the stream.
func (t *Tracker) Piece(offset, bytes int64, owner uint64, head bool) {
	end := offset + bytes
	t.known = max(t.known, end)
	if n := len(t.pieces); n > 0 && t.pieces[n-1].to == offset && t.pieces[n-1].owner == owner && t.pieces[n-1].head == head {
		t.pieces[n-1].to = end
		return
	}
	if len(t.pieces) >= max(t.Limit, 2) {
		// The oldest are given up: settle counts the waits that miss them.
		n := len(t.pieces) / 2
		t.let = t.pieces[n-1].to
		t.pieces = t.pieces[:copy(t.pieces, t.pieces[n:])]
	}
	t.pieces = append(t.pieces, piece{offset, end, owner, head})
}

// Hole takes a range of bytes that waited until now.
func (t *Tracker) Hole(b *events.TCPHOL, now events.Time) {
	if !b.Filled || b.Wait <= 0 {
		return
	}
	if len(t.waits) >= max(t.Limit, 1) {
		t.Limited++
		return
	}
	t.waits = append(t.waits, wait{b.Offset, b.Offset + b.Bytes, b.HoleOffset, b.HoleOffset + b.HoleBytes, now.Add(-b.Wait), now})
}

// Busy says that Settle has something to do.
func (t *Tracker) Busy() bool { return len(t.waits) > 0 || len(t.pieces) >= 2*past }

// Settle tells the waits of earlier packets, as far as it is known whose the
// bytes are. The rest belongs to a piece that is not whole yet.
func (t *Tracker) Settle(tell func(Wait)) {
	keep := t.waits[:0]
	for _, w := range t.waits {
		t.settle(&w, tell)
		if w.from = max(w.from, t.known); w.from < w.to {
			keep = append(keep, w)
		}
	}
	clear(t.waits[len(keep):])
	t.waits = keep
	if len(t.pieces) < 2*past {
		return
	}
	// What waits may come for: holes of those kept, and of those to come.
	least := t.known
	for i := range t.waits {
		least = min(least, t.waits[i].hole)
	}
	n := 0
	for n < len(t.pieces)-past && t.pieces[n].to <= least {
		n++
	}
	if n > 0 {
		t.let = t.pieces[n-1].to
		t.pieces = t.pieces[:copy(t.pieces, t.pieces[n:])]
	}
}

func (t *Tracker) settle(w *wait, tell func(Wait)) {
	if w.hole < t.let {
		t.Limited++
	}
	hole := t.at(w.hole)
	for i := t.at(w.from); i < len(t.pieces) && t.pieces[i].from < w.to; i++ {
		p := &t.pieces[i]
		if t.toldBefore(i, w) {
			continue
		}
		out := Wait{Owner: p.owner, Arrived: w.arrived, Released: w.released}
		heads := false
		for j := i; j < len(t.pieces) && t.pieces[j].from < w.to; j++ {
			heads = heads || t.pieces[j].owner == p.owner && t.pieces[j].head
		}
		for j := hole; j < len(t.pieces) && t.pieces[j].from < w.holeEnd; j++ {
			h := &t.pieces[j]
			out.Own = out.Own || h.owner == p.owner
			out.Heads = out.Heads || heads && h.head && h.owner != p.owner
		}
		tell(out)
	}
}

// at is the first piece that ends behind offset.
func (t *Tracker) at(offset int64) int {
	i, _ := slices.BinarySearchFunc(t.pieces, offset, func(p piece, o int64) int {
		if p.to <= o {
			return -1
		}
		return 1
	})
	return i
}

// toldBefore says that an earlier piece of the owner of piece i waited in w.
func (t *Tracker) toldBefore(i int, w *wait) bool {
	for j := i - 1; j >= 0 && t.pieces[j].to > w.from; j-- {
		if t.pieces[j].owner == t.pieces[i].owner {
			return true
		}
	}
	return false
}
