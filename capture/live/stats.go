package live

import "github.com/wiretale/wiretale/events"

// Stats are the figures of a Source so far. Once it is drained, Received =
// Delivered + Filtered + Dropped; before, some are on their way.
type Stats struct {
	Received  uint64 // packets that the kernel had for us, after its filter
	Delivered uint64 // of these, what Next gave
	Filtered  uint64 // of these, what did not match the filter where the kernel could not tell
	Dropped   uint64 // of these, what the kernel threw away because the buffer was full
	Bytes     uint64 // of Delivered, as captured
	Freezes   uint64 // times that the buffer was full
	NIC       uint64 // packets that the interface lost before the kernel saw them; shared with all who use it
}

// Lossy reports whether packets are missing.
func (s Stats) Lossy() bool { return s.Dropped > 0 || s.NIC > 0 }

// Loss says where packets are missing.
type Loss struct {
	Packets uint64 // dropped by the kernel
	// Before is the number of the frame that they are missing before; 0: at the
	// end, after the last one. The kernel says in which block of the buffer
	// packets are missing, but how many only in all: when the buffer was full
	// once more by the time that they were counted, some are missing later, at
	// most a buffer's worth of packets behind.
	Before uint64
	// From and To are the times of the packets around the gap; 0 where there is
	// none.
	From, To events.Time
}
