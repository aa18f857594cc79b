package capture

import (
	"io"
	"os"
	"testing"
)

// readAll drains s and gives the packets and their captured bytes.
func readAll(tb testing.TB, s *Source) (packets int, bytes int64) {
	tb.Helper()
	var b Batch
	for {
		err := s.Next(&b)
		if err == io.EOF {
			return packets, bytes
		}
		if err != nil {
			tb.Fatal(err)
		}
		for i := range b.Packets {
			bytes += int64(len(b.Packets[i].Data))
		}
		packets += len(b.Packets)
		b.Release()
	}
}

func benchFiles(b *testing.B, paths ...string) {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			b.Skipf("needs %s (see docs/benchmarks.md): %v", p, err)
		}
	}
	b.ReportAllocs()
	packets := 0
	for b.Loop() {
		s, err := Open(paths, Options{})
		if err != nil {
			b.Fatal(err)
		}
		n, bytes := readAll(b, s)
		s.Close()
		packets += n
		b.SetBytes(bytes)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}

func BenchmarkMixed(b *testing.B)  { benchFiles(b, "/tmp/bench/mixed.pcap") }
func BenchmarkSlice(b *testing.B)  { benchFiles(b, "/tmp/bench/slice.pcap") }
func BenchmarkMerged(b *testing.B) { benchFiles(b, "/tmp/bench/slice.pcap", "/tmp/bench/slice.pcap") }

func benchWriter(b *testing.B, w Writer) {
	if _, err := w.AddInterface(Interface{Link: LinkEthernet}); err != nil {
		b.Fatal(err)
	}
	p := Packet{Data: make([]byte, 540), Wire: 540, Time: 1700000000e9}
	b.ReportAllocs()
	b.SetBytes(540)
	for b.Loop() {
		if err := w.WritePacket(0, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWritePcap(b *testing.B) {
	benchWriter(b, NewPcapWriter(io.Discard, LinkEthernet, 0, true))
}
func BenchmarkWritePcapng(b *testing.B) { benchWriter(b, NewPcapngWriter(io.Discard, Info{})) }
