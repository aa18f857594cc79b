package capture

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/wiretale/wiretale/events"
	"pgregory.net/rapid"
)

func writeAll(t interface{ Fatal(...any) }, w Writer, ps []got, comments map[uint64][]string) {
	for _, p := range ps {
		k := Packet{Data: []byte(p.Data), Time: p.Time, Wire: p.Wire}
		if err := w.WritePacket(int(p.Iface), k, comments[p.Frame]...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// drawPackets draws packets of some interfaces, in units of time.
func drawPackets(t *rapid.T, links []LinkType, unit, latest int64) []got {
	n := rapid.IntRange(0, 50).Draw(t, "packets")
	var ps []got
	for i := range n {
		data := string(rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "data"))
		iface := rapid.IntRange(0, len(links)-1).Draw(t, "iface")
		ps = append(ps, got{
			Frame: uint64(i + 1), Data: data, Link: links[iface], Iface: uint16(iface),
			Time: events.Time(rapid.Int64Range(0, latest).Draw(t, "time") / unit * unit),
			Wire: uint32(len(data)) + rapid.Uint32Range(0, 100).Draw(t, "more"),
		})
	}
	return ps
}

func TestPcapRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Bool().Draw(t, "nano")
		unit := int64(1000)
		if nano {
			unit = 1
		}
		link := LinkType(rapid.Uint16().Draw(t, "link"))
		ps := drawPackets(t, []LinkType{link}, unit, 4294967295_999999999)
		var file bytes.Buffer
		writeAll(t, NewPcapWriter(&file, link, 0, nano), ps, nil)
		s, err := Open([]string{"-"}, Options{Stdin: &file})
		if err != nil {
			t.Fatal(err)
		}
		all, err := read(s)
		if d := cmp.Diff(ps, all); d != "" || err != nil {
			t.Fatal(err, d)
		}
	})
}

func TestPcapngRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[ -~äλ語]{0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		info := Info{text.Draw(t, "hardware"), text.Draw(t, "os"), text.Draw(t, "app"), text.Draw(t, "comment")}
		w := NewPcapngWriter(&file, info)
		var ifaces []Interface
		var links []LinkType
		for range rapid.IntRange(1, 4).Draw(t, "interfaces") {
			i := Interface{
				Link: LinkType(rapid.Uint16().Draw(t, "link")), Name: text.Draw(t, "name"),
				Description: text.Draw(t, "description"), Filter: text.Draw(t, "filter"), OS: text.Draw(t, "os"),
				Hardware: text.Draw(t, "hardware"), Resolution: 9, FCS: -1, File: "stdin",
				Speed: rapid.Uint64().Draw(t, "speed"),
			}
			if n, err := w.AddInterface(i); err != nil || n != len(ifaces) {
				t.Fatal(n, err)
			}
			ifaces, links = append(ifaces, i), append(links, i.Link)
		}
		names := []Name{
			{netip.MustParseAddr("192.0.2.1"), []string{"a.example", "b.example"}},
			{netip.MustParseAddr("2001:db8::7"), []string{"c.example"}},
		}
		if err := w.WriteNames(names); err != nil {
			t.Fatal(err)
		}
		secrets := rapid.SliceOf(rapid.Byte()).Draw(t, "secrets")
		if err := w.WriteSecrets(SecretsTLS, secrets); err != nil {
			t.Fatal(err)
		}
		ps := drawPackets(t, links, 1, 1<<63-1)
		comments := map[uint64][]string{}
		var want []Comment
		if info.Comment != "" {
			want = append(want, Comment{Iface: -1, Text: info.Comment})
		}
		for _, p := range ps {
			for range rapid.IntRange(0, 2).Draw(t, "comments") {
				c := "c" + text.Draw(t, "comment")
				comments[p.Frame] = append(comments[p.Frame], c)
				want = append(want, Comment{Frame: p.Frame, Iface: -1, Text: c})
			}
		}
		writeAll(t, w, ps, comments)

		s, err := Open([]string{"-"}, Options{Stdin: &file})
		if err != nil {
			t.Fatal(err)
		}
		all, err := read(s)
		if d := cmp.Diff(ps, all, cmpopts.EquateEmpty()); d != "" || err != nil {
			t.Fatal(err, d)
		}
		m := s.Meta()
		wantMeta := &Meta{
			Sections: []Section{{File: "stdin", Format: "pcapng", Version: "1.0",
				Hardware: info.Hardware, OS: info.OS, Application: info.Application}},
			Names: names, Comments: want, Secrets: []Secrets{{Type: SecretsTLS, Data: secrets}},
		}
		if d := cmp.Diff(wantMeta, m, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(ifaces, s.Interfaces()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestWritersRefuse(t *testing.T) {
	var b bytes.Buffer
	p := NewPcapWriter(&b, LinkEthernet, 4, false)
	n := NewPcapngWriter(&b, Info{})
	again := NewPcapWriter(&b, LinkEthernet, 0, false)
	if _, err := again.AddInterface(Interface{Link: LinkEthernet}); err != nil {
		t.Error(err)
	}
	early, late := Packet{Time: -1}, Packet{Time: 4294967296e9}
	for name, err := range map[string]error{
		"pcap secrets":  p.WriteSecrets(SecretsTLS, nil),
		"pcap names":    p.WriteNames(nil),
		"pcap comment":  p.WritePacket(0, Packet{}, "text"),
		"pcap iface":    p.WritePacket(1, Packet{}),
		"pcap 1969":     p.WritePacket(0, early),
		"pcap 2106":     p.WritePacket(0, late),
		"pcapng iface":  n.WritePacket(0, Packet{}),
		"pcap link":     second(p.AddInterface(Interface{Link: LinkRaw})),
		"pcap only one": second(again.AddInterface(Interface{Link: LinkEthernet})),
	} {
		if err == nil {
			t.Error(name)
		} else if strings.HasPrefix(name, "pcap ") && !errors.Is(err, ErrUnsupported) && !errors.Is(err, errTime) {
			t.Error(name, err)
		}
	}
	broken := NewPcapngWriter(failing{}, Info{})
	if err := broken.Flush(); !errors.Is(err, errFailing) {
		t.Error(err)
	}
	if _, err := broken.AddInterface(Interface{}); !errors.Is(err, errFailing) {
		t.Error("the first error stays:", err)
	}
}

func second(_ int, err error) error { return err }

var errFailing = errors.New("disk full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFailing }

// frame is an Ethernet frame with an UDP packet of n payload bytes.
func frame(n int) string {
	ip := 28 + n
	h := "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" +
		"\x45\x00" + string([]byte{byte(ip >> 8), byte(ip)}) + "\x00\x00\x40\x00\x40\x11\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02" +
		"\x30\x39\x30\x3a" + string([]byte{byte((8 + n) >> 8), byte(8 + n)}) + "\x00\x00"
	return h + strings.Repeat("p", n)
}

// tshark and tcpdump read what we write. (tcpdump reads no file with interfaces
// of several link types.)
func TestOthersReadIt(t *testing.T) {
	ps := []got{
		{1, 1700000000_123456000, frame(10), 52, LinkEthernet, 0},
		{2, 1700000001_000001000, frame(101), 1500, LinkEthernet, 0},
		{3, 1700000002_999999000, frame(0), 42, LinkEthernet, 0},
	}
	dir := t.TempDir()
	var micro, nano, ng bytes.Buffer
	writeAll(t, NewPcapWriter(&micro, LinkEthernet, 65535, false), ps, nil)
	writeAll(t, NewPcapWriter(&nano, LinkEthernet, 0, true), ps, nil)
	w := NewPcapngWriter(&ng, Info{Hardware: "box", OS: "an OS", Application: "wiretale", Comment: "about"})
	for _, i := range []Interface{{Link: LinkEthernet, Name: "eth0", Description: "uplink", Filter: "udp", OS: "Linux", Speed: 1e9}, {Link: LinkEthernet}} {
		if _, err := w.AddInterface(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.WriteNames([]Name{{netip.MustParseAddr("192.0.2.1"), []string{"one.example"}}}),
		w.WriteSecrets(SecretsTLS, []byte("CLIENT_RANDOM 00 00\n"))); err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, ps, map[uint64][]string{2: {"look here"}})

	for _, f := range []struct {
		name string
		data []byte
	}{{"micro.pcap", micro.Bytes()}, {"nano.pcap", nano.Bytes()}, {"ng.pcapng", ng.Bytes()}} {
		path := write(t, dir, f.name, f.data)
		t.Run("tshark "+f.name, func(t *testing.T) {
			want := "1,1700000000.123456000,52,52,,192.0.2.1\n2,1700000001.000001000,143,1500,,192.0.2.1\n3,1700000002.999999000,42,42,,192.0.2.1\n"
			if f.name == "ng.pcapng" {
				want = strings.Replace(want, "1500,,", "1500,look here,", 1)
			}
			got := run(t, "tshark", "-r", path, "-T", "fields", "-E", "separator=,", "-e", "frame.number", "-e", "frame.time_epoch",
				"-e", "frame.cap_len", "-e", "frame.len", "-e", "frame.comment", "-e", "ip.src")
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
		t.Run("tcpdump "+f.name, func(t *testing.T) {
			out := run(t, "tcpdump", "-tt", "-nr", path)
			var times []string
			for line := range strings.Lines(out) {
				times = append(times, fmt.Sprintf("%.17s", line))
			}
			want := []string{"1700000000.123456", "1700000001.000001", "1700000002.999999"}
			if d := cmp.Diff(want, times); d != "" {
				t.Error(d)
			}
		})
	}
}

// run gives a program's standard output; it must end without an error.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s", name)
	}
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return string(out)
}

// How many packets were lost before one is written and read again, beside its
// comments; another tool reads it, too.
func TestDropped(t *testing.T) {
	var file bytes.Buffer
	w := NewPcapngWriter(&file, Info{})
	if _, err := w.AddInterface(Interface{Link: LinkEthernet}); err != nil {
		t.Fatal(err)
	}
	want := []uint32{0, 3, 0, math.MaxUint32, 1}
	for i, n := range want {
		comments := make([]string, i%3)
		for j := range comments {
			comments[j] = "a comment"
		}
		if err := w.WritePacket(0, Packet{Data: make([]byte, 60+i), Dropped: n}, comments...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	saved := bytes.Clone(file.Bytes())
	s, err := Open([]string{"-"}, Options{Stdin: &file})
	if err != nil {
		t.Fatal(err)
	}
	var got []uint32
	for b := (Batch{}); s.Next(&b) == nil; b.Release() {
		for _, p := range b.Packets {
			got = append(got, p.Dropped)
		}
	}
	if !slices.Equal(got, want) || len(s.Meta().Comments) != 4 {
		t.Errorf("lost before each packet: %v, want %v; %d comments, want 4", got, want, len(s.Meta().Comments))
	}
	t.Run("tshark", func(t *testing.T) {
		path := write(t, t.TempDir(), "dropped.pcapng", saved)
		if got := run(t, "tshark", "-r", path, "-T", "fields", "-e", "frame.drop_count"); got != "\n3\n\n4294967295\n1\n" {
			t.Errorf("%q", got)
		}
	})
}
