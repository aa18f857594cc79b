package pipeline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/wiretale/wiretale/capture"
	protocols "github.com/wiretale/wiretale/decoders/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/flows"
	"github.com/wiretale/wiretale/flows/link"
)

// TestDetectionOnOtherPorts: what is found on the ports that protocols are
// known by is found on others, too. Each capture is read as it is, and with
// all ports of TCP and UDP replaced, so that none is left that a decoder names.
// What is found does not depend on what is wanted, either. docs/detection.md
// has the table, and why the rest needs a port.
func TestDetectionOnOtherPorts(t *testing.T) {
	files := sample(t, 10)
	total := detectionTable{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	for range 2 {
		wg.Go(func() {
			for file := range next {
				plain, moved, err := bothWays(t, file)
				mu.Lock()
				if err != nil {
					t.Logf("%s: %v", file, err)
				} else {
					total.add(strings.TrimPrefix(file, captures+"/"), plain, moved)
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
	t.Logf("%d captures\n%s", len(files), total.String())
	for _, p := range slices.Sorted(maps.Keys(total)) {
		row := total[p]
		slices.Sort(row.lost)
		slices.Sort(row.claimed)
		for _, x := range row.lost {
			if lostWithPorts(p, x) == "" {
				t.Errorf("lost on other ports: %s: %s", p, x)
			}
		}
		for _, x := range row.claimed {
			t.Errorf("only on other ports: %s: %s", p, x)
		}
	}
}

// needPorts are the captures on which a protocol is known by its port alone,
// and why.
var needPorts = []struct{ protocol, capture, why string }{
	{"ftp", "Colgne1.pcap", "USER and QUIT of one side: POP3 has them, too"},
	{"ftp", "ftp_exposed_creds.pcap", "a PASS of one side: POP3 has it, too"},
	{"dns", "hari.pcap", "cut by the snaplen"},
	{"dns", "video_multicast.cap.gz", "cut by the snaplen"},
	{"dns", "zwnd.dmp.gz", "cut by the snaplen"},
	{"dns", "14_dns_ipv4_truncated_message.pcap", "made to be broken"},
	{"dns", "15_dns_ipv4_malformed_pointer_oob.pcap", "made to be broken"},
	{"dns", "16_dns_ipv4_malformed_pointer_loop.pcap", "made to be broken"},
	{"dns", "10_mdns_ipv4_truncated_message.pcap", "made to be broken"},
	{"dns", "11_mdns_ipv4_malformed_pointer.pcap", "made to be broken"},
	{"dns", "arkime_synthetic.pcap", "twelve zeros"},
	{"dns", "DnsPacketTest.pcap", "made up: an operation that is obsolete"},
}

// lostWithPorts says why a protocol needs a port on a flow, "" where it should
// not.
func lostWithPorts(protocol, where string) string {
	if protocol == "ftp-data" && strings.HasSuffix(where, " by expected") {
		return "the announcement names a port that is no more"
	}
	for _, x := range needPorts {
		if x.protocol == protocol && strings.Contains(where, x.capture+" ") && strings.HasSuffix(where, " by port") {
			return x.why
		}
	}
	return ""
}

// bothWays is what is found in a capture as it is, and on other ports.
func bothWays(t *testing.T, file string) (plain, moved found, err error) {
	batches, err := load(file)
	if err != nil {
		return nil, nil, err
	}
	everything := events.SetOf(events.Kinds()...)
	plain = detect(t, batches, everything, nil)
	bare := detect(t, batches, events.SetOf(events.KindFlowStart, events.KindFlowDetected), nil)
	for at, speakers := range plain {
		for s, by := range speakers {
			if strings.Count(s.layer, "/") == 1 && bare[at][s] != by {
				t.Errorf("%s frame %d: %s by %s, where nothing is wanted of it by %q", file, at.frame, s.layer, by, bare[at][s])
			}
		}
	}
	if err := remap(batches); err != nil {
		return nil, nil, err
	}
	return plain, detect(t, batches, everything, known()), nil
}

// load copies the packets of a capture; where it breaks off, those before.
func load(file string) (batches [][]capture.Packet, err error) {
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var b capture.Batch
	for err == nil {
		if err = src.Next(&b); err != nil {
			break
		}
		ps := slices.Clone(b.Packets)
		for i := range ps {
			ps[i].Data = bytes.Clone(ps[i].Data)
		}
		batches = append(batches, ps)
		b.Release()
	}
	if err == io.EOF || len(batches) > 0 {
		return batches, nil
	}
	return nil, err
}

// flowAt names a flow whatever its ports are: the frame that opened it, and
// which one it is of those that this frame opened.
type flowAt struct {
	proto uint8
	frame uint64
	nth   int
}

// speaker is one protocol on a flow, at its place among the layers.
type speaker struct {
	layer, protocol string
}

// found are the protocols of each flow, and how each was detected.
type found map[flowAt]map[speaker]string

// detect reads packets as Run does. Ports in without must not be there, nor
// anything be found by a port then.
func detect(t *testing.T, batches [][]capture.Packet, want events.KindSet, without map[uint16]bool) found {
	limits := events.DefaultLimits()
	d, ws := flows.NewDispatcher(&flows.Config{Limits: &limits, Protos: protocols.Protos(), Workers: 1, Want: want})
	defer d.Close()
	w := flows.NewWork(1)
	w.Batch.First = 1
	var m flows.Merger
	all := found{}
	of := map[events.StreamKey]flowAt{}
	take := func() {
		ws[0].Run(w)
		for _, e := range m.Merge(w) {
			switch x := e.Body.(type) {
			case *events.FlowStart:
				if without[e.Flow.ClientPort] || without[e.Flow.ServerPort] {
					t.Errorf("frame %d: not on other ports: %v", e.Pos.Frame, e.Flow)
				}
				if _, goesOn := of[e.Key()]; goesOn {
					continue // after its time-out, which differs by port: it keeps its number
				}
				at := flowAt{proto: e.Flow.Proto, frame: e.Pos.Frame}
				for all[at] != nil {
					at.nth++
				}
				all[at] = map[speaker]string{}
				of[e.Key()] = at
			case *events.FlowDetected:
				at, ok := of[e.Key()]
				if !ok {
					t.Errorf("frame %d: a protocol of no flow", e.Pos.Frame)
					continue
				}
				if x.By == "port" && without != nil {
					t.Errorf("frame %d: %s by port on other ports", e.Pos.Frame, x.Protocol)
				}
				if s := (speaker{e.Layer, x.Protocol}); all[at][s] == "" {
					all[at][s] = x.By
				}
			}
		}
	}
	for _, b := range batches {
		w.Batch.Packets = b
		d.Dispatch(w)
		take()
		w.Batch.First += uint64(len(b))
	}
	for more := true; more; {
		more = d.Finish(w)
		take()
	}
	return all
}

// tunnelPorts keep their meaning: without them, what is inside is not seen.
var tunnelPorts = []uint16{1701, 2152, 4341, 4789, 4790, 6081, 6635}

// moving gives each port another one.
type moving struct {
	to   map[uint16]uint16
	kept map[uint16]bool // not to be given
	last uint16
	full bool
}

func newMoving() *moving {
	p := &moving{to: map[uint16]uint16{}, kept: map[uint16]bool{}}
	for _, n := range tunnelPorts {
		p.to[n], p.kept[n] = n, true
	}
	maps.Copy(p.kept, known())
	return p
}

// known are the ports that a decoder names.
func known() map[uint16]bool {
	all := map[uint16]bool{20: true, 989: true} // of FTP data
	for _, x := range protocols.Protos() {
		for _, n := range append(slices.Clone(x.TCPPorts), x.UDPPorts...) {
			all[n] = true
		}
	}
	return all
}

// other gives one that no other port is given.
func (p *moving) other(n uint16) uint16 {
	if to, ok := p.to[n]; ok {
		return to
	}
	for range 1 << 16 {
		p.last += 7919 // odd: all numbers come by
		if !p.kept[p.last] {
			p.kept[p.last] = true
			p.to[n] = p.last
			return p.last
		}
	}
	p.full = true
	return n
}

// rewrite replaces the ports of a transport header.
func (p *moving) rewrite(proto uint8, b []byte) {
	if len(b) >= 4 && (proto == events.ProtoTCP || proto == events.ProtoUDP) {
		for _, at := range []int{0, 2} {
			binary.BigEndian.PutUint16(b[at:], p.other(binary.BigEndian.Uint16(b[at:])))
		}
	}
}

var errPorts = errors.New("uses too many ports")

// remap replaces all ports of TCP and UDP in place, also those of packets that
// an ICMP error quotes. Nothing is changed in what they carry; checksums are
// not looked at by flows.
func remap(batches [][]capture.Packet) error {
	limits := events.DefaultLimits()
	d := link.NewDecoder(&limits)
	p := newMoving()
	var torn [][]byte // packets that hold a fragment
	var in []byte
	each := func(k *link.Packet) {
		b := k.Payload
		switch {
		case len(b) < 8:
		case k.Proto == events.ProtoICMP || k.Proto == events.ProtoICMPv6:
			p.quoted(k)
		case within(b, in):
			p.rewrite(k.Proto, b)
		default: // put together: its front is in one of the fragments
			front := bytes.Clone(b[:min(len(b), 24)])
			for i, f := range torn {
				if at := bytes.Index(f, front); at >= 0 {
					p.rewrite(k.Proto, f[at:])
					torn = slices.Delete(torn, i, i+1)
					return
				}
			}
		}
	}
	d.Also = each
	var k link.Packet
	for _, batch := range batches {
		for i := range batch {
			in = batch[i].Data
			switch d.Decode(&batch[i], &k) {
			case link.IP:
				torn = append(torn, in)
				each(&k)
				if n := len(torn) - 1; n >= 0 && within(k.Payload, in) && len(torn[n]) > 0 && &torn[n][0] == &in[0] {
					torn = torn[:n]
				}
			case link.Fragment:
				torn = append(torn, in)
			}
		}
	}
	if p.full {
		return errPorts
	}
	return nil
}

// within: b is a part of whole, not of other memory.
func within(b, whole []byte) bool {
	if len(b) == 0 || len(whole) == 0 {
		return false
	}
	at, from := uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&whole[0]))
	return at >= from && at < from+uintptr(len(whole))
}

// quoted replaces the ports of the packet that an ICMP error quotes, where
// they can be found without options and extension headers in between.
func (p *moving) quoted(k *link.Packet) {
	b := k.Payload[8:]
	switch {
	case k.Proto == events.ProtoICMP && len(b) >= 20 && b[0]>>4 == 4 && slices.Contains([]byte{3, 4, 5, 11, 12}, k.Payload[0]):
		if hl := int(b[0]&15) * 4; hl >= 20 && len(b) >= hl+8 && binary.BigEndian.Uint16(b[6:])&0x1fff == 0 {
			p.rewrite(b[9], b[hl:])
		}
	case k.Proto == events.ProtoICMPv6 && len(b) >= 48 && b[0]>>4 == 6 && k.Payload[0] >= 1 && k.Payload[0] <= 4:
		p.rewrite(b[6], b[40:])
	}
}

// detectionRow counts the flows on which one protocol speaks.
type detectionRow struct {
	content, port, named, expected int // on the ports of the capture, by how it was detected
	moved                          int // of these, on other ports
	lost                           []string
	claimed                        []string // on other ports only
}

// detectionTable has a row for each protocol.
type detectionTable map[string]*detectionRow

func (d detectionTable) row(s speaker) *detectionRow {
	if d[s.protocol] == nil {
		d[s.protocol] = &detectionRow{}
	}
	return d[s.protocol]
}

func (d detectionTable) add(file string, plain, moved found) {
	for at, speakers := range plain {
		for s, by := range speakers {
			row := d.row(s)
			switch by {
			case "content":
				row.content++
			case "port":
				row.port++
			case "named":
				row.named++
			case "expected":
				row.expected++
			}
			if _, ok := moved[at][s]; ok {
				row.moved++
			} else {
				row.lost = append(row.lost, fmt.Sprintf("%s frame %d: %s by %s", file, at.frame, s.layer, by))
			}
		}
	}
	for at, speakers := range moved {
		for s, by := range speakers {
			if _, ok := plain[at][s]; !ok {
				row := d.row(s)
				row.claimed = append(row.claimed, fmt.Sprintf("%s frame %d: %s by %s, was %v", file, at.frame, s.layer, by, plain[at]))
			}
		}
	}
}

func (d detectionTable) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-15s | content | port | named | expected | on other ports | lost | only there |\n", "protocol")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, p := range slices.Sorted(maps.Keys(d)) {
		r := d[p]
		fmt.Fprintf(&b, "| %-15s | %7d | %4d | %5d | %8d | %14d | %4d | %10d |\n", p, r.content, r.port, r.named, r.expected, r.moved, len(r.lost), len(r.claimed))
	}
	return b.String()
}
