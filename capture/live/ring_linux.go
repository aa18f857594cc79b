//go:build !libpcap

package live

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// A ring is a row of blocks in memory shared with the kernel
// (Documentation/networking/packet_mmap.rst). The kernel fills one block after
// the other with packets, and hands a block over when it is full or was begun
// some time ago; we hand it back when nobody uses its packets any more.

// Places within a block (struct tpacket_block_desc, tpacket_hdr_v1).
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
	blockLast    = 40 // when the last packet came, or the block was handed over for its age: seconds, nanoseconds
)

// Places within the header of a packet (struct tpacket3_hdr), and the struct
// sockaddr_ll behind it.
const (
	frameNext     = 0
	frameSec      = 4
	frameNsec     = 8
	frameSnaplen  = 12
	frameWire     = 16
	frameStatus   = 20
	frameMAC      = 24
	frameVLAN     = 32
	frameTPID     = 36
	frameAddr     = 48 // TPACKET_ALIGN(sizeof(struct tpacket3_hdr))
	addrProtocol  = 2  // network byte order
	addrIndex     = 4
	addrHardware  = 8
	addrType      = 10
	addrLength    = 11
	addrAddress   = 12
	frameAddrSize = 20
)

// room is asked for in front of each packet: for a VLAN tag and a cooked header.
const room = vlanSize + sll2Size

// The sizes of blocks. A block must hold a packet of 64 KiB that is still to be
// cut into segments, and there should be many of them: a block is lent as a
// whole, and one that is handed over for its age may be nearly empty, so that
// many are what a reader that is held up for seconds needs.
const (
	minBlock   = 128 << 10
	maxBlock   = 1 << 20
	manyBlocks = 128
	slotSize   = 2048 // frame_size: means nothing for TPACKET_V3, but must fit
)

// blockSize is how large the blocks of a ring of so many bytes are.
func blockSize(ring int) int {
	size := maxBlock
	for size > minBlock && ring/size < manyBlocks {
		size /= 2
	}
	return size
}

// block is one of a ring's.
type block struct {
	mem  []byte
	refs atomic.Int32 // 0: the kernel's; else 1, the reader's, and one of each batch that has its packets
	// lease is the last one that holds it.
	lease *lease
}

func (b *block) status() *uint32 { return (*uint32)(unsafe.Pointer(&b.mem[blockStatus])) }

// drop gives up one reference; the last one gives the block to the kernel. Only
// then is it 0, so that the reader does not take what is being given back.
func (b *block) drop() {
	if b.refs.Add(-1) == 1 {
		atomic.StoreUint32(b.status(), unix.TP_STATUS_KERNEL)
		b.refs.Store(0)
	}
}

// ring is one packet socket with its memory.
type ring struct {
	fd     int
	mem    []byte
	blocks []block
	shape  *shape

	at    int         // the block to look at next
	cur   *block      // the one that is read, or nil
	left  int         // packets in it that are not read
	next  int         // place of the first of these
	ready time.Time   // no packet of it came later
	time  events.Time // of the packet at next

	taken    uint64 // packets taken out of the blocks
	filtered uint64 // of these, thrown away by us
	received uint64 // as the kernel counts, with the dropped ones
	dropped  uint64
	freezes  uint64
	down     bool
	foreign  bool // stamps may be of another clock than the system's
}

// mapRing makes the socket's ring.
func (r *ring) mapRing(bytes int, flush time.Duration) error {
	size := blockSize(bytes)
	n := bytes / size
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("the kernel has no TPACKET_V3 (Linux 3.2 has): %w", err)
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_RESERVE, room); err != nil {
		return fmt.Errorf("PACKET_RESERVE: %w", err)
	}
	req := unix.TpacketReq3{
		Block_size: uint32(size), Block_nr: uint32(n), Frame_size: slotSize, Frame_nr: uint32(size / slotSize * n),
		Retire_blk_tov: uint32(max(flush.Milliseconds(), 1)),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("the kernel gives no buffer of %d bytes; ask for a smaller one: %w", bytes, err)
	}
	mem, err := unix.Mmap(r.fd, 0, size*n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("a buffer of %d bytes cannot be mapped; ask for a smaller one: %w", bytes, err)
	}
	r.mem = mem
	r.blocks = make([]block, n)
	for i := range r.blocks {
		r.blocks[i].mem = mem[i*size : (i+1)*size : (i+1)*size]
	}
	return nil
}

func (r *ring) free() {
	if r.fd >= 0 {
		unix.Close(r.fd)
		r.fd = -1
	}
	if r.mem != nil {
		unix.Munmap(r.mem)
		r.mem, r.blocks, r.cur = nil, nil, nil
	}
}

// load makes cur the next block, if the kernel has handed it over. It reports
// whether there is a packet, and whether some were dropped before it.
func (r *ring) load(now time.Time) (ok, losing bool) {
	for r.cur == nil {
		b := &r.blocks[r.at]
		if b.refs.Load() != 0 { // all of them are lent
			return false, losing
		}
		status := atomic.LoadUint32(b.status())
		if status&unix.TP_STATUS_USER == 0 {
			return false, losing
		}
		losing = losing || status&unix.TP_STATUS_LOSING != 0
		r.at++
		if r.at == len(r.blocks) {
			r.at = 0
		}
		b.refs.Store(2)
		b.lease = nil
		r.cur, r.ready = b, now
		if !r.foreign {
			last := time.Unix(int64(binary.NativeEndian.Uint32(b.mem[blockLast:])), int64(binary.NativeEndian.Uint32(b.mem[blockLast+4:])))
			// Where the system's clock was set back, it is in the future.
			r.ready = now.Add(-max(now.Round(0).Sub(last), 0))
		}
		r.left = int(binary.NativeEndian.Uint32(b.mem[blockPackets:]))
		r.next = int(binary.NativeEndian.Uint32(b.mem[blockFirst:]))
		r.settle()
	}
	return true, losing
}

// settle notes the time of the next packet, or is through with the block.
func (r *ring) settle() {
	if r.left == 0 {
		r.cur.drop()
		r.cur = nil
		return
	}
	h := r.cur.mem[r.next:]
	r.time = events.Time(binary.NativeEndian.Uint32(h[frameSec:]))*1e9 + events.Time(binary.NativeEndian.Uint32(h[frameNsec:]))
}

// pour takes packets of the block, not later than until, to out[n:] and gives
// the new n.
func (r *ring) pour(l *lease, n int, until events.Time) int {
	b := r.cur
	for n < len(l.packets) && r.left > 0 && r.time <= until {
		h := b.mem[r.next:]
		p := capture.Packet{Time: r.time, Link: r.shape.link}
		ok := r.shape.packet(h, &p)
		r.left--
		r.taken++
		r.next += int(binary.NativeEndian.Uint32(h[frameNext:]))
		if ok {
			if b.lease != l {
				b.lease = l
				b.refs.Add(1)
				l.hold(b)
			}
			l.packets[n] = p
			n++
		} else {
			r.filtered++
		}
		r.settle()
	}
	return n
}

// count reads the kernel's counters, which begin at 0 again by that.
func (r *ring) count() (drops uint64, err error) {
	st, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, err
	}
	r.received += uint64(st.Packets)
	r.dropped += uint64(st.Drops)
	r.freezes += uint64(st.Freeze_q_cnt)
	return uint64(st.Drops), nil
}

// drained reports whether all that the kernel counted was taken.
func (r *ring) drained() bool { return r.taken == r.received-r.dropped }
