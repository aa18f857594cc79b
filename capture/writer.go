package capture

import (
	"bufio"
	"errors"
	"io"
)

// Writer writes one capture. Errors of the underlying writer stay: once one
// occurred, every later call gives it. What is written is complete only after
// Flush. A Writer is for one goroutine.
type Writer interface {
	// AddInterface describes one more place of capture and gives its number.
	AddInterface(Interface) (int, error)
	// WritePacket writes one packet of interface iface; p.Link and p.Iface are
	// not looked at. p.Wire below len(p.Data) is written as len(p.Data).
	// p.Dropped has no place in pcap.
	WritePacket(iface int, p Packet, comments ...string) error
	// WriteSecrets writes keys (SecretsTLS, …) for the packets after it.
	WriteSecrets(kind uint32, data []byte) error
	// WriteNames writes what addresses are called.
	WriteNames(names []Name) error
	// Flush gives everything written so far to the underlying writer.
	Flush() error
}

// ErrUnsupported is in the chain of errors for what a format cannot say.
var ErrUnsupported = errors.New("the format has no place for it")

// errTime is for packets outside the years that a format knows.
var errTime = errors.New("the time of the packet is outside what the format can say")

// out is a buffered writer that remembers its first error.
type out struct {
	w   *bufio.Writer
	err error
}

func newOut(w io.Writer) out { return out{w: bufio.NewWriterSize(w, 256<<10)} }

func (o *out) write(b []byte) {
	if o.err == nil {
		_, o.err = o.w.Write(b)
	}
}

func (o *out) Flush() error {
	if o.err == nil {
		o.err = o.w.Flush()
	}
	return o.err
}

// wireLen is the length on the wire, which cannot be less than what was seen.
func wireLen(p *Packet) uint32 { return max(p.Wire, uint32(len(p.Data))) }
