// Package capture says where packets come from and where they go to: pcap and
// pcapng files (and to read only, snoop and Network Monitor 2), compressed or not, standard input, several files merged by
// time. It reads untrusted files with readers of its own that never allocate
// more than the input's size plus a constant. It must not look into packets.
package capture

import (
	"fmt"

	"github.com/wiretale/wiretale/events"
)

// LinkType is a link-layer type as in https://www.tcpdump.org/linktypes.html.
type LinkType uint16

// Packet is one captured packet. Data is borrowed from the Batch until its
// Release.
type Packet struct {
	Data  []byte
	Time  events.Time
	Wire  uint32 // bytes on the wire; more than len(Data) when the snaplen cut
	Link  LinkType
	Iface uint16 // index into Source.Interfaces
	// Dropped is how many packets the capture itself says that it lost directly
	// before this one: a live source by its counters, a file by the option
	// epb_dropcount (pcapng, section 4.3).
	Dropped uint32
}

// Batch is a run of packets in capture order. Where batches end depends on the
// content of the input only, so that a run can be repeated; but for a pipe that
// is read alone and is not compressed, where a batch ends when no more has
// arrived, so that nobody waits for packets that are here. What is judged at
// the end of batches (idle time-outs) may then be judged a batch earlier or
// later from run to run.
type Batch struct {
	First   uint64 // frame number of Packets[0], from 1
	Packets []Packet
	// Frames are the numbers of Packets where a filter left some out; nil:
	// they count up from First.
	Frames []uint64

	release func()
}

// Frame is the frame number of Packets[i].
func (b *Batch) Frame(i int) uint64 {
	if b.Frames != nil {
		return b.Frames[i]
	}
	return b.First + uint64(i)
}

// Release gives the memory of the batch back; its packets are gone.
func (b *Batch) Release() {
	if b.release != nil {
		b.release()
	}
	b.Packets, b.release = b.Packets[:0], nil
}

// Lend makes b a batch of packets that somebody else owns, who gets them back by
// release (nil: does not want to know): for an Input outside this package.
// Whatever b held is overwritten, not released.
func (b *Batch) Lend(first uint64, packets []Packet, release func()) {
	*b = Batch{First: first, Packets: packets, release: release}
}

// Input is what a run takes its packets from: a Source, or an interface that is
// watched (package live). The methods are those of Source.
type Input interface {
	Next(*Batch) error
	Interfaces() []Interface
	Meta() *Meta
	Position() (read, total int64)
	Close() error
}

// Error is a fault of the input: everything before it was delivered.
type Error struct {
	File   string
	Offset int64 // byte offset in the file (after decompression, if any)
	Err    error // the cause, in words
	// More are the faults of other files, where several were read.
	More []*Error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: at byte %d: %v", e.File, e.Offset, e.Err)
	for _, m := range e.More {
		s += "\n" + m.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
