package capture

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/wiretale/wiretale/events"
)

// Interface is a place that packets were captured at. A pcap file has one.
type Interface struct {
	Link        LinkType
	Name        string
	Description string
	Filter      string // capture filter, where it is text
	OS          string
	Hardware    string
	Snaplen     uint32 // 0: not cut
	// Resolution is the unit of the time stamps as if_tsresol has it: with
	// the top bit clear 10^-n seconds, else 2^-n with n the low seven bits.
	Resolution uint8
	Offset     int64  // seconds that were added to each time stamp
	FCS        int    // bytes of frame check sequence behind each packet; -1: not told
	Speed      uint64 // bits per second; 0: not told
	File       string // the file that it is of
	Section    int    // index into Meta.Sections
}

// Section is a file, or one section of a pcapng file.
type Section struct {
	File        string
	Format      string // pcap, pcapng, snoop, netmon
	Version     string // of the format
	BigEndian   bool
	Compression string // gzip, zstd or empty
	Hardware    string
	OS          string
	Application string
}

// Name is one address and what it was called when the capture was made.
type Name struct {
	Addr  netip.Addr
	Names []string
}

// Comment is a text that somebody attached.
type Comment struct {
	Frame   uint64 // of the packet, or 0
	Iface   int    // of the interface, or -1
	Section int    // index into Meta.Sections
	Text    string
}

// Counter is a number that may be missing.
type Counter struct {
	N     uint64
	Known bool
}

// Statistics is what the capturing program counted at one interface.
type Statistics struct {
	Iface         int         // index into Source.Interfaces
	Time          events.Time // when they were counted
	Start, End    events.Time // of the capture; 0: not told
	Received      Counter     // packets seen by the interface
	Dropped       Counter     // by the interface, for lack of resources
	Accepted      Counter     // by the filter
	DroppedByOS   Counter
	DeliveredUser Counter
}

// The types of Secrets.
const (
	SecretsTLS       = 0x544c534b // NSS key log
	SecretsSSH       = 0x5353484b
	SecretsWireGuard = 0x57474b4c
	SecretsZigBeeNWK = 0x5a4e574b
	SecretsZigBeeAPS = 0x5a415053
)

// Secrets are keys that came with the capture.
type Secrets struct {
	Type  uint32
	Data  []byte // not to be changed
	After uint64 // frames of the same file that came before it
}

// Meta is what a capture says besides its packets.
type Meta struct {
	Sections   []Section
	Names      []Name
	Comments   []Comment
	Statistics []Statistics
	Secrets    []Secrets
	Skipped    []string // files of a folder that are no captures
	// Dropped counts what was not kept because events.Limits.CaptureMeta was
	// reached, or because a single block was larger than 16 MiB.
	Dropped int
}

// notes collects the Meta and the interfaces of a Source. A nil one collects
// nothing.
type notes struct {
	mu     sync.Mutex
	budget int // bytes that may still be kept
	meta   Meta
	ifaces []Interface
}

// overhead is the memory that each kept record costs besides its texts.
const overhead = 160

// room reports whether n more bytes may be kept, and counts them.
func (n *notes) room(bytes int) bool {
	if n.budget < bytes+overhead {
		n.meta.Dropped++
		return false
	}
	n.budget -= bytes + overhead
	return true
}

func (n *notes) section(s Section) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room(len(s.Hardware) + len(s.OS) + len(s.Application)) {
		n.meta.Sections = append(n.meta.Sections, s)
	}
}

// maxInterfaces is as many as Packet.Iface can tell apart.
const maxInterfaces = 1 << 16

// iface adds an interface and gives its index; those that are not kept share
// the last index.
func (n *notes) iface(i Interface) uint16 {
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	i.Section = max(len(n.meta.Sections)-1, 0)
	if len(n.ifaces) == maxInterfaces {
		n.meta.Dropped++
		return maxInterfaces - 1
	}
	if s := (len(i.Name) + len(i.Description) + len(i.Filter) + len(i.OS) + len(i.Hardware)); !n.room(s) {
		i.Name, i.Description, i.Filter, i.OS, i.Hardware = "", "", "", "", ""
	}
	n.ifaces = append(n.ifaces, i)
	return uint16(len(n.ifaces) - 1)
}

func (n *notes) name(x Name) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	size := 0
	for _, s := range x.Names {
		size += len(s) + 16
	}
	if n.room(size) {
		n.meta.Names = append(n.meta.Names, x)
	}
}

func (n *notes) comment(c Comment) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room(len(c.Text)) {
		n.meta.Comments = append(n.meta.Comments, c)
	}
}

func (n *notes) statistics(s Statistics) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room(0) {
		n.meta.Statistics = append(n.meta.Statistics, s)
	}
}

// secrets keeps a copy of data.
func (n *notes) secrets(kind uint32, data []byte, after uint64) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room(len(data)) {
		n.meta.Secrets = append(n.meta.Secrets, Secrets{Type: kind, Data: slices.Clone(data), After: after})
	}
}

func (n *notes) skipped(file string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.room(len(file)) {
		n.meta.Skipped = append(n.meta.Skipped, file)
	}
}

func (n *notes) dropped() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.meta.Dropped++
}

// lastSection is the index of the section that was added last.
func (n *notes) lastSection() int {
	if n == nil {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(len(n.meta.Sections)-1, 0)
}

// snapshot is the Meta so far. Lists only ever grow, so it can share them.
func (n *notes) snapshot() *Meta {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.meta
	m.Sections = slices.Clip(m.Sections)
	m.Names = slices.Clip(m.Names)
	m.Comments = slices.Clip(m.Comments)
	m.Statistics = slices.Clip(m.Statistics)
	m.Secrets = slices.Clip(m.Secrets)
	m.Skipped = slices.Clip(m.Skipped)
	return &m
}

func (n *notes) interfaces() []Interface {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clip(n.ifaces)
}
