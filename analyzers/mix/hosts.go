package mix

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/wiretale/wiretale/events"
)

// host is one address.
type host struct {
	addr events.Addr
	Counts
	sent, received uint64
	flows          uint64
	first, last    uint64
}

// hosts holds the addresses with most bytes, up to a limit. When it is full,
// the smaller half goes to one sum: whoever is large comes back at once.
type hosts struct {
	limit int
	all   map[events.Addr]*host
	other host
	gone  uint64 // how often an address was put into other
	// recent are those seen a moment ago, by some bits of their address.
	recent [256]*host
}

func (h *hosts) init(limit int) {
	h.limit = limit
	h.all = map[events.Addr]*host{}
}

// find is the host of that address, or nil.
func (h *hosts) find(a *events.Addr) *host {
	r := &h.recent[a[15]^a[14]*31^a[7]]
	if *r != nil && (*r).addr == *a {
		return *r
	}
	x := h.all[*a]
	if x != nil {
		*r = x
	}
	return x
}

func (h *hosts) add(a events.Addr, frame uint64, c Counts, sent, received uint64) {
	x := h.find(&a)
	if x == nil {
		if len(h.all) >= h.limit {
			h.halve()
		}
		x = &host{addr: a, first: frame}
		h.all[a] = x
	}
	x.Counts.add(c)
	x.sent += sent
	x.received += received
	x.last = frame
}

func (h *hosts) end(a events.Addr) {
	if x := h.find(&a); x != nil {
		x.flows++
	} else {
		h.other.flows++
	}
}

// sorted are the hosts by bytes on the wire, most first.
func (h *hosts) sorted() []*host {
	list := make([]*host, 0, len(h.all))
	for _, x := range h.all {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *host) int {
		return cmp.Or(cmp.Compare(b.WireBytes, a.WireBytes), bytes.Compare(a.addr[:], b.addr[:]))
	})
	return list
}

func (h *hosts) halve() {
	h.recent = [256]*host{}
	for _, x := range h.sorted()[h.limit/2:] {
		delete(h.all, x.addr)
		h.drop(x)
		h.gone++
	}
}

// drop adds x to the sum of those that are not named.
func (h *hosts) drop(x *host) {
	o := &h.other
	o.Counts.add(x.Counts)
	o.sent += x.sent
	o.received += x.received
	o.flows += x.flows
	if o.first == 0 || x.first < o.first {
		o.first = x.first
	}
	o.last = max(o.last, x.last)
}
