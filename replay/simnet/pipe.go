package simnet

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/wiretale/wiretale/events"
)

// pipe is one direction of a link: a queue in order of sending and one
// goroutine that hands each packet to the receiver when it is due.
type pipe struct {
	net      *Network
	from, to *Host
	path     Path
	point    time.Duration // from the sender to the capture point
	iface    uint16

	alarm *alarm

	mu      sync.Mutex
	some    *sync.Cond
	queue   []flight
	closed  bool
	packets uint64
	bytes   uint64
}

// flight is a packet between two hosts.
type flight struct {
	due   events.Time
	proto tcpip.NetworkProtocolNumber
	data  []byte // from the IP header on
}

func newPipe(n *Network, from, to *Host, path Path, point time.Duration, iface uint16) (*pipe, error) {
	a, err := newAlarm()
	if err != nil {
		return nil, err
	}
	p := &pipe{net: n, from: from, to: to, path: path, point: point, iface: iface, alarm: a}
	p.some = sync.NewCond(&p.mu)
	return p, nil
}

// journey is the fate of one packet: when it passes the capture point and
// when it arrives. This is the one place that knows what a path does.
func (p *pipe) journey(sent events.Time) (pass, due events.Time) {
	return sent + events.Time(p.point), sent + events.Time(p.path.Delay)
}

// send takes a packet from the sender. frame is an Ethernet frame and belongs
// to the pipe and the recording from now on; nobody writes to it again.
func (p *pipe) send(sent events.Time, proto tcpip.NetworkProtocolNumber, frame []byte) {
	pass, due := p.journey(sent)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.packets++
	p.bytes += uint64(len(frame) - etherLen)
	p.net.flying.Add(1)
	p.net.rec.record(p.iface, pass, frame)
	p.queue = append(p.queue, flight{due: due, proto: proto, data: frame[etherLen:]})
	if len(p.queue) == 1 {
		p.some.Signal()
	}
}

// run delivers until close.
func (p *pipe) run() {
	for {
		f, ok := p.head()
		if !ok || !p.alarm.until(p.net.start.Add(time.Duration(f.due-events.TimeOf(Epoch)))) {
			return
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return
		}
		p.queue = p.queue[1:]
		if len(p.queue) == 0 {
			p.queue = nil // gives the array back
		}
		p.mu.Unlock()

		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(f.data)})
		p.to.link.InjectInbound(f.proto, pkt)
		pkt.DecRef()
		// The stack may answer a moment later, from a goroutine of its own:
		// Quiet waits for a span of silence, not for an empty network.
		p.net.last.Store(int64(p.net.Now()))
		p.net.flying.Add(-1)
	}
}

// head waits for a packet; false means that the pipe is closed.
func (p *pipe) head() (flight, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.closed {
		p.some.Wait()
	}
	if p.closed {
		return flight{}, false
	}
	return p.queue[0], true
}

// close drops what is under way.
func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.queue = nil
	p.alarm.close()
	p.some.Signal()
}

func (p *pipe) stats() PathStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PathStats{From: p.from.name, To: p.to.name, Path: p.path, Packets: p.packets, Bytes: p.bytes}
}
