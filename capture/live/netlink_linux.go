//go:build !libpcap

package live

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// netlink asks the kernel about interfaces (rtnetlink(7)). It is opened before
// privileges are dropped and needs none after.
type netlink struct {
	mu  sync.Mutex
	fd  int
	seq uint32
	buf []byte
}

func openNetlink() (*netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("netlink socket", err)
	}
	// The kernel answers within the call; the time-out is for the impossible.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("netlink socket", err)
	}
	return &netlink{fd: fd, buf: make([]byte, 32<<10)}, nil
}

func (n *netlink) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd >= 0 {
		unix.Close(n.fd)
		n.fd = -1
	}
}

// link asks for one interface (RTM_GETLINK) and gives the attributes.
func (n *netlink) link(index int) ([]syscall.NetlinkRouteAttr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fd < 0 {
		return nil, os.ErrClosed
	}
	n.seq++
	const size = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg
	var req [size]byte
	binary.NativeEndian.PutUint32(req[0:], size)
	binary.NativeEndian.PutUint16(req[4:], unix.RTM_GETLINK)
	binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(req[8:], n.seq)
	binary.NativeEndian.PutUint32(req[unix.SizeofNlMsghdr+4:], uint32(index)) // ifi_index
	if err := unix.Sendto(n.fd, req[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		got, _, err := unix.Recvfrom(n.fd, n.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		msgs, err := syscall.ParseNetlinkMessage(n.buf[:got])
		if err != nil {
			return nil, err
		}
		for i := range msgs {
			m := &msgs[i]
			switch {
			case m.Header.Seq != n.seq: // the answer to one that timed out
			case m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4:
				return nil, unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
			case m.Header.Type == unix.RTM_NEWLINK:
				return syscall.ParseNetlinkRouteAttr(m)
			}
		}
	}
}

// exists reports whether the interface is there; if in doubt, it is.
func (n *netlink) exists(index int) bool {
	_, err := n.link(index)
	return err != unix.ENODEV
}

// Places in struct rtnl_link_stats64.
const (
	statsRxFifo   = 14 * 8
	statsRxMissed = 15 * 8
)

// missed is how many packets the interface lost for lack of memory since it was
// made; 0 where that is not known, and for all interfaces together.
func (n *netlink) missed(index int) uint64 {
	if index == 0 {
		return 0
	}
	attrs, err := n.link(index)
	if err != nil {
		return 0
	}
	for _, a := range attrs {
		if a.Attr.Type == unix.IFLA_STATS64 && len(a.Value) >= statsRxMissed+8 {
			return binary.NativeEndian.Uint64(a.Value[statsRxFifo:]) + binary.NativeEndian.Uint64(a.Value[statsRxMissed:])
		}
	}
	return 0
}
