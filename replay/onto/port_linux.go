package onto

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// packetSocket sends whole frames (packet(7)).
type packetSocket struct {
	fd int
	to unix.SockaddrLinklayer
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
	return &packetSocket{fd, unix.SockaddrLinklayer{Ifindex: iface.Index}}, nil
}

// full is how long a full queue of the driver is given.
const full = 100 * time.Microsecond

func (s *packetSocket) send(frame []byte) error {
	for {
		switch err := unix.Sendto(s.fd, frame, 0, &s.to); err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.ENOBUFS, unix.EAGAIN:
			time.Sleep(full)
		case unix.EMSGSIZE:
			return errTooLong
		default:
			return fmt.Errorf("sending: %w", err)
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
