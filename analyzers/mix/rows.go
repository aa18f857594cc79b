package mix

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// namedHosts is how many hosts have a row of their own.
const namedHosts = 100

// everything is the filter of rows that cover the whole capture.
const everything = "ip || ipv6"

func (t *tables) share(wire uint64) float64 {
	if t.total.WireBytes == 0 {
		return 0
	}
	return float64(wire) / float64(t.total.WireBytes)
}

func (t *tables) rows(emit analyzers.Emit) {
	names := make([]string, 0, len(t.protocols))
	for n, p := range t.protocols {
		if p.Packets > 0 || p.flows > 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	t.protocolRows(names, emit)
	t.categoryRows(names, emit)
	t.hostRows(emit)
	emit("time", Value{
		What: "time", Counts: t.total.Counts, Flows: t.total.flows, Share: t.share(t.total.WireBytes),
		Bucket: events.Duration(t.series.width) * events.Duration(time.Second), Series: t.series.list(),
		Frames: analyzers.Frames(t.total.first, t.total.last), Filter: everything,
	})
}

func (t *tables) protocolRows(names []string, emit analyzers.Emit) {
	for _, n := range names {
		p := t.protocols[n]
		var limited uint64
		if n == unknownName {
			limited = t.limited
		}
		emit("protocol "+n, Value{
			What: "protocol", Name: n, Category: about(n).category, Counts: p.Counts, Flows: p.flows, Share: t.share(p.WireBytes), Limited: limited,
			Frames: analyzers.Frames(p.first, p.last), Filter: p.filter(n),
		})
	}
}

// filter shows a protocol: by Wireshark's name for it, or by its flows.
func (t *tally) filter(name string) string {
	if f := about(name).filter; f != "" {
		return f
	}
	if len(t.streams) == 0 {
		return everything
	}
	var parts []string
	for _, k := range t.streams {
		parts = append(parts, k.Filter())
	}
	return strings.Join(parts, " || ")
}

func (t *tables) categoryRows(names []string, emit analyzers.Emit) {
	byCategory := map[Category]*tally{}
	filters := map[Category][]string{}
	var order []Category
	add := func(c Category, p *tally, filter string) {
		sum := byCategory[c]
		if sum == nil {
			sum = &tally{}
			byCategory[c] = sum
			order = append(order, c)
		}
		sum.add(p.Counts)
		sum.flows += p.flows
		for _, f := range [...]uint64{p.first, p.last} {
			if f != 0 {
				sum.seen(f)
			}
		}
		filters[c] = append(filters[c], filter)
	}
	for _, n := range names {
		p := t.protocols[n]
		rest := *p // of an encrypted one: what could be anything
		for c := range categories {
			u := p.uses[number(c)]
			if u == nil {
				continue
			}
			rest.sub(u.Counts)
			rest.flows -= u.flows
			add(categories[c], &u.tally, u.filter(n))
		}
		if rest.Packets > 0 || rest.flows > 0 {
			add(about(n).category, &rest, p.filter(n))
		}
	}
	slices.Sort(order)
	for _, c := range order {
		sum := byCategory[c]
		slices.Sort(filters[c])
		emit("category "+string(c), Value{
			What: "category", Name: string(c), Counts: sum.Counts, Flows: sum.flows, Share: t.share(sum.WireBytes),
			Frames: analyzers.Frames(sum.first, sum.last), Filter: strings.Join(slices.Compact(filters[c]), " || "),
		})
	}
}

func (t *tables) hostRows(emit analyzers.Emit) {
	list := t.hosts.sorted()
	named := list[:min(len(list), namedHosts)]
	for _, h := range named {
		a := h.addr.String()
		field := "ip"
		if !h.addr.IP().Is4() {
			field = "ipv6"
		}
		emit("host "+a, Value{
			What: "host", Name: a, Counts: h.Counts, Flows: h.flows, Share: t.share(h.WireBytes),
			Sent: h.sent, Received: h.received, Approximate: t.hosts.gone > 0,
			Frames: analyzers.Frames(h.first, h.last), Filter: fmt.Sprintf("%s.addr == %s", field, a),
		})
	}
	rest := list[len(named):]
	if len(rest) == 0 && t.hosts.gone == 0 {
		return
	}
	for _, h := range rest {
		t.hosts.drop(h)
	}
	o := &t.hosts.other
	emit("host other", Value{
		What: "host", Name: "other", Counts: o.Counts, Flows: o.flows, Share: t.share(o.WireBytes),
		Sent: o.sent, Received: o.received, Hosts: uint64(len(rest)) + t.hosts.gone, Approximate: t.hosts.gone > 0,
		Frames: analyzers.Frames(o.first, o.last), Filter: everything,
	})
}
