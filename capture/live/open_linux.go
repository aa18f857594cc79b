//go:build !libpcap

package live

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

// open makes the sockets and their rings.
func (s *Source) open(c *Config) (err error) {
	dev, err := find(c.Interface)
	if err != nil {
		return err
	}
	s.name = dev.name
	// A socket for protocol 0 gets nothing until it is bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return forbidden(dev.name)
	}
	if err != nil {
		return os.NewSyscallError("packet socket", err)
	}
	unix.Close(fd)
	if dev.index != 0 && dev.flags&net.FlagUp == 0 {
		return &Error{Interface: dev.name, Err: ErrIsDown, Advice: bringUp(dev.name)}
	}

	nl, err := openNetlink()
	if err != nil {
		return err
	}
	var rings []*ring
	defer func() {
		if err != nil {
			for _, r := range rings {
				r.free()
			}
			nl.close()
		}
	}()
	sh := &shape{link: dev.link, cooked: dev.cooked, snaplen: c.Snaplen}
	s.link = dev.link
	prog, err := compile(c.Filter, scope{cooked: dev.cooked, any: dev.index == 0, loopback: dev.loopback, snaplen: c.Snaplen})
	if err != nil {
		return err
	}
	sh.filter, sh.all = prog.user, prog.all
	for range c.Fanout {
		r := &ring{fd: -1, shape: sh, foreign: c.Stamps != KernelStamps}
		rings = append(rings, r)
		if err := s.openRing(r, c, dev, rings[0]); err != nil {
			return err
		}
	}
	// Only now are they to receive: all at once, and no packet twice.
	for _, r := range rings {
		err := r.attach(prog.kernel)
		if err != nil && len(c.Filter) > 0 {
			// Too long for the kernel, mostly.
			s.note("the kernel does not take the filter (%v); packets are filtered after it", err)
			p, e := compile(nil, scope{any: dev.index == 0, loopback: dev.loopback, snaplen: whole})
			if e != nil {
				return e
			}
			sh.all = true
			prog.kernel = p.kernel
			err = r.attach(prog.kernel)
		}
		if err != nil {
			return os.NewSyscallError("SO_ATTACH_FILTER", err)
		}
	}
	e, err := newAFPacket(rings, c, nl, dev.index)
	if err != nil {
		return err
	}
	s.engine = e
	return nil
}

// openRing makes one socket that receives nothing yet, for its filter lets
// nothing pass.
func (s *Source) openRing(r *ring, c *Config, dev device, first *ring) error {
	kind := unix.SOCK_RAW
	if dev.cooked {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("packet socket", err)
	}
	r.fd = fd
	if err := r.attach(nothing); err != nil {
		return os.NewSyscallError("SO_ATTACH_FILTER", err)
	}
	// Packets are stamped as soon as the kernel has them, not when this socket's
	// turn comes. Without it they bear the latter.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if c.Stamps == HardwareStamps {
		s.hardwareStamps(r, dev, r == first)
	}
	if err := r.mapRing(c.Buffer/c.Fanout, fanoutFlush(c)); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: dev.index, Protocol: swap(unix.ETH_P_ALL)}); err != nil {
		if errors.Is(err, unix.ENETDOWN) {
			return &Error{Interface: dev.name, Err: ErrIsDown, Advice: bringUp(dev.name)}
		}
		return os.NewSyscallError("bind", err)
	}
	if c.Fanout > 1 {
		if err := r.join(first); err != nil {
			return fmt.Errorf("the kernel does not spread packets over %d rings: %w", c.Fanout, err)
		}
	}
	if c.Promiscuous {
		s.promiscuous(r, dev)
	}
	return nil
}

// attach makes prog the filter of the socket, in place of the one before.
func (r *ring) attach(prog []bpf.RawInstruction) error {
	if len(prog) > unix.BPF_MAXINSNS {
		return fmt.Errorf("%d instructions, and it takes at most %d", len(prog), unix.BPF_MAXINSNS)
	}
	p := sock(prog)
	return unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &p)
}

// join puts the socket into the group of the first one: packets of a flow into
// the same ring, or into another where that one is full.
func (r *ring) join(first *ring) error {
	const flags = unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_ROLLOVER
	if r == first {
		return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, (flags|unix.PACKET_FANOUT_FLAG_UNIQUEID)<<16)
	}
	group, err := unix.GetsockoptInt(first.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return err
	}
	return unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, group&0xffff|flags<<16)
}

func (s *Source) promiscuous(r *ring, dev device) {
	if dev.index == 0 {
		s.note("promiscuous mode is not for %q: name an interface", Any)
		return
	}
	req := unix.PacketMreq{Ifindex: int32(dev.index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &req); err != nil {
		s.note("%s is not in promiscuous mode: %v", dev.name, err)
	}
}

// hardwareStamps asks the network card to say when packets were there.
func (s *Source) hardwareStamps(r *ring, dev device, first bool) {
	err := errors.New("it needs one interface")
	if dev.index != 0 {
		err = unix.IoctlSetHwTstamp(r.fd, dev.name, &unix.HwTstampConfig{Tx_type: unix.HWTSTAMP_TX_OFF, Rx_filter: unix.HWTSTAMP_FILTER_ALL})
	}
	if err == nil {
		err = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_TIMESTAMP, unix.SOF_TIMESTAMPING_RAW_HARDWARE)
	}
	if err != nil && first {
		if errors.Is(err, unix.EPERM) {
			err = errors.New("that needs the capability CAP_NET_ADMIN")
		}
		s.note("%s gives no hardware time stamps (%v); they are the kernel's", dev.name, err)
	}
}

func (s *Source) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// swap is n in network byte order.
func swap(n uint16) uint16 { return n<<8 | n>>8 }

// device is what is to be known of an interface.
type device struct {
	name     string
	index    int // 0: all
	flags    net.Flags
	link     capture.LinkType
	cooked   bool
	loopback int // the index of the loopback interface, where that is among those watched
}
