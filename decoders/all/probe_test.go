package all

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// firsts are the first payloads of flows.
func firsts() (tcp, udp []first) {
	noise := make([]byte, 1448)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	noise[0] |= 0x80
	rtp := append([]byte{0x80, 0, 1, 2, 0, 0, 3, 4, 9, 9, 9, 9}, noise[:160]...)
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + string(noise[:507])
	tcp = []first{
		{"http", "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: a browser\r\nAccept: */*\r\n\r\n"},
		{"tls", hello},
		{"ssh", "SSH-2.0-OpenSSH_9.6\r\n"},
		{"text", strings.Repeat("<p>Some text of a page that was joined midway.</p>\n", 28)},
		{"noise", string(noise)},
	}
	udp = []first{
		{"dns", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01"},
		{"rtp", string(rtp)},
		{"noise", string(noise[:1200])},
	}
	return tcp, udp
}

type first struct{ name, bytes string }

// BenchmarkProbe is what looking for the protocol in the first payload of a
// flow costs.
func BenchmarkProbe(b *testing.B) {
	tcp, udp := firsts()
	for _, x := range []struct {
		transport string
		list      []first
		speaks    func(*decoders.Proto) bool
	}{
		{"tcp", tcp, func(p *decoders.Proto) bool { return p.Stream != nil }},
		{"udp", udp, func(p *decoders.Proto) bool { return p.Datagram != nil }},
	} {
		for _, f := range x.list {
			b.Run(fmt.Sprintf("%s/%s", x.transport, f.name), func(b *testing.B) {
				ps := Protos()
				head := []byte(f.bytes)
				b.ReportAllocs()
				for b.Loop() {
					for i := range ps {
						if !x.speaks(&ps[i]) {
							continue
						}
						if v, _ := ps[i].Probe(events.FromClient, head); v == decoders.Yes {
							break
						}
					}
				}
			})
		}
	}
}
