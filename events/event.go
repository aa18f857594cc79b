// Package events is the vocabulary of wiretale: one envelope and one plain
// struct for each thing that can be said about a conversation. It is the
// contract between decoders, analyzers and reports, and the schema of every
// output. It imports the standard library only, and it must not decide
// anything: no parsing, no I/O.
package events

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Time is a moment of capture time: nanoseconds since 1970-01-01 UTC. It is
// never the wall clock of the machine that runs wiretale.
type Time int64

// TimeOf converts t, dropping nothing: capture formats end at nanoseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixNano()) }

// Std is t as a time.Time in UTC.
func (t Time) Std() time.Time { return time.Unix(0, int64(t)).UTC() }

// Sub is t-u.
func (t Time) Sub(u Time) Duration { return Duration(t - u) }

// Add is t+d.
func (t Time) Add(d Duration) Time { return t + Time(d) }

// Duration is a span of capture time in nanoseconds. In JSON it is a number
// of seconds with up to nine decimals.
type Duration int64

// Std is d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Pos is the place of an event: the packet that completed it and the place
// within that packet. It is a total order, the same for any number of workers.
type Pos struct {
	Frame uint64 // 1-based packet number in the capture, as in Wireshark
	Sub   uint32 // 0-based place among the events of this frame
}

// Less reports whether p comes before q.
func (p Pos) Less(q Pos) bool {
	return p.Frame < q.Frame || p.Frame == q.Frame && p.Sub < q.Sub
}

// Dir says which side of a flow speaks.
type Dir uint8

// The two sides of a flow.
const (
	FromClient Dir = iota
	FromServer
)

// Other is the opposite side.
func (d Dir) Other() Dir { return d ^ 1 }

func (d Dir) String() string {
	if d == FromServer {
		return "server"
	}
	return "client"
}

// IP protocol numbers that the rest of the program names.
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// Addr is an IP address in 16 bytes; IPv4 is in its IPv4-mapped form
// (RFC 4291 section 2.5.5.2). It is comparable and free of pointers.
type Addr [16]byte

// Addr4 is the Addr of an IPv4 address.
func Addr4(b [4]byte) Addr {
	return Addr{10: 0xff, 11: 0xff, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}
}

// AddrOf converts a, dropping its zone.
func AddrOf(a netip.Addr) Addr { return Addr(a.As16()) }

// IP is a as a netip.Addr; an IPv4-mapped address comes back as IPv4.
func (a Addr) IP() netip.Addr { return netip.AddrFrom16(a).Unmap() }

func (a Addr) String() string { return a.IP().String() }

// Flow names a conversation by its two ends: comparable, free of pointers,
// equal on every run. Two flows may bear the same Flow when a port was used
// again; (Proto, Event.Stream) tells them apart.
type Flow struct {
	Client, Server         Addr
	ClientPort, ServerPort uint16
	Proto                  uint8 // IP protocol number
}

// Ends are the address and port of each side.
func (f Flow) Ends() (client, server netip.AddrPort) {
	return netip.AddrPortFrom(f.Client.IP(), f.ClientPort), netip.AddrPortFrom(f.Server.IP(), f.ServerPort)
}

// Transport is "tcp", "udp", … or "ip-N" for a protocol without a name here.
func (f Flow) Transport() string { return TransportName(f.Proto) }

// TransportName is the lower-case name of an IP protocol number as it stands
// at the head of a Layer path.
func TransportName(proto uint8) string {
	switch proto {
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	case ProtoICMP:
		return "icmp"
	case ProtoICMPv6:
		return "icmpv6"
	case ProtoSCTP:
		return "sctp"
	case 2:
		return "igmp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 51:
		return "ah"
	case 89:
		return "ospf"
	case 103:
		return "pim"
	case 112:
		return "vrrp"
	}
	return "ip-" + strconv.Itoa(int(proto))
}

// Event is the envelope. Handed to a consumer, it is borrowed until return;
// so is a Body whose documentation says "pooled". Every other Body owns its
// memory and may be kept.
type Event struct {
	Pos       Pos
	Time      Time   // capture time of the packet Pos.Frame
	Flow      Flow   // the two ends
	Stream    uint32 // index as Wireshark's tcp.stream / udp.stream
	From      Dir    // who spoke
	Truncated bool   // a field was not captured and is left out
	Layer     string // path from the flow to the speaker: "tcp/tls/http2"
	Body      Body
}

// Keep is a copy of e that may be kept.
func (e *Event) Keep() *Event {
	c := *e
	if b, ok := e.Body.(pooled); ok {
		c.Body = b.keep()
	}
	return &c
}

// pooled is a Body that is used again.
type pooled interface{ keep() Body }

func (b *TCPRTT) keep() Body    { c := *b; return &c }
func (b *FlowBytes) keep() Body { c := *b; return &c }
func (b *FlowEnd) keep() Body   { c := *b; return &c }

func (b *DNSMessage) keep() Body {
	c := *b
	c.Question = slices.Clone(c.Question)
	c.Answer, c.Authority, c.Additional = slices.Clone(c.Answer), slices.Clone(c.Authority), slices.Clone(c.Additional)
	if c.EDNS != nil {
		e := *c.EDNS
		c.EDNS = &e
	}
	return &c
}

// StreamKey names one conversation of a capture: comparable, 8 bytes.
type StreamKey struct {
	Stream uint32
	Proto  uint8
}

// Key is the conversation of e.
func (e *Event) Key() StreamKey { return StreamKey{Stream: e.Stream, Proto: e.Flow.Proto} }

func (k StreamKey) String() string {
	return TransportName(k.Proto) + ":" + strconv.FormatUint(uint64(k.Stream), 10)
}

// Filter is the Wireshark display filter that shows the conversation.
func (k StreamKey) Filter() string {
	return TransportName(k.Proto) + ".stream eq " + strconv.FormatUint(uint64(k.Stream), 10)
}

// Body is what an event says: a pointer to a plain struct.
type Body interface {
	Kind() Kind
}

// Ending says why one side of a flow, or all of it, is over.
type Ending uint8

// The endings of a flow (the "why" of flow.end).
const (
	EndFIN         Ending = iota + 1 // orderly close
	EndReset                         // RST
	EndIdle                          // nothing for the idle time-out of its kind
	EndCaptureOver                   // the capture ended first
	EndEvicted                       // a limit pushed it out
)

var endings = [...]string{EndFIN: "fin", EndReset: "reset", EndIdle: "idle", EndCaptureOver: "capture_over", EndEvicted: "evicted"}

func (e Ending) String() string { return endings[e] }

// MarshalText makes an Ending its name in JSON.
func (e Ending) MarshalText() ([]byte, error) { return []byte(endings[e]), nil }
