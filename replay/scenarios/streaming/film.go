package streaming

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios/internal/web"
)

const (
	segmentTime = 500 * time.Millisecond
	segments    = 14
)

// ladder are the rates of the film.
var ladder = []struct {
	name          string
	rate          int64 // bit/s
	width, height int
}{
	{"low", 150_000, 320, 180},
	{"mid", 300_000, 640, 360},
	{"high", 500_000, 1280, 720},
}

// film makes segments up.
type film struct {
	rnd *rand.Rand
}

func newFilm(seed uint64) *film { return &film{rnd: web.Random(seed, "streaming")} }

// size is that of the next segment of a rate: film is not all alike.
func (f *film) size(rate int64) int {
	most := int(rate * int64(segmentTime) / int64(time.Second) / 8)
	return most - f.rnd.IntN(most/8)
}

func (f *film) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.rnd.Uint32())
	}
	return b
}

// box is one of ISO/IEC 14496-12 section 4.2: its length, its type, its bytes.
func box(name string, content []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(content)))
	return append(append(b, name...), content...)
}

// brands is the content of an ftyp or styp box: a major brand, its version, and
// the brands it is compatible with.
func brands(major string, others ...string) []byte {
	b := append([]byte(major), 0, 0, 0, 0)
	for _, o := range others {
		b = append(b, o...)
	}
	return b
}

// mp4Head and mp4Segment are the parts of a film in ISO base media format.
// What is in them is noise: nothing here looks at pictures.
func (f *film) mp4Head() []byte {
	return append(box("ftyp", brands("iso6", "iso6", "dash")), box("free", f.noise(600))...)
}

func (f *film) mp4Segment(size int) []byte {
	head := box("styp", brands("msdh", "msdh", "msix"))
	return append(head, box("mdat", f.noise(max(0, size-len(head)-8)))...)
}

// tsSegment is a segment of an MPEG transport stream (ISO/IEC 13818-1 section
// 2.4.3): packets of 188 bytes, here all of the kind that says nothing (PID
// 0x1fff).
func (f *film) tsSegment(size int) []byte {
	const packet = 188
	var b []byte
	for range max(1, size/packet) {
		b = append(b, 0x47, 0x1f, 0xff, 0x10)
		b = append(b, f.noise(packet-4)...)
	}
	return b
}

func number(segment int) string { return fmt.Sprintf("%03d", segment) }
