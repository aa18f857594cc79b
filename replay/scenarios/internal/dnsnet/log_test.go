package dnsnet

import (
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/simnet"
)

// Of two equal queries the first was dropped: the second is the one that was
// read.
func TestLost(t *testing.T) {
	q := new(mdns.Msg)
	q.SetQuestion("x.test.", mdns.TypeA)
	wire, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	src, dst := netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:53")
	at := func(ms int) time.Time { return simnet.Epoch.Add(time.Duration(ms) * time.Millisecond) }
	var l log
	for _, ms := range []int{0, 100} {
		l.send(note{host: "a", transport: "udp", src: src, dst: dst, wire: string(wire), start: at(ms), end: at(ms + 1)})
	}
	drop := simnet.Drop{Time: events.TimeOf(at(0)), From: "a", Src: src.Addr(), Dst: dst.Addr(), Proto: "udp", SrcPort: 40000, DstPort: 53}
	if l.settled([]simnet.Drop{drop}) {
		t.Error("settled, and nobody read anything")
	}
	l.receive(note{host: "b", transport: "udp", src: src, dst: dst, wire: string(wire), start: at(110), end: at(110)})
	if !l.settled([]simnet.Drop{drop}) {
		t.Error("not settled")
	}
	ms, err := l.messages([]simnet.Drop{drop}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) != 2 || !ms[0].Lost || ms[0].Receiver.Host != "" || ms[1].Lost || ms[1].Receiver.Host != "b" {
		t.Errorf("%+v", ms)
	}
	if _, err := l.messages(nil, nil); err == nil {
		t.Error("without the drop one was never read, and nobody said so")
	}
	l.receive(note{host: "b", transport: "udp", src: dst, dst: src, wire: string(wire), start: at(120), end: at(120)})
	if _, err := l.messages([]simnet.Drop{drop}, nil); err == nil {
		t.Error("a message from nowhere")
	}
}
