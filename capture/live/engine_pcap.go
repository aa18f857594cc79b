//go:build libpcap

package live

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket/pcap"
	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// copySize is the memory that the packets of a batch are copied to.
const copySize = 1 << 20

// open opens the interface with libpcap. It has one buffer: Fanout is ignored,
// with a note.
func (s *Source) open(c *Config) error {
	in, name, err := inactive(c.Interface)
	if err != nil {
		return err
	}
	s.name = name
	defer in.CleanUp()
	if err := errors.Join(in.SetSnapLen(c.Snaplen), in.SetPromisc(c.Promiscuous), in.SetBufferSize(c.Buffer), in.SetTimeout(c.Flush)); err != nil {
		return err
	}
	if c.Stamps == HardwareStamps {
		s.adapterStamps(in)
	}
	if c.Fanout > 1 {
		s.notes = append(s.notes, "libpcap has one buffer, not several")
	}
	h, err := in.Activate()
	if err != nil {
		return explain(name, err)
	}
	if len(c.Filter) > 0 {
		if _, known := bpf.Disassemble(c.Filter); !known {
			h.Close()
			return errors.New("the filter has an instruction that is none of classic BPF")
		}
		prog := make([]pcap.BPFInstruction, len(c.Filter))
		for i, x := range c.Filter {
			prog[i] = pcap.BPFInstruction{Code: x.Op, Jt: x.Jt, Jf: x.Jf, K: x.K}
		}
		if err := h.SetBPFInstructionFilter(prog); err != nil {
			h.Close()
			return fmt.Errorf("the filter: %w", err)
		}
	}
	s.link = linkOfDLT(int(h.LinkType()))
	s.engine = &libpcap{handle: h, link: s.link, lost: c.Lost, bufs: map[*lease][]byte{}}
	return nil
}

// inactive is a handle for the interface of that name or index.
func inactive(name string) (*pcap.InactiveHandle, string, error) {
	if i, err := lookup(name); err == nil {
		name = deviceOf(i)
	}
	in, err := pcap.NewInactiveHandle(name)
	if err != nil {
		return nil, "", explain(name, err)
	}
	return in, name, nil
}

// deviceOf is libpcap's name of an interface. On Windows it is another than the
// system's, and the addresses are what both know.
func deviceOf(i *net.Interface) string {
	if runtime.GOOS != "windows" {
		return i.Name
	}
	addrs, err := i.Addrs()
	if err != nil {
		return i.Name
	}
	devices, err := pcap.FindAllDevs()
	if err != nil {
		return i.Name
	}
	for _, d := range devices {
		for _, have := range d.Addresses {
			for _, a := range addrs {
				if n, ok := a.(*net.IPNet); ok && n.IP.Equal(have.IP) {
					return d.Name
				}
			}
		}
	}
	return i.Name
}

// adapterStamps asks for the time stamps of the network card.
func (s *Source) adapterStamps(in *pcap.InactiveHandle) {
	for _, t := range in.SupportedTimestamps() {
		if t.String() == "adapter_unsynced" || t.String() == "adapter" {
			if in.SetTimestampSource(t) == nil {
				return
			}
		}
	}
	s.notes = append(s.notes, s.name+" gives no hardware time stamps; they are the system's")
}

// LinkOf is the link type of an interface's packets, to write a filter for. It
// needs the privilege to capture.
func LinkOf(name string) (capture.LinkType, error) {
	s := Source{}
	c := Config{Interface: name}
	if err := c.check(); err != nil {
		return 0, err
	}
	if err := s.open(&c); err != nil {
		return 0, err
	}
	s.engine.free()
	return s.link, nil
}

// explain makes of libpcap's error one that says what to do.
func explain(name string, err error) error {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "permission") || strings.Contains(text, "not permitted"):
		advice := "run it as root: sudo wiretale …"
		switch runtime.GOOS {
		case "darwin":
			advice = "run it as root (sudo wiretale …), or give your user the right to read /dev/bpf*, as the installer of Wireshark does (ChmodBPF)"
		case "windows":
			advice = "run it as administrator, or install Npcap without the restriction to administrators"
		}
		return &Error{Interface: name, Err: fmt.Errorf("%w: %w", ErrPermission, err), Advice: advice}
	case strings.Contains(text, "no such device") || strings.Contains(text, "doesn't exist"):
		return &Error{Interface: name, Err: fmt.Errorf("%w: %w", ErrNoInterface, err), Advice: "wiretale interfaces lists those there are"}
	case strings.Contains(text, "not up") || strings.Contains(text, "is down"):
		return &Error{Interface: name, Err: ErrIsDown, Advice: bringUp(name)}
	}
	return &Error{Interface: name, Err: err}
}

// libpcap reads one handle.
type libpcap struct {
	handle *pcap.Handle
	link   capture.LinkType
	lost   func(Loss)

	bufs   map[*lease][]byte // where the packets of a batch are copied to
	frames uint64
	last   events.Time
	kept   []byte // a packet that was read and found no room
	keptAs capture.Packet
	looked time.Time

	stopped, interrupted atomic.Bool

	mu     sync.Mutex
	freed  bool
	counts Stats
}

func (e *libpcap) next(l *lease) (int, error) {
	buf := e.bufs[l]
	if buf == nil {
		buf = make([]byte, copySize)
		e.bufs[l] = buf
	}
	n, at := 0, 0
	put := func(data []byte, p capture.Packet) bool {
		if n == len(l.packets) || n > 0 && at+len(data) > len(buf) {
			return false
		}
		if at+len(data) > len(buf) {
			p.Data = append([]byte(nil), data...)
		} else {
			p.Data = buf[at : at+len(data) : at+len(data)]
			copy(p.Data, data)
			at += len(data)
		}
		l.packets[n] = p
		n++
		return true
	}
	if e.kept != nil {
		put(e.kept, e.keptAs)
		e.kept = nil
	}
	for {
		if e.interrupted.Load() {
			return 0, os.ErrClosed
		}
		data, info, err := e.handle.ZeroCopyReadPacketData()
		switch {
		case err == nil:
			p := capture.Packet{Time: events.TimeOf(info.Timestamp), Wire: uint32(info.Length), Link: e.link}
			if put(data, p) {
				continue
			}
			e.kept, e.keptAs = append([]byte(nil), data...), p
		case errors.Is(err, pcap.NextErrorTimeoutExpired):
			if n == 0 && e.stopped.Load() {
				e.count(0, 0)
				return 0, io.EOF
			}
			if n == 0 {
				continue
			}
		case n > 0: // it will say so again
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case strings.Contains(err.Error(), "went down"):
			return 0, ErrDown
		case strings.Contains(err.Error(), "disappeared"):
			return 0, ErrGone
		default:
			return 0, err
		}
		if n > 0 {
			if time.Since(e.looked) > time.Second/2 {
				e.count(e.frames+1, l.packets[0].Time)
			}
			e.frames += uint64(n)
			e.last = l.packets[n-1].Time
			return n, nil
		}
	}
}

// count reads the counters, and tells of new drops before a frame.
func (e *libpcap) count(before uint64, to events.Time) {
	e.looked = time.Now()
	st, err := e.handle.Stats()
	if err != nil {
		return
	}
	e.mu.Lock()
	// libpcap counts with 32 bits.
	more := func(n *uint64, now int) uint64 {
		d := uint64(uint32(now) - uint32(*n))
		*n += d
		return d
	}
	more(&e.counts.Received, st.PacketsReceived)
	drops := more(&e.counts.Dropped, st.PacketsDropped)
	more(&e.counts.NIC, st.PacketsIfDropped)
	e.mu.Unlock()
	if drops > 0 && e.lost != nil {
		e.lost(Loss{Packets: drops, Before: before, From: e.last, To: to})
	}
}

func (e *libpcap) stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// stop and interrupt are heard within the flush time: libpcap wakes up then.
func (e *libpcap) stop()      { e.stopped.Store(true) }
func (e *libpcap) interrupt() { e.interrupted.Store(true) }

func (e *libpcap) free() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.freed {
		e.handle.Close()
		e.freed = true
	}
}

// linkOfDLT is the number in files of a link type as libpcap's own numbers
// have it (https://www.tcpdump.org/linktypes.html): they differ for raw IP.
func linkOfDLT(dlt int) capture.LinkType {
	switch dlt {
	case 12, 14:
		return capture.LinkRaw
	}
	return capture.LinkType(dlt)
}
