package httpconnections

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// row gives out what became of one site.
func (u *site) row(k key, p *pair, emit analyzers.Emit) {
	client, server := k.client.String(), k.server.String()
	v := &Usage{
		Client: client, Server: server, Site: u.host,
		Parallel: u.parallel, Objects: u.objects, Complete: u.complete, Connections: u.connections,
		ConnectionsReused: u.persistent, PipelinedRequests: u.pipelined,
		ObjectsPerConnection: ratio(float64(u.objects), float64(u.connections)),
		Busy:                 u.busy, Limited: p.limited, Frames: slices.Clone(u.frames.kept[:u.frames.n]), Filter: u.filter(k),
		MeanBytes: ratio(float64(u.bytes), float64(u.complete)),
	}
	if v.Site == "" {
		v.Site = server
	}
	v.Mode, v.Reason = u.mode()
	if u.receiveTime > 0 {
		v.Rate = float64(u.receiveBytes) / (float64(u.receiveTime) / 1e9)
	}
	v.RTTFrom = [...]string{"undecided", "handshake", "data", "handshake and data"}[u.rttFrom]
	if n := u.rtts.Count(); n > 0 {
		rtt := u.rttSum / events.Duration(n)
		v.RTT = &rtt
		v.RTTsPerObject = &PerObject{
			Mean:   float64(u.opened.sum+u.reused.sum) / 1000 / float64(n),
			Median: float64(u.rtts.Median()) / 1000, Min: float64(u.rtts.Min()) / 1000, Max: float64(u.rtts.Max()) / 1000,
			Count: n, Opened: u.opened.value(), Reused: u.reused.value(),
		}
		v.BusyRTTs = round(ratio(float64(u.busy), float64(rtt)*float64(u.complete)))
		v.Model = models(u.complete, max(u.parallel, 1), float64(rtt)/1e9, v.MeanBytes, v.Rate)
	}
	emit(client+" → "+v.Site+" ("+server+")", v)
}

func (m *mean) value() *float64 {
	if m.n == 0 {
		return nil
	}
	v := float64(m.sum) / 1000 / float64(m.n)
	return &v
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// round keeps thousandths.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

func (u *site) mode() (Mode, string) {
	switch {
	case u.multiplexed:
		return Multiplexed, ""
	case u.pipelined > 0:
		return Pipelined, ""
	case u.persistent > 0:
		return Persistent, ""
	case u.objects > 1 || u.single > 0:
		return NonPersistent, ""
	}
	return ModeUndecided, "one object, and neither side said that the connection closes after it"
}

// models are the textbook's times for n objects of l bytes each at r bytes a
// second (0: unknown, and taken as endless), over k connections at once.
// Seconds.
func models(n, k int, rtt, l, r float64) []Model {
	if n == 0 || rtt == 0 {
		return nil
	}
	t := ratio(l, r)
	rest := float64(n - 1)
	rounds := math.Ceil(rest / float64(k))
	first := 2*rtt + t
	ahead := 0.0 // the one round trip in which all the rest is asked for
	if n > 1 {
		ahead = rtt
	}
	more := 0.0 // the other connections are opened while the first round is fetched
	if rest > 0 && k > 1 {
		more = rtt
	}
	at := func(mode, formula string, total float64) Model {
		return Model{mode, formula, events.Duration(math.Round(total * 1e9)), round(total / (rtt * float64(n)))}
	}
	return []Model{
		at("non-persistent", "N*(2*RTT + L/R)", float64(n)*first),
		at("persistent", "2*RTT + L/R + n*(RTT + L/R)", first+rest*(rtt+t)),
		at("pipelined", "3*RTT + L/R + n*L/R", first+ahead+rest*t),
		at("non-persistent, k parallel", "2*RTT + L/R + ceil(n/k)*2*RTT + n*L/R", first+rounds*2*rtt+rest*t),
		at("persistent, k parallel", "2*RTT + L/R + (ceil(n/k) + 1)*RTT + n*L/R", first+rounds*rtt+more+rest*t),
	}
}

// modelOf is the model that fits how the site was used.
func (v *Usage) modelOf() *Model {
	name := string(v.Mode)
	switch v.Mode {
	case Multiplexed:
		name = string(Pipelined) // all asked for at once, as far as the model goes
	case ModeUndecided:
		name = string(NonPersistent) // the same for one object
	}
	if v.Parallel > 1 && (v.Mode == NonPersistent || v.Mode == Persistent) {
		name += ", k parallel"
	}
	for i := range v.Model {
		if v.Model[i].Mode == name {
			return &v.Model[i]
		}
	}
	return nil
}

// filter shows the connections where they are few, else the two hosts.
func (u *site) filter(k key) string {
	var b strings.Builder
	if u.streams.n <= analyzers.MaxFrames {
		b.WriteString("tcp.stream in {")
		for i, s := range u.streams.kept[:u.streams.n] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strconv.FormatUint(uint64(s), 10))
		}
		b.WriteString("} && http")
		return b.String()
	}
	f := events.Flow{Client: k.client, Server: k.server, Proto: events.ProtoTCP}
	return analyzers.AddrFilter("addr", f, events.FromClient) + " && " + analyzers.AddrFilter("addr", f, events.FromServer) + " && http"
}
