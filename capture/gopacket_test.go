package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/wiretale/wiretale/events"
	"pgregory.net/rapid"
)

// The oracle of this file is gopacket's pcapgo: an implementation of the same
// formats that shares no code with ours. It reads what our writers write and
// writes what our reader reads. Its readers are fit for files that we made
// ourselves only (docs/decisions/001-gopacket.md).

type packetReader interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// readOracle drains an oracle; interfaces are those of links.
func readOracle(r packetReader, links []LinkType) (all []got, err error) {
	for n := uint64(1); ; n++ {
		data, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, got{n, events.TimeOf(ci.Timestamp), string(data), uint32(ci.Length), links[ci.InterfaceIndex], uint16(ci.InterfaceIndex)})
	}
}

// oracleLinks are link types that gopacket's one byte for them can hold.
var oracleLinks = []LinkType{LinkEthernet, 0, 101, 105, 113, 127, 228}

func TestGopacketReadsPcap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Bool().Draw(t, "nano")
		unit := int64(1000)
		if nano {
			unit = 1
		}
		link := rapid.SampledFrom(oracleLinks).Draw(t, "link")
		ps := drawPackets(t, []LinkType{link}, unit, 4294967295_999999999)
		var file bytes.Buffer
		writeAll(t, NewPcapWriter(&file, link, 0, nano), ps, nil)
		r, err := pcapgo.NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		if r.LinkType() != layers.LinkType(link) {
			t.Errorf("link type %v, want %d", r.LinkType(), link)
		}
		all, err := readOracle(r, []LinkType{link})
		if d := cmp.Diff(ps, all); d != "" || err != nil {
			t.Fatal(err, d)
		}
	})
}

func TestGopacketReadsPcapng(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := rapid.SliceOfN(rapid.SampledFrom(oracleLinks), 1, 3).Draw(t, "links")
		ps := drawPackets(t, links, 1, 1<<62)
		var file bytes.Buffer
		w := NewPcapngWriter(&file, Info{Application: "wiretale"})
		for i, l := range links {
			if _, err := w.AddInterface(Interface{Link: l, Name: string(rune('a' + i)), Resolution: 9, FCS: -1}); err != nil {
				t.Fatal(err)
			}
		}
		writeAll(t, w, ps, nil)
		r, err := pcapgo.NewNgReader(&file, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			t.Fatal(err)
		}
		all, err := readOracle(r, links)
		if d := cmp.Diff(ps, all); d != "" || err != nil {
			t.Fatal(err, d)
		}
		if len(ps) == 0 {
			return // it reads descriptions of interfaces up to the first packet
		}
		if app := r.SectionInfo().Application; app != "wiretale" {
			t.Errorf("application %q", app)
		}
		for i, l := range links {
			if got, err := r.Interface(i); err != nil || got.LinkType != layers.LinkType(l) || got.Name != string(rune('a'+i)) {
				t.Errorf("interface %d: %v %q, %v", i, got.LinkType, got.Name, err)
			}
		}
	})
}

func info(p got) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: time.Unix(0, int64(p.Time)), CaptureLength: len(p.Data), Length: int(p.Wire), InterfaceIndex: int(p.Iface)}
}

func TestReadsGopacketsPcap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Bool().Draw(t, "nano")
		newWriter, unit := pcapgo.NewWriter, int64(1000)
		if nano {
			newWriter, unit = pcapgo.NewWriterNanos, 1
		}
		link := rapid.SampledFrom(oracleLinks).Draw(t, "link")
		ps := drawPackets(t, []LinkType{link}, unit, 4294967295_999999999)
		var file bytes.Buffer
		w := newWriter(&file)
		if err := w.WriteFileHeader(65535, layers.LinkType(link)); err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if err := w.WritePacket(info(p), []byte(p.Data)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open([]string{"-"}, Options{Stdin: &file})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all, err := read(s)
		if d := cmp.Diff(ps, all); d != "" || err != nil {
			t.Fatal(err, d)
		}
	})
}

func TestReadsGopacketsPcapng(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := rapid.SliceOfN(rapid.SampledFrom(oracleLinks), 1, 3).Draw(t, "links")
		ps := drawPackets(t, links, 1, 1<<62)
		var file bytes.Buffer
		w, err := pcapgo.NewNgWriterInterface(&file, pcapgo.NgInterface{Name: "if0", LinkType: layers.LinkType(links[0]), TimestampResolution: 9}, pcapgo.NgWriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range links[1:] {
			if _, err := w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkType(l), TimestampResolution: 9}); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range ps {
			if err := w.WritePacket(info(p), []byte(p.Data)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		s, err := Open([]string{"-"}, Options{Stdin: &file})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all, err := read(s)
		if d := cmp.Diff(ps, all); d != "" || err != nil {
			t.Fatal(err, d)
		}
	})
}
