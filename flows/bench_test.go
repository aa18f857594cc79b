package flows

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// swallow is a decoder that takes all bytes and says nothing.
type swallow struct{}

func (swallow) Data(w decoders.Window, _ decoders.Sink) (int, int, error) {
	return len(w.Bytes), 0, nil
}
func (swallow) Gap(events.Dir, int64, decoders.Sink) error   { return nil }
func (swallow) End(events.Dir, events.Ending, decoders.Sink) {}

// bulk is the middle of a download: two segments of data, one ACK, and so on.
// next makes the following batch in place, so that sequence numbers go on.
type bulk struct {
	pkts []capture.Packet
	seq  uint32
	at   events.Time
}

func newBulk(n int) *bulk {
	b := &bulk{seq: 1}
	data := strings.Repeat("x", 1448)
	for i := range n {
		if i%3 < 2 {
			b.pkts = append(b.pkts, seg{who: "s", seq: 1, ack: 1, data: data}.packet())
		} else {
			b.pkts = append(b.pkts, seg{who: "c", seq: 1, ack: 1}.packet())
		}
	}
	return b
}

func (b *bulk) next() {
	for i := range b.pkts {
		p := &b.pkts[i]
		field := p.Data[24:] // sequence number
		v := b.seq + serverISN
		if i%3 == 2 {
			field = p.Data[28:] // acknowledgement
		}
		field[0], field[1], field[2], field[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
		if i%3 < 2 {
			b.seq += 1448
		}
		b.at += 10_000
		p.Time = b.at
	}
}

func newBench(tb testing.TB, workers int) (*Dispatcher, []*Worker, *Work) {
	proto := decoders.Proto{
		Name:   "swallow",
		Probe:  func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.Yes, from },
		Stream: func(decoders.Env) decoders.Stream { return swallow{} },
	}
	d, ws := NewDispatcher(&Config{Limits: limits(), Protos: []decoders.Proto{proto}, Want: allKinds(), Workers: workers})
	tb.Cleanup(d.Close)
	return d, ws, NewWork(workers)
}

// TestBulkAllocatesNothing holds the packet path to what it promises.
func TestBulkAllocatesNothing(t *testing.T) {
	d, ws, w := newBench(t, 1)
	b := newBulk(3000)
	var m Merger
	run := func() {
		b.next()
		w.Batch.Packets = b.pkts
		d.Dispatch(w)
		ws[0].Run(w)
		m.Merge(w)
		w.Batch.First += uint64(len(b.pkts))
	}
	w.Batch.First = 1
	for range 3 {
		run()
	}
	if n := testing.AllocsPerRun(10, run); n > 3 {
		t.Errorf("%v allocations for %d packets, want none", n, len(b.pkts))
	}
}

func BenchmarkDispatch(b *testing.B) {
	d, _, w := newBench(b, 1)
	k := newBulk(3000)
	b.ReportAllocs()
	b.SetBytes(int64(len(k.pkts[0].Data)))
	for n := 0; n < b.N; n += len(k.pkts) {
		k.next()
		w.Batch.Packets = k.pkts
		d.Dispatch(w)
	}
}

func BenchmarkBulk(b *testing.B) {
	d, ws, w := newBench(b, 1)
	k := newBulk(3000)
	var m Merger
	b.ReportAllocs()
	b.SetBytes(int64(len(k.pkts[0].Data)))
	for n := 0; n < b.N; n += len(k.pkts) {
		k.next()
		w.Batch.Packets = k.pkts
		d.Dispatch(w)
		ws[0].Run(w)
		m.Merge(w)
	}
}

// BenchmarkManyFlows looks up 500,000 flows in no order.
func BenchmarkManyFlows(b *testing.B) {
	t := newTable(limits())
	key := func(i uint32) *key {
		i *= 2654435761
		src := events.Addr4([4]byte{10, byte(i >> 24), byte(i >> 16), byte(i >> 8)})
		dst := events.Addr4([4]byte{192, 0, 2, 1})
		k, _ := makeKey(&src, &dst, 1024+uint16(i), 53, events.ProtoUDP, false)
		return &k
	}
	const flows = 500_000
	for i := range uint32(flows) {
		k := key(i)
		h := t.seeds.flow(k, t.seeds.hosts(k))
		n := t.alloc()
		*t.at(n) = record{key: *k, hash: h}
		t.insert(n, h)
	}
	b.ReportAllocs()
	i := uint32(0)
	for b.Loop() {
		i = (i + 7919) % flows
		k := key(i)
		if t.find(k, t.seeds.flow(k, t.seeds.hosts(k))) == 0 {
			b.Fatal("lost a flow")
		}
	}
}
