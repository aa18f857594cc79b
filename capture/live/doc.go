// Package live takes packets from a network interface as package capture takes
// them from files: Open gives a Source, which is a capture.Input.
//
// On Linux it reads a memory-mapped ring of the kernel (AF_PACKET, TPACKET_V3)
// in pure Go. On other systems it needs libpcap and the build tag of that name;
// without, Open fails and says how to build. With the tag, libpcap is used on
// Linux, too.
//
// It must not look into packets, but for what the kernel took out of them: VLAN
// tags are put back.
//
// # What is delivered
//
// Each packet once, whole or cut to the snaplen, as it would be in a file. What
// the machine itself sends is there as well; on the loopback interface, where
// the kernel shows each packet on its way out and on its way in, it is the
// latter. A packet reaches the reader at most about 100 ms after the wire, on a
// quiet interface too.
//
// # Offloads
//
// A packet that this machine sends is seen before the network card has cut it
// into segments (TSO, GSO) and has filled in its checksum, and one that it gets
// after the kernel has put segments together (GRO). So packets may be larger
// than the MTU, up to 64 KiB and more; their IPv4 total length may be 0; and a
// checksum that is wrong says nothing. Package flows takes all three as they are: it looks
// at no checksum. Therefore no flag of a packet says so.
//
// # Nothing is lost in silence
//
// Stats counts, exactly: Received = Delivered + Filtered + Dropped once the
// source is drained. Config.Lost is told where in the row of packets some are
// missing.
package live
