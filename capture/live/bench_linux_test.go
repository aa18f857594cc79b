//go:build !libpcap

package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
)

// BenchmarkDrain is how fast packets are taken out of a ring that is full; the
// filling does not count.
func BenchmarkDrain(b *testing.B) {
	for _, size := range []int{60, 1000} {
		for _, c := range []struct {
			name string
			Config
		}{{"one", Config{Interface: "wl0"}}, {"vlan", Config{Interface: "wl0"}}, {"any", Config{Interface: Any}}, {"fanout", Config{Interface: "wl0", Fanout: 2}}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				cable(b)
				c.Buffer = 32 << 20
				s := open(b, c.Config)
				out := sendOn(b, "wl1")
				f := frame(1, size)
				if c.name == "vlan" {
					f = tag(f, 0x8100<<16|5)
				}
				const round = 8000
				b.ReportAllocs()
				var batch capture.Batch
				packets, sum, took := 0, byte(0), time.Duration(0)
				b.ResetTimer()
				for packets < b.N {
					b.StopTimer()
					sent := round
					if size > 500 {
						sent = round / 2
					}
					for range sent {
						out.send(f)
					}
					if c.name == "any" {
						sent *= 2 // at both ends
					}
					time.Sleep(100 * time.Millisecond) // the last block is handed over
					b.StartTimer()
					begin := time.Now()
					for got := 0; got < sent; {
						if err := s.Next(&batch); err != nil {
							b.Fatal(err)
						}
						for i := range batch.Packets {
							sum += batch.Packets[i].Data[12] // it is looked at
						}
						got += len(batch.Packets)
						packets += len(batch.Packets)
						batch.Release()
					}
					took += time.Since(begin)
				}
				b.StopTimer()
				_ = sum
				b.ReportMetric(float64(packets)/took.Seconds(), "packets/s")
				if st := s.Stats(); st.Dropped > 0 {
					b.Errorf("%+v", st)
				}
			})
		}
	}
}
