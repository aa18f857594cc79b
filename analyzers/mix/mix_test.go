package mix_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/mix"
	"github.com/wiretale/wiretale/events"
)

const second0 = 1795255200 // 2026-11-21 10:00:00 UTC

func carried(second int64, protocol string, cp, sp uint32, cb, sb, wire uint64) *events.FlowBytes {
	return &events.FlowBytes{Second: second0 + second, Protocol: protocol, ClientPackets: cp, ServerPackets: sp, ClientBytes: cb, ServerBytes: sb, WireBytes: wire}
}

func end(protocol string, first, last uint64) *events.FlowEnd {
	return &events.FlowEnd{Why: events.EndFIN, Protocol: protocol, FirstFrame: first, LastFrame: last}
}

var (
	web = foldtest.TCP(0, "10.0.0.1:49152", "10.0.0.2:80")
	dns = foldtest.UDP(0, "10.0.0.1:5000", "[2001:db8::53]:53")
	odd = foldtest.TCP(1, "10.0.0.3:49152", "10.0.0.2:9999")
)

func at(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// The web flow begins in second 0, before its protocol is known.
func talk() []*events.Event {
	return []*events.Event{
		dns.Client(3, at(0.2), carried(0, "dns", 1, 1, 40, 100, 224)),
		dns.Client(3, at(0.2), end("dns", 1, 3)),
		web.Client(6, at(1), carried(0, "", 2, 1, 0, 0, 180)),
		web.Client(20, at(2), carried(1, "http1", 5, 10, 400, 12000, 13300)),
		odd.Client(25, at(2.2), carried(2, "", 3, 3, 10, 10, 300)),
		web.Client(26, at(2.5), end("http1", 4, 24)),
		odd.Client(26, at(2.5), end("", 22, 26)),
	}
}

func TestMix(t *testing.T) {
	rows := foldtest.Rows(t, mix.Question, talk()...)
	const all = 224 + 180 + 13300 + 300
	get := func(key string) mix.Value { return foldtest.Value[mix.Value](t, rows, key) }
	for key, want := range map[string]mix.Value{
		"protocol http1": {What: "protocol", Name: "http1", Category: mix.Web, Counts: mix.Counts{Packets: 18, Bytes: 12400, WireBytes: 13480}, Flows: 1,
			Share: 13480. / all, Frames: []uint64{4, 24}, Filter: "http"},
		"protocol unknown": {What: "protocol", Name: "unknown", Category: mix.Unknown, Counts: mix.Counts{Packets: 6, Bytes: 20, WireBytes: 300}, Flows: 1,
			Share: 300. / all, Frames: []uint64{6, 26}, Filter: "tcp.stream eq 1"},
		"category name resolution": {What: "category", Name: "name resolution", Counts: mix.Counts{Packets: 2, Bytes: 140, WireBytes: 224}, Flows: 1,
			Share: 224. / all, Frames: []uint64{1, 3}, Filter: "dns"},
		"host 10.0.0.1": {What: "host", Name: "10.0.0.1", Counts: mix.Counts{Packets: 20, Bytes: 12540, WireBytes: 13704}, Flows: 2,
			Share: 13704. / all, Sent: 440, Received: 12100, Frames: []uint64{3, 20}, Filter: "ip.addr == 10.0.0.1"},
		"host 2001:db8::53": {What: "host", Name: "2001:db8::53", Counts: mix.Counts{Packets: 2, Bytes: 140, WireBytes: 224}, Flows: 1,
			Share: 224. / all, Sent: 100, Received: 40, Frames: []uint64{3}, Filter: "ipv6.addr == 2001:db8::53"},
		"time": {What: "time", Counts: mix.Counts{Packets: 26, Bytes: 12560, WireBytes: all}, Flows: 3, Share: 1, Bucket: events.Duration(time.Second),
			Series: []mix.Bucket{
				{Start: second0, Counts: mix.Counts{Packets: 5, Bytes: 140, WireBytes: 404}, Categories: []mix.Part{{Category: mix.Names, WireBytes: 224}, {Category: mix.Web, WireBytes: 180}}},
				{Start: second0 + 1, Counts: mix.Counts{Packets: 15, Bytes: 12400, WireBytes: 13300}, Categories: []mix.Part{{Category: mix.Web, WireBytes: 13300}}},
				{Start: second0 + 2, Counts: mix.Counts{Packets: 6, Bytes: 20, WireBytes: 300}, Categories: []mix.Part{{Category: mix.Unknown, WireBytes: 300}}},
			},
			Frames: []uint64{1, 26}, Filter: "ip || ipv6"},
	} {
		if d := cmp.Diff(want, get(key)); d != "" {
			t.Errorf("%s:\n%s", key, d)
		}
	}
	var flat map[string]any
	if err := json.Unmarshal(events.AppendJSON(nil, get("host 10.0.0.1")), &flat); err != nil || flat["wire_bytes"] != 13704. {
		t.Errorf("%v %v", err, flat)
	}
	s := mix.Question.Summary()
	for i := range rows {
		s.Add(&rows[i])
	}
	got := s.Section(false)
	if want := "14.0 kB in 26 packets of 3 flows: web 96.3 %, unknown 2.1 %, name resolution 1.6 %."; got.Lead != want {
		t.Errorf("%q, want %q", got.Lead, want)
	}
}

// The step of time doubles until at most 512 are needed, and nothing is lost.
func TestLongCapture(t *testing.T) {
	var evs []*events.Event
	for i := range 3000 {
		evs = append(evs, web.Client(uint64(i+1), at(float64(i)), carried(int64(i), "http1", 1, 0, 10, 0, 64)))
	}
	// And one packet of the day before.
	evs = append(evs, web.Client(3001, 0, carried(-86400, "http1", 1, 0, 10, 0, 64)))
	v := foldtest.Value[mix.Value](t, foldtest.Rows(t, mix.Question, evs...), "time")
	// 89,400 seconds in at most 512 steps: 256 s wide (350 steps), for 128 s
	// would be 699.
	if v.Bucket != events.Duration(256*time.Second) {
		t.Errorf("bucket %v", v.Bucket.Std())
	}
	var sum uint64
	for _, b := range v.Series {
		sum += b.WireBytes
	}
	if sum != 3001*64 || v.Series[0].Start > second0-86400 || v.Series[0].WireBytes != 64 {
		t.Errorf("%d bytes, %+v", sum, v.Series[0])
	}
}

// More hosts than fit: the largest are right, the rest is one sum.
func TestManyHosts(t *testing.T) {
	l := events.DefaultLimits()
	l.FoldPending = 8
	var evs []*events.Event
	for i := range 40 {
		f := foldtest.TCP(uint32(i), fmt.Sprintf("10.1.0.%d:1000", i+1), "10.0.0.2:80")
		evs = append(evs, f.Client(uint64(i+1), at(0), carried(0, "http1", 1, 1, 100, 100, 300)))
	}
	rows := foldtest.RowsWithin(t, mix.Question, l, evs...)
	v := foldtest.Value[mix.Value](t, rows, "host 10.0.0.2")
	other := foldtest.Value[mix.Value](t, rows, "host other")
	if v.WireBytes != 40*300 || !v.Approximate {
		t.Errorf("%+v", v)
	}
	var hosts []analyzers.Row
	var wire, named uint64
	for _, r := range rows {
		if h := r.Value.(mix.Value); h.What == "host" {
			hosts = append(hosts, r)
			wire += h.WireBytes
			if h.Name != "other" {
				named++
			}
		}
	}
	// Each flow counts for both of its ends.
	if wire != 2*40*300 || other.Hosts != 41-named || len(hosts) > 9 {
		t.Errorf("%d bytes, %d hosts named, other is %+v", wire, named, other)
	}
}
