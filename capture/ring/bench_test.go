package ring

import (
	"path/filepath"
	"testing"
	"time"
)

// What can be sustained, for batches of 64 packets, where nothing is dropped and
// what waits is little: to a disk that takes everything at once, and to
// files that rotate.
func BenchmarkWrite(b *testing.B) {
	nothing := func(string, []byte, mode) (file, error) { return nowhere{}, nil }
	for _, k := range []struct {
		name   string
		size   int
		create creator
	}{{"64 bytes", 64, nothing}, {"1500 bytes", 1500, nothing}, {"64 bytes, files", 64, create}, {"1500 bytes, files", 1500, create}} {
		b.Run(k.name, func(b *testing.B) {
			w, err := start(Config{Path: filepath.Join(b.TempDir(), "a.pcapng"), Interfaces: ether, MaxBytes: 100e6, Keep: 2, Queue: 8 << 20}, k.create)
			if err != nil {
				b.Fatal(err)
			}
			ps := numbered(0, 64, k.size)
			b.SetBytes(int64(64 * k.size))
			b.ReportAllocs()
			for b.Loop() {
				for w.Write(ps) > 0 {
					time.Sleep(100 * time.Microsecond)
				}
			}
			b.ReportMetric(float64(w.Stats().Packets)/b.Elapsed().Seconds(), "packets/s")
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error)    { return len(b), nil }
func (nowhere) Close() error                   { return nil }
func (nowhere) Truncate(int64) error           { return nil }
func (nowhere) Seek(int64, int) (int64, error) { return 0, nil }
