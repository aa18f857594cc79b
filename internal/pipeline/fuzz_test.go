package pipeline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// FuzzPipeline reads any bytes as a capture and asks everything of it, with
// the default limits and with tight ones: no fault, the same bytes for one
// worker and for two, bounded output and memory.
func FuzzPipeline(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	tight := tightLimits()
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range []Config{{}, {Hash: true, Limits: tight}} {
			var first fuzzed
			for _, n := range []int{1, 2} {
				c.Workers = n
				got := fuzz(t, c, data)
				if n == 1 {
					first = got
				} else if d := got.differs(&first); d != "" {
					t.Fatal("two workers give another result than one: ", d)
				}
			}
		}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		if m := s.Sys - s.HeapReleased; m > memoryLimit {
			t.Fatalf("memory: %d bytes", m)
		}
	})
}

// fuzzed is what came of one run.
type fuzzed struct {
	events, rows bytes.Buffer
	err          string
}

func (a *fuzzed) differs(b *fuzzed) string {
	switch {
	case a.err != b.err:
		return a.err + "\n" + b.err
	case !bytes.Equal(a.events.Bytes(), b.events.Bytes()):
		return firstDifference(a.events.String(), b.events.String())
	case !bytes.Equal(a.rows.Bytes(), b.rows.Bytes()):
		return firstDifference(a.rows.String(), b.rows.String())
	}
	return ""
}

// firstDifference are the first lines that differ.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range x {
		if i == len(y) || x[i] != y[i] {
			return x[i] + "\n" + strings.Join(y[min(i, len(y)):min(i+1, len(y))], "")
		}
	}
	return "it says more"
}

// growth bounds what is said of a capture: bytes of JSON for each byte of its
// packets. DNS grows most: a pointer of two bytes stands for a name of 1,000.
const growth = 4000

func fuzz(t *testing.T, c Config, data []byte) (out fuzzed) {
	c.Paths, c.Stdin = []string{"-"}, bytes.NewReader(data)
	stats, err := record(t.Context(), all(c), &out.events, &out.rows)
	if err != nil {
		checkError(t, c.Paths, err)
		out.err = err.Error()
		if e := (*capture.Error)(nil); errors.As(err, &e) && e.File != "stdin" {
			t.Errorf("the error is of another file: %v", err)
		}
	}
	if n := uint64(out.events.Len() + out.rows.Len()); n > growth*(stats.Bytes+uint64(len(data))+64*stats.Packets+1024) {
		t.Errorf("%d bytes of output for %d packets of %d bytes", n, stats.Packets, stats.Bytes)
	}
	return out
}

// seeds are made conversations and, where they are at hand, the smallest of
// the shared captures and the smallest with DNS or HTTP in them.
func seeds(f *testing.F) [][]byte {
	list := [][]byte{
		{},
		pcapOf(dnsTalk()...),
		pcapOf(httpTalk()...),
		pcapOf(append(httpTalk()[:5], dnsTalk()...)...),
		pcapOf(slices.DeleteFunc(httpTalk(), func(p capture.Packet) bool { return len(p.Data) > 54 && p.Data[34] == 0 })...), // one side
	}
	dirs, err := os.ReadDir(captures)
	if err != nil {
		f.Logf("without the captures in ../shared/captures: %v", err)
		return list
	}
	type file struct {
		path string
		size int64
	}
	var files []file
	for _, d := range dirs {
		entries, err := os.ReadDir(captures + "/" + d.Name())
		if err != nil {
			continue // a file
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				files = append(files, file{captures + "/" + d.Name() + "/" + e.Name(), info.Size()})
			}
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return int(a.size - b.size) })
	talk := 0
	for i, fl := range files {
		name := strings.ToLower(fl.path)
		spoken := strings.Contains(name, "dns") || strings.Contains(name, "http")
		if i >= 60 && (!spoken || talk == 20) || fl.size > 8<<10 {
			continue
		}
		if i >= 60 {
			talk++
		}
		b, err := os.ReadFile(fl.path)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, b)
	}
	return list
}

// pcapOf is a pcap file of packets, a millisecond apart.
func pcapOf(ps ...capture.Packet) []byte {
	var b bytes.Buffer
	w := capture.NewPcapWriter(&b, capture.LinkRaw, 262144, false)
	iface, err := w.AddInterface(capture.Interface{Link: capture.LinkRaw})
	for i, p := range ps {
		p.Link, p.Time = capture.LinkRaw, events.Time(1e18+i*1e6)
		err = errors.Join(err, w.WritePacket(iface, p))
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// ip4 is an IPv4 packet from 10.0.0.1 to 10.0.0.2, or back.
func ip4(back bool, proto byte, payload []byte) capture.Packet {
	b := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	if back {
		b[15], b[19] = 2, 1
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(payload)))
	return capture.Packet{Data: append(b, payload...), Wire: uint32(len(b) + len(payload))}
}

func ports(back bool, server uint16) []byte {
	b := binary.BigEndian.AppendUint16(nil, 40000)
	b = binary.BigEndian.AppendUint16(b, server)
	if back {
		b[0], b[1], b[2], b[3] = b[2], b[3], b[0], b[1]
	}
	return b
}

func dnsTalk() []capture.Packet {
	say := func(back bool, m string) capture.Packet {
		b := binary.BigEndian.AppendUint16(ports(back, 53), uint16(8+len(m)))
		return ip4(back, events.ProtoUDP, append(append(b, 0, 0), m...))
	}
	return []capture.Packet{
		say(false, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01"),
		say(true, "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x00\x00\x02"),
	}
}

func httpTalk() []capture.Packet {
	seq := [2]uint32{1000, 2000}
	say := func(back bool, flags byte, data string) capture.Packet {
		from, to := 0, 1
		if back {
			from, to = 1, 0
		}
		b := binary.BigEndian.AppendUint32(ports(back, 80), seq[from])
		ack := seq[to]
		if flags&0x10 == 0 {
			ack = 0
		}
		b = binary.BigEndian.AppendUint32(b, ack)
		b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
		seq[from] += uint32(len(data)) + uint32(flags&1) + uint32(flags>>1&1)
		return ip4(back, events.ProtoTCP, append(b, data...))
	}
	return []capture.Packet{
		say(false, 0x02, ""), say(true, 0x12, ""), say(false, 0x10, ""),
		say(false, 0x18, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"),
		say(true, 0x18, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello"),
		say(true, 0x18, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		say(false, 0x10, ""), say(false, 0x11, ""), say(true, 0x11, ""), say(false, 0x10, ""),
	}
}

// What is made above is what it says it is.
func TestMadeSeeds(t *testing.T) {
	var out fuzzed
	c := Config{Workers: 1, Paths: []string{"-"}, Stdin: bytes.NewReader(pcapOf(append(dnsTalk(), httpTalk()...)...))}
	if _, err := record(t.Context(), all(c), &out.events, &out.rows); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]int{"dns.message": 2, "http.request": 2, "http.response": 2, "http.body": 2, "flow.gap": 0, "flow.violation": 0} {
		if n := strings.Count(out.events.String(), `"kind":"`+kind+`"`); n != want {
			t.Errorf("%d of %s, want %d:\n%s", n, kind, want, out.events.String())
		}
	}
}
