package live

import (
	"fmt"
	"time"

	"golang.org/x/net/bpf"
)

// Any is the name of the interface that is all of them. Its packets have a
// cooked header (capture.LinkSLL2) that names the interface by its index.
const Any = "any"

// Config says what to capture. Only Interface must be set.
type Config struct {
	// Interface is its name, its index in digits, or Any.
	Interface string
	// Snaplen is how many bytes of a packet are kept, link header included; 0
	// is DefaultSnaplen.
	Snaplen int
	// Buffer is the memory in bytes that the kernel keeps packets in until they
	// are read, all rings together; 0 is DefaultBuffer.
	Buffer int
	// Flush is how long a packet may wait for others before it is delivered; 0
	// is DefaultFlush. It may become twice that, when the block before has just
	// become full.
	Flush time.Duration
	// Promiscuous asks the interface for the packets that are for others, too.
	Promiscuous bool
	// Filter is a classic BPF program, written for whole frames of the link
	// type that LinkOf gives, as they would be in a file: with their VLAN tags.
	// A packet is taken where it returns more than 0. The kernel runs it where
	// it can; what the kernel shows otherwise (tagged frames, some fields of
	// cooked ones) is filtered here, with the same result.
	Filter []bpf.RawInstruction
	// FilterText is what Filter was made of, for Source.Interfaces.
	FilterText string
	// Stamps is who says when a packet was there.
	Stamps Stamps
	// Fanout is the number of rings that the kernel spreads packets over, so
	// that several CPUs can fill them at once; 0 and 1 are one ring. They are
	// merged by time.
	Fanout int
	// Lost, where set, is called by Next before it returns the packets after
	// which, or before which, the kernel dropped some.
	Lost func(Loss)
}

// Defaults of Config.
const (
	DefaultSnaplen = 256 << 10
	DefaultBuffer  = 32 << 20
	DefaultFlush   = 40 * time.Millisecond
)

// Bounds of Config.
const (
	minBuffer = 2 << 20
	maxBuffer = 4 << 30
	maxFlush  = 10 * time.Second
	maxFanout = 64
	minSnap   = 16
)

// Stamps is who says when a packet was there.
type Stamps uint8

const (
	// KernelStamps are set by the kernel, in nanoseconds of the system's clock.
	KernelStamps Stamps = iota
	// HardwareStamps are set by the network card, with its own clock, where it
	// can: mostly for packets that it receives. Others bear the kernel's.
	HardwareStamps
)

// check fills in what is not set and reports what makes no sense.
func (c *Config) check() error {
	for _, f := range []struct {
		name            string
		value           *int
		normal, min, to int
	}{
		{"snaplen", &c.Snaplen, DefaultSnaplen, minSnap, DefaultSnaplen},
		{"buffer", &c.Buffer, DefaultBuffer, minBuffer, maxBuffer},
		{"fanout", &c.Fanout, 1, 1, maxFanout},
	} {
		if *f.value == 0 {
			*f.value = f.normal
		}
		if *f.value < f.min || *f.value > f.to {
			return fmt.Errorf("%s %d: want %d to %d", f.name, *f.value, f.min, f.to)
		}
	}
	if c.Flush == 0 {
		c.Flush = DefaultFlush
	}
	if c.Flush < time.Millisecond || c.Flush > maxFlush {
		return fmt.Errorf("flush time %s: want 1ms to %s", c.Flush, maxFlush)
	}
	if c.Interface == "" {
		return fmt.Errorf("which interface? wiretale interfaces lists them; %q is all of them", Any)
	}
	return nil
}
