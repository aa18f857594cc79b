package dnsresolution

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

var whyNames = [...]string{dnsopen.Same: "same", dnsopen.Led: "led", dnsopen.Above: "above", dnsopen.Only: "only"}

// row tells of one question and its tree; m is its answer, nil for none.
func (t *tables) row(n *dnsopen.Node, m *events.DNSMessage) {
	v := &Resolution{
		Resolver: t.text(&t.open.Host(n.Server).Addr), Client: t.text(&n.Client), Name: string(n.Name), Type: n.Type,
		QueryFrame: n.Frame, ResponseFrame: n.AnswerFrame, Result: "unanswered",
	}
	if m != nil {
		s := said{}
		s.result, _ = judge(m)
		if s.result == otherRcode {
			s.rcode = lower(m.Rcode)
		}
		v.Result = s.text()
		total := n.Answered.Sub(n.Sent)
		v.Total = &total
	}
	v.Hops = make([]Hop, 0, min(int(n.Children), t.samples))
	v.Frames = make([]uint64, 0, 2*min(int(n.Children), t.samples)+2)
	t.hops(v, n, n, 0)
	v.LeftOff = max(0, int(n.Children)-len(v.Hops))
	v.Mode, v.Reason = modeOf(v.Hops)
	for i := range v.Hops {
		v.RoundTrips += v.Hops[i].RoundTrips
	}
	if v.Total != nil {
		waited := waiting(v)
		own := *v.Total - waited
		v.Upstream, v.Own = &waited, &own
	}
	t.evidence(v, n)
	t.emit(v.Client+" → "+v.Resolver+" "+v.Name+" "+v.Type, v)
}

// hops appends what was sent for n, the for'th hop.
func (t *tables) hops(v *Resolution, top, n *dnsopen.Node, of int) {
	for i := n.First; i != dnsopen.None; {
		c := t.open.At(i)
		i = c.Next
		if c.User <= 0 || len(v.Hops) == t.samples {
			continue
		}
		x := &t.said[c.User]
		h := Hop{
			For: of, Client: t.text(&c.Client), Server: t.text(&t.open.Host(c.Server).Addr), Name: v.Name, Type: c.Type,
			Why: whyNames[c.Match], Transport: events.TransportName(c.Proto), Stream: c.Stream, At: c.Sent.Sub(top.Sent),
			QueryFrame: c.Frame, ResponseFrame: c.AnswerFrame, AA: x.aa,
		}
		if string(c.Name) != v.Name {
			h.Name = string(c.Name)
		}
		if c.Queries > 1 {
			h.Queries = int(c.Queries)
		}
		switch c.Phase {
		case dnsopen.Answered:
			h.Result = x.text()
			rtt := c.Answered.Sub(c.Sent)
			h.RTT = &rtt
			h.RoundTrips = 1
			if c.Proto == events.ProtoTCP {
				h.RoundTrips = 2
			}
		case dnsopen.Open:
			h.Result = "pending"
			if v.Total == nil {
				h.Result = "unanswered"
			}
		default:
			h.Result = "unanswered"
		}
		h.Asked = c.First != dnsopen.None || c.Phase == dnsopen.Answered && c.RD && x.ra && !x.aa && (x.result == answer || x.result == nxdomain || x.result == nodata || x.result == alias)
		h.Role = t.role(x, h.Asked)
		if x.zone != 0 {
			h.Zone, h.ZoneBy = t.zones.list[x.zone].name, zoneByNames[x.zoneBy]
		}
		if x.to != 0 {
			h.To = t.zones.list[x.to].name
		}
		v.Hops = append(v.Hops, h)
		t.hops(v, top, c, len(v.Hops))
	}
}

func (t *tables) role(x *said, asked bool) Role {
	switch {
	case x.zone == rootZone:
		return Root
	case x.zone != 0 && t.zones.list[x.zone].labels == 1:
		return TLD
	case x.zone != 0 || x.aa:
		return Authoritative
	case asked:
		return Resolver
	}
	return RoleUndecided
}

// modeOf says how the hops found the answer together.
func modeOf(hops []Hop) (Mode, string) {
	answered, referred, asked := false, false, false
	for i := range hops {
		h := &hops[i]
		answered = answered || h.RTT != nil
		referred = referred || h.Result == "referral"
		asked = asked || h.Asked
	}
	switch {
	case asked && referred:
		return Hybrid, ""
	case asked:
		return Recursive, ""
	case answered:
		return Iterative, ""
	}
	return Undecided, "no answer to the resolver is in the capture"
}

// waiting is the union of the times in which the resolver waited for a server.
func waiting(v *Resolution) events.Duration {
	type span struct{ from, to events.Duration }
	var spans []span
	for i := range v.Hops {
		h := &v.Hops[i]
		if h.For != 0 {
			continue
		}
		to := *v.Total
		if h.RTT != nil {
			to = min(to, h.At+*h.RTT)
		}
		spans = append(spans, span{max(h.At, 0), to})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var sum, end events.Duration
	for _, s := range spans {
		if from := max(s.from, end); s.to > from {
			sum += s.to - from
		}
		end = max(end, s.to)
	}
	return sum
}

// evidence names the frames and a filter that shows them.
func (t *tables) evidence(v *Resolution, n *dnsopen.Node) {
	v.Frames = append(v.Frames, n.Frame, n.AnswerFrame)
	for i := range v.Hops {
		v.Frames = append(v.Frames, v.Hops[i].QueryFrame, v.Hops[i].ResponseFrame)
	}
	slices.Sort(v.Frames)
	v.Frames = slices.Compact(v.Frames)
	if len(v.Frames) > 0 && v.Frames[0] == 0 {
		v.Frames = v.Frames[1:]
	}
	first, last := v.Frames[0], v.Frames[len(v.Frames)-1]
	// Question and answer are shown in any case, then hops as far as there is
	// room.
	if len(v.Frames) > analyzers.MaxFrames {
		v.Frames = append(v.Frames[:analyzers.MaxFrames-1:analyzers.MaxFrames-1], last)
	}
	var room [160]byte
	f := append(room[:0], "dns && frame.number >= "...)
	f = strconv.AppendUint(f, first, 10)
	f = append(f, " && frame.number <= "...)
	f = strconv.AppendUint(f, last, 10)
	if len(v.Hops) == 0 || v.Hops[len(v.Hops)-1].For == 0 { // all are the resolver's own
		f = append(f, " && ip"...)
		if !t.open.Host(n.Server).Addr.IP().Is4() {
			f = append(f, "v6"...)
		}
		f = append(f, ".addr == "...)
		f = append(f, v.Resolver...)
	}
	v.Filter = string(f)
}

// maxTexts is how many addresses are kept as text.
const maxTexts = 4096

// text is an address as text, made once.
func (t *tables) text(a *events.Addr) string {
	s, ok := t.texts[*a]
	if !ok {
		if len(t.texts) >= maxTexts {
			clear(t.texts)
		}
		s = a.String()
		t.texts[*a] = s
	}
	return s
}

// undecided names the resolvers none of whose queries was captured.
func (t *tables) undecided() {
	for i := 1; i < t.open.Hosts(); i++ {
		h := t.open.Host(int32(i))
		if h.User == 0 || h.Sent > 0 {
			continue
		}
		s := &t.served[h.User]
		t.emit("resolver "+h.Addr.String(), &Resolution{
			Mode: Undecided, Reason: "none of the resolver's own queries is in the capture: it had all in its cache, or they go another way",
			Resolver: h.Addr.String(), Questions: s.questions,
			Frames: analyzers.Frames(s.first[0], s.first[1], s.last[0], s.last[1]),
			Filter: "dns && " + analyzers.AddrFilter("addr", events.Flow{Client: h.Addr}, events.FromClient),
		})
	}
}
