package simnet

import (
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/wiretale/wiretale/events"
)

// place is where a capture point is on one direction of a link.
type place uint8

const (
	nearSender place = iota
	inMiddle
	nearReceiver
)

// point is a capture point on a pipe.
type point struct {
	place place
	iface uint16
}

// pipe is one direction of a link: a queue in order of arrival and one
// goroutine that hands each packet to the receiver when it is due.
type pipe struct {
	net      *Network
	from, to *Host
	points   []point

	alarm *alarm

	mu      sync.Mutex
	some    *sync.Cond
	road    *road
	queue   []flight
	held    *heldBack // waits for the next packet to pass it
	closed  bool
	packets uint64
	bytes   uint64
	dropped uint64
}

// flight is a packet between two hosts.
type flight struct {
	due   events.Time
	proto tcpip.NetworkProtocolNumber
	frame []byte
}

// heldBack is a packet that is to be passed by another.
type heldBack struct {
	flight
	timer *time.Timer // lets it go when no other comes
}

func newPipe(n *Network, from, to *Host, path Path, points []point) (*pipe, error) {
	a, err := newAlarm()
	if err != nil {
		return nil, err
	}
	p := &pipe{net: n, from: from, to: to, points: points, alarm: a, road: newRoad(path, n.cfg.Seed, len(n.pipes))}
	p.some = sync.NewCond(&p.mu)
	return p, nil
}

// send takes a packet from the sender. frame is an Ethernet frame and belongs
// to the pipe and the recording from now on; nobody writes to it again.
func (p *pipe) send(sent events.Time, proto tcpip.NetworkProtocolNumber, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.packets++
	p.bytes += uint64(len(frame) - etherLen)
	j := p.road.travel(sent, frame)
	captured := p.see(nearSender, sent, frame)
	if j.lost != ReasonQueue {
		captured = p.see(inMiddle, j.middle, frame) || captured
	}
	if j.lost != "" {
		p.dropped++
		d := newDrop(frame[etherLen:])
		d.Time, d.From, d.To, d.Reason, d.Captured = sent, p.from.name, p.to.name, j.lost, captured
		p.net.drop(d)
		return
	}
	p.net.flying.Add(1)
	f := flight{due: j.due, proto: proto, frame: frame}
	switch {
	case p.held != nil: // this one passes it, even if it was to be held too
		h := p.held
		p.held = nil
		h.timer.Stop()
		p.arrive(f)
		p.release(h, f.due+behind)
	case j.held:
		h := &heldBack{flight: f}
		p.held = h
		h.timer = time.AfterFunc(time.Duration(f.due-sent)+p.road.hold(), func() { p.giveUp(h) })
	default:
		p.arrive(f)
	}
}

// behind is how long after the packet that passed it a held one arrives.
const behind = events.Time(time.Microsecond)

// release lets a held packet arrive. The caller holds p.mu.
func (p *pipe) release(h *heldBack, due events.Time) {
	h.due = due
	p.road.last = max(p.road.last, due)
	p.arrive(h.flight)
}

// giveUp lets a packet arrive that none has passed.
func (p *pipe) giveUp(h *heldBack) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != h || p.closed {
		return
	}
	p.held = nil
	p.release(h, max(p.net.Now(), p.road.last))
}

// arrive puts a packet into the queue, in which all are in order. The caller
// holds p.mu.
func (p *pipe) arrive(f flight) {
	p.see(nearReceiver, f.due, f.frame)
	p.queue = append(p.queue, f)
	if len(p.queue) == 1 {
		p.some.Signal()
	}
}

// see notes a packet at the capture points of a place, if there are any.
func (p *pipe) see(at place, pass events.Time, frame []byte) (seen bool) {
	for _, x := range p.points {
		if x.place == at {
			p.net.rec.record(x.iface, pass, frame)
			seen = true
		}
	}
	return seen
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

		p.to.receive(f.due, f.proto, f.frame[etherLen:])
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
	if p.held != nil {
		p.held.timer.Stop()
		p.held = nil
	}
	p.alarm.close()
	p.some.Signal()
}

func (p *pipe) stats() PathStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PathStats{From: p.from.name, To: p.to.name, Path: p.road.Path, Packets: p.packets, Bytes: p.bytes, Dropped: p.dropped}
}
