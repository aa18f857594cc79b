package onto

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packetSocket sends whole frames (packet(7)).
type packetSocket struct {
	fd    int
	to    unix.SockaddrLinklayer
	parts [together]unix.Iovec
	heads [together]messageHead
}

// messageHead is the struct mmsghdr of sendmmsg(2).
type messageHead struct {
	unix.Msghdr
	_ uint32 // bytes sent, which are all or none
}

func openPort(name string) (port, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	if iface.Flags&net.FlagUp == 0 {
		return nil, fmt.Errorf("interface %s is down: ip link set %s up", name, name)
	}
	// Protocol 0: it receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("putting packets on %s needs the capability CAP_NET_RAW: run as root, or once: setcap cap_net_raw+ep /path/to/wiretale: %w", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	s := &packetSocket{fd: fd, to: unix.SockaddrLinklayer{Ifindex: iface.Index}}
	if err := unix.Bind(fd, &s.to); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	for i := range s.heads {
		s.heads[i].Iov = &s.parts[i]
		s.heads[i].SetIovlen(1)
	}
	return s, nil
}

// full is how long a full queue of the driver is given.
const full = 100 * time.Microsecond

func (s *packetSocket) send(frames [][]byte) (int, error) {
	frames = frames[:min(len(frames), together)]
	for i, f := range frames {
		s.parts[i].Base = unsafe.SliceData(f)
		s.parts[i].SetLen(len(f))
	}
	defer clear(s.parts[:len(frames)]) // they are borrowed
	for {
		// It gives an error only if the first was not sent.
		n, _, err := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.heads[0])), uintptr(len(frames)), 0, 0, 0)
		switch err {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.ENOBUFS, unix.EAGAIN:
			time.Sleep(full)
		case unix.EMSGSIZE:
			return 0, errTooLong
		default:
			return 0, fmt.Errorf("sending: %w", err)
		}
	}
}

func (s *packetSocket) close() error { return unix.Close(s.fd) }

// awake is the last part of a wait, for which the thread does not sleep: the
// kernel wakes it up to this much late.
const awake = 80 * time.Microsecond

// doze returns after d, or a little before. The runtime's own timers wait in
// whole milliseconds when the process is idle.
func doze(d time.Duration) {
	if d <= awake {
		runtime.Gosched()
		return
	}
	ts := unix.NsecToTimespec((d - awake).Nanoseconds())
	_ = unix.Nanosleep(&ts, nil) // cut short by a signal: the caller looks at the clock
}
