package utp

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// deaf is a Sink that does nothing.
type deaf struct{}

func (deaf) Emit(events.Dir, events.Body)      {}
func (deaf) Truncated(events.Dir, events.Body) {}
func (deaf) Switch(decoders.Next)              {}
func (deaf) Open(decoders.Next) decoders.Feed  { return deaf{} }
func (deaf) Expect(decoders.Expectation)       {}
func (deaf) Limit(string, int, string, int64)  {}
func (deaf) Data(events.Dir, []byte)           {}
func (deaf) Gap(events.Dir, int64)             {}
func (deaf) End(events.Dir, events.Ending)     {}

// A packet of data and the packet that acknowledges it.
func BenchmarkBulk(b *testing.B) {
	for name, want := range map[string]events.KindSet{"bulk": {}, "segments": events.SetOf(events.KindUTPSegment)} {
		b.Run(name, func(b *testing.B) {
			l := events.DefaultLimits()
			d := newDatagram(decoders.Env{Limits: &l, Want: &want})
			data := []byte(packet(typeData, 101, 2, 499, strings.Repeat("x", 1380)))
			ack := []byte(packet(typeState, 100, 500, 2, ""))
			for _, p := range []string{packet(typeSYN, 100, 1, 0, "")} {
				_ = d.Packet(decoders.Window{Bytes: []byte(p)}, deaf{})
			}
			_ = d.Packet(decoders.Window{From: events.FromServer, Bytes: []byte(packet(typeState, 100, 500, 1, ""))}, deaf{})
			b.SetBytes(1400)
			b.ReportAllocs()
			seq := uint16(2)
			for b.Loop() {
				data[16], data[17] = byte(seq>>8), byte(seq)
				ack[18], ack[19] = byte(seq>>8), byte(seq)
				seq++
				if d.Packet(decoders.Window{Bytes: data}, deaf{}) != nil || d.Packet(decoders.Window{From: events.FromServer, Bytes: ack}, deaf{}) != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
