// Package decoders holds the contract between flows, which keeps the bytes,
// and the protocols, which keep the meaning. Each protocol is a sub-folder
// with one exported variable, Proto. A decoder does no I/O, starts no
// goroutine, reads no clock, keeps no global state, and does not import
// another decoder: protocols name each other.
package decoders

import "github.com/wiretale/wiretale/events"

// Mark says where a byte of a Window came from.
type Mark struct {
	Frame uint64      // packet that first carried the byte
	Time  events.Time // capture time of that packet
}

// Span is the mark of the bytes from offset Off (in the window) on.
type Span struct {
	Off int
	Mark
}

// Window is what a decoder may look at: the bytes of one side that were not
// taken yet. Bytes is borrowed until the call returns and must not be
// written to.
type Window struct {
	From   events.Dir
	Bytes  []byte
	Offset int64       // stream offset of Bytes[0] in this direction (lost bytes count); 0 for datagrams
	Frame  uint64      // the packet being worked on: what Emit stamps
	Time   events.Time // its capture time
	// Missing is the number of bytes of a datagram that the snaplen cut off.
	Missing int
	// Spans are the marks of Bytes where they came from earlier packets, in
	// order, Spans[0].Off == 0. Empty: all bytes came in packet Frame.
	Spans []Span
}

// At is the mark of byte off of the window.
func (w *Window) At(off int) Mark {
	for i := len(w.Spans) - 1; i >= 0; i-- {
		if w.Spans[i].Off <= off {
			return w.Spans[i].Mark
		}
	}
	return Mark{w.Frame, w.Time}
}

// Stream decodes one two-way byte stream. It is a pure state machine.
type Stream interface {
	// Data takes bytes from the front of w.Bytes and says how many. It should
	// take all that it can: flows calls it again only when bytes were added to
	// this side, or when the other side made progress. want > 0: do not call
	// again for this side before that many bytes are there (counted from the
	// first byte not taken). used == 0 with want == 0 means "not before the
	// other side has spoken". An error ends the decoder on this stream (flows
	// tells it as flow.violation); what is wrong but can be lived with is
	// emitted as *events.FlowViolation and nil is returned. What is left with
	// want == 0 waits for the other side: that is offered its bytes next, if
	// any are kept, and then this side again.
	Data(w Window, out Sink) (used, want int, err error)
	// Gap says that the next n bytes of from were never captured. Bytes that
	// were offered but not taken before it are dropped by flows and count as
	// seen. nil: the decoder goes on (it subtracted, or it will find its
	// place again). An error ends it.
	Gap(from events.Dir, n int64, out Sink) error
	// End says that a side is over; called at most once a side. Bytes offered
	// and not taken are over too.
	End(from events.Dir, why events.Ending, out Sink)
}

// Datagram decodes the packets of one two-way datagram flow.
type Datagram interface {
	// Packet takes one datagram. An error means that it is not of this
	// protocol at all; a malformed message is an event.
	Packet(w Window, out Sink) error
}

// DatagramEnder is a Datagram that is told when its flow is over; not those
// that are Shared.
type DatagramEnder interface {
	Datagram
	End(why events.Ending, out Sink)
}

// GapUnknown is what a carrier tells Feed.Gap when it knows that bytes are
// lost, but not how many (uTP counts packets): more than any message has.
const GapUnknown int64 = 1 << 40

// Feed takes the bytes of a stream carried inside another (see Sink.Open).
// Its methods deliver synchronously; bytes are borrowed until return. Whoever
// opened it calls End for both sides when it is over (also for a side that
// never spoke): its memory goes then, and it must not be used again.
type Feed interface {
	Data(from events.Dir, b []byte)
	Gap(from events.Dir, n int64)
	End(from events.Dir, why events.Ending)
}

// Next names a protocol and carries what the naming one knows of it.
type Next struct {
	Protocol string // "" = detect by content
	Hint     any    // a struct from this package (Hint…), or nil
}

// Expectation announces another flow between the same two hosts.
type Expectation struct {
	Next
	// ToServer: the flow is opened towards the server of this stream
	// (passive FTP); otherwise towards its client (active FTP).
	ToServer bool
	Port     uint16
	Proto    uint8 // events.ProtoTCP or events.ProtoUDP
	// TTL is how long after now it is worth waiting.
	TTL events.Duration
}

// Sink is all that a decoder can do to the world.
type Sink interface {
	// Emit says something; the sink stamps position, time, flow and layer.
	// The body must own its memory. from is who spoke.
	Emit(from events.Dir, b events.Body)
	// Truncated is Emit for a body of which a part was not captured.
	Truncated(from events.Dir, b events.Body)
	// Switch: from the first byte not taken on (both sides), this stream is
	// another protocol. The decoder is not called again.
	Switch(Next)
	// Open: this stream carries another inside.
	Open(Next) Feed
	// Expect: another flow is announced.
	Expect(Expectation)
	// Limit says that a limit was reached: its name in --limits, its value,
	// what was given up, and how many bytes of it.
	Limit(name string, value int, reason string, bytes int64)
}

// Env is what a decoder is born with.
type Env struct {
	Limits      *events.Limits
	Hash        bool // decode content codings and hash bodies
	ShowSecrets bool // do not redact
	Flow        events.Flow
	Stream      uint32 // index as Wireshark's tcp.stream / udp.stream
	Hint        any
	// Want are the kinds that somebody listens to; others need not be made.
	Want *events.KindSet
	// Batch is where the decoder is now; pooled bodies are made of the memory
	// of its slot. nil: of memory that is not used again.
	Batch *Batch
}

// Verdict is what a Probe thinks.
type Verdict uint8

// The three verdicts.
const (
	No    Verdict = iota // cannot be this protocol
	Maybe                // not enough seen, or too weak to tell
	Yes                  // certain enough to say so aloud
)

// Proto is one protocol: the value that decoders/all lists.
type Proto struct {
	Name string
	// Ports are the server ports on which the protocol is tried when content
	// does not decide.
	TCPPorts, UDPPorts []uint16
	// Probe looks at the first bytes of a side (stream: at most what is there
	// yet; datagram: one packet). One side is enough. from is a guess where no
	// SYN was captured; speaker tells who must have sent these bytes when the
	// content shows it (a request comes from the client), and is from where it
	// does not.
	Probe func(from events.Dir, head []byte) (v Verdict, speaker events.Dir)
	// Stream and Datagram make a decoder; nil where the protocol does not run
	// over that transport.
	Stream   func(Env) Stream
	Datagram func(Env) Datagram
	// Shared: a Datagram keeps nothing between packets, so that one (a worker)
	// serves all flows.
	Shared bool
	// Trial: a Datagram that says nothing (no events, no Open) before it is
	// certain, so that it may try the packets for which Probe says Maybe, on
	// any port. Its first event is made whatever Want says: it shows that it is
	// certain. It errs once the packets cannot be of its protocol.
	Trial bool
	// Encrypted: recognised, but what it carries cannot be read.
	Encrypted bool
	// Doc is one line for `wiretale protocols`.
	Doc string
}
