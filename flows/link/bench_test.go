package link

import (
	"strings"
	"testing"
)

// BenchmarkDecode is the cost of one packet, per encapsulation.
func BenchmarkDecode(b *testing.B) {
	for _, e := range encapsulations {
		b.Run(strings.ReplaceAll(e.name, " ", "_"), func(b *testing.B) {
			d := newDecoder(b, nil)
			in := frame(e.link, e.data)
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				if d.Decode(in, &p) != IP {
					b.Fatal("not IP")
				}
			}
		})
	}
}

// BenchmarkFragments is the cost of one fragment of a datagram of four.
func BenchmarkFragments(b *testing.B) {
	d := newDecoder(b, nil)
	data := strings.Repeat("x", 1480)
	var ins [4][]byte
	for i := range ins {
		ins[i] = frag{1480 * i, data, i < 3}.v4(1)
	}
	var p Packet
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.Decode(frame(101, ins[i&3]), &p)
		i++
	}
}
