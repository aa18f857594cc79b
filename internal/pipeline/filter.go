package pipeline

import (
	"fmt"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/filter"
)

// sieve is an Input without the packets that a capture filter does not select.
type sieve struct {
	capture.Input
	expr    string
	left    uint64 // packets left out
	dropped uint32 // by the capture, before packets left out
	err     error  // what Next gives from now on

	programs map[programKey]filter.Program
	ifaces   []ifaceProgram // by Packet.Iface
}

type programKey struct {
	link      capture.LinkType
	bigEndian bool
}

// ifaceProgram is the program that the packets of an interface had last: in
// some formats they may be of several link types.
type ifaceProgram struct {
	filter.Program
	link  capture.LinkType
	known bool
}

func newSieve(in capture.Input, expr string) *sieve {
	return &sieve{Input: in, expr: expr, programs: map[programKey]filter.Program{}}
}

// Next gives the packets that are selected of the next batch; there may be
// none. A link type that the filter cannot be said of ends the input there.
func (s *sieve) Next(b *capture.Batch) error {
	frames := b.Frames[:0] // of a batch that is over
	if s.err != nil {
		*b = capture.Batch{}
		return s.err
	}
	if err := s.Input.Next(b); err != nil {
		return err
	}
	kept := b.Packets[:0]
	for i := range b.Packets {
		p := &b.Packets[i]
		if int(p.Iface) >= len(s.ifaces) {
			s.ifaces = append(s.ifaces, make([]ifaceProgram, int(p.Iface)+1-len(s.ifaces))...)
		}
		prog := &s.ifaces[p.Iface]
		if !prog.known || prog.link != p.Link {
			var err error
			if *prog, err = s.program(p); err != nil {
				s.err = fmt.Errorf("packet %d, of link type %s: %w", b.Frame(i), p.Link, err)
				break
			}
		}
		p.Dropped += s.dropped
		s.dropped = 0
		if prog.Match(p.Data, int(p.Wire)) {
			frames = append(frames, b.Frame(i))
			kept = append(kept, *p)
		} else {
			s.left++
			s.dropped = p.Dropped
		}
	}
	if frames == nil {
		frames = []uint64{}
	}
	b.Packets, b.Frames = kept, frames
	return nil
}

// program is the program for packets like p.
func (s *sieve) program(p *capture.Packet) (ifaceProgram, error) {
	key := programKey{link: p.Link}
	if p.Link == capture.LinkNull {
		key.bigEndian = s.bigEndian(int(p.Iface))
	}
	prog, ok := s.programs[key]
	if !ok {
		compile := filter.Compile
		if key.bigEndian {
			compile = filter.CompileSwapped
		}
		var err error
		if prog, err = compile(s.expr, p.Link, 0); err != nil {
			return ifaceProgram{}, err
		}
		s.programs[key] = prog
	}
	return ifaceProgram{Program: prog, link: p.Link, known: true}, nil
}

// bigEndian reports whether a big-endian machine wrote the section of an
// interface.
func (s *sieve) bigEndian(iface int) bool {
	ifaces, meta := s.Interfaces(), s.Meta()
	if iface >= len(ifaces) || meta == nil || ifaces[iface].Section >= len(meta.Sections) || ifaces[iface].Section < 0 {
		return false
	}
	return meta.Sections[ifaces[iface].Section].BigEndian
}
