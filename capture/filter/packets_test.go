package filter

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wiretale/wiretale/capture"
)

// pkt is a packet of a shared capture, or the front of one.
type pkt struct {
	data []byte
	wire uint32
	from string
}

// sharedPackets are packets of the shared captures by link type: a sample, or
// many of all with WIRETALE_CAPTURES=all. Each tenth is there once more, cut
// off somewhere.
func sharedPackets(t testing.TB) map[capture.LinkType][]pkt {
	t.Helper()
	out := readShared()
	if out == nil {
		t.Skip("no shared captures in ../../../shared/captures")
	}
	return out
}

var readShared = sync.OnceValue(func() map[capture.LinkType][]pkt {
	files, _ := filepath.Glob("../../../shared/captures/*/*")
	step, perFile, perLink := 5, 40, 6000
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		step, perFile, perLink = 1, 2000, 60000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var out map[capture.LinkType][]pkt
	for i := 0; i < len(files); i += step {
		src, err := capture.Open(files[i:i+1], capture.Options{})
		if err != nil {
			continue
		}
		n := 0
		var b capture.Batch
		for n < perFile && src.Next(&b) == nil {
			for _, p := range b.Packets {
				if n++; n > perFile || len(out[p.Link]) >= perLink {
					break
				}
				if out == nil {
					out = map[capture.LinkType][]pkt{}
				}
				one := pkt{append([]byte(nil), p.Data...), p.Wire, filepath.Base(files[i])}
				out[p.Link] = append(out[p.Link], one)
				if n%10 == 0 {
					one.data = one.data[:rng.IntN(min(len(one.data), 80)+1)]
					out[p.Link] = append(out[p.Link], one)
				}
			}
			b.Release()
		}
		src.Close()
	}
	// Few captures are raw IP, or cooked: what Ethernet carried serves, too.
	for _, p := range out[capture.LinkEthernet] {
		if len(p.data) < 14 {
			continue
		}
		typ := [2]byte{p.data[12], p.data[13]}
		add := func(l capture.LinkType, head []byte) {
			if len(out[l]) < perLink/3 {
				out[l] = append(out[l], pkt{append(head, p.data[14:]...), p.wire - 14 + uint32(len(head)), p.from + " (made)"})
			}
		}
		sll := []byte{0, byte(rng.IntN(6)), 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, typ[0], typ[1]}
		sll2 := []byte{typ[0], typ[1], 0, 0, 0, 0, 0, byte(rng.IntN(4)), 0, 1, byte(rng.IntN(6)), 6, 1, 2, 3, 4, 5, 6, 0, 0}
		add(capture.LinkSLL, sll)
		add(capture.LinkSLL2, sll2)
		add(capture.LinkCHDLC, []byte{15, 0, typ[0], typ[1]})
		ppp := []byte{0xff, 3, 0, 0x21}
		switch typ {
		case [2]byte{8, 0}:
			add(capture.LinkNull, []byte{2, 0, 0, 0})
			add(capture.LinkLoop, []byte{0, 0, 0, 2})
			add(capture.LinkIPv4, nil)
		case [2]byte{0x86, 0xdd}:
			ppp[3] = 0x57
			add(capture.LinkNull, []byte{10, 0, 0, 0})
			add(capture.LinkLoop, []byte{0, 0, 0, 10})
			add(capture.LinkIPv6, nil)
		case [2]byte{0x88, 0x47}:
			ppp[2], ppp[3] = 2, 0x81
		default:
			continue
		}
		add(capture.LinkRaw, nil)
		add(capture.LinkPPP, ppp)
		add(capture.LinkPPPHDLC, ppp)
		add(capture.LinkPPPEther, append([]byte{0x11, 0, 0, 1, 0, 9}, ppp[2:]...))
	}
	return out
})
