package filter

import "github.com/wiretale/wiretale/capture"

// headers says where the headers of a packet are, as far as the expression
// was read: vlan, mpls and pppoes move what is behind them in the expression,
// also within "or" and "not".
type headers struct {
	link    linkKind
	name    string // of the link type, for messages
	head    uint32 // where the link-layer header begins
	typeOff uint32 // where the type of what follows is
	payload uint32 // where the header ends
	net     uint32 // where the network layer begins, from payload
	labels  int    // of MPLS, so far
	swapped bool   // LinkNull in big-endian order
	serial  bool   // of PPP: on a line, or in a capture of PPPoE sessions, where mpls is not looked for
}

type linkKind uint8

const (
	linkOther linkKind = iota
	linkEther
	linkPPP
	linkCHDLC
	linkNull
	linkLoop
	linkSLL
	linkSLL2
	linkRaw
	linkIPv4
	linkIPv6
)

// headersOf says where the headers of a link type are.
func headersOf(l capture.LinkType) (h headers) {
	h.name = l.String()
	switch l {
	case capture.LinkEthernet:
		h.link, h.typeOff, h.payload = linkEther, 12, 14
	case capture.LinkNull:
		h.link, h.payload = linkNull, 4
	case capture.LinkLoop:
		h.link, h.payload = linkLoop, 4
	case capture.LinkRaw, capture.LinkRaw12, capture.LinkRaw14:
		h.link = linkRaw
	case capture.LinkIPv4:
		h.link = linkIPv4
	case capture.LinkIPv6:
		h.link = linkIPv6
	case capture.LinkSLL:
		h.link, h.typeOff, h.payload = linkSLL, 14, 16
	case capture.LinkSLL2:
		h.link, h.typeOff, h.payload = linkSLL2, 0, 20
	case capture.LinkPPP, capture.LinkPPPHDLC:
		h.link, h.typeOff, h.payload, h.serial = linkPPP, 2, 4, l == capture.LinkPPPHDLC
	case capture.LinkPPPEther:
		h.link, h.typeOff, h.payload, h.serial = linkPPP, 6, 8, true
	case capture.LinkCHDLC:
		h.link, h.typeOff, h.payload = linkCHDLC, 2, 4
	}
	return h
}

// unknown is what to say where a link type is none of those that filters know.
func (h *headers) unknown() string {
	return "filters do not know the headers of link type " + h.name + ", but its lengths (len, less, greater); they do know those of ethernet, raw IP, null, loop, sll, sll2, ppp, ppp-ether and chdlc"
}

// netAt is a field of the network layer's header.
func (h *headers) netAt(off uint32, size uint8) field { return at(h.payload+h.net+off, size) }

// Types of Ethernet (the registry of IANA), and service access points of
// IEEE 802.2, which are told from them by their size.
const (
	etherIP       = 0x0800
	etherARP      = 0x0806
	etherRARP     = 0x8035
	etherIPv6     = 0x86dd
	etherVLAN     = 0x8100 // IEEE 802.1Q
	etherQinQ     = 0x88a8 // IEEE 802.1ad
	etherQinQOld  = 0x9100
	etherMPLS     = 0x8847 // RFC 5332
	etherPPPoED   = 0x8863 // RFC 2516
	etherPPPoES   = 0x8864
	etherNS       = 0x0600 // Xerox NS
	etherMOPDL    = 0x6001
	etherMOPRC    = 0x6002
	etherDECnet   = 0x6003
	etherLAT      = 0x6004
	etherSCA      = 0x6007
	etherATalk    = 0x809b
	etherAARP     = 0x80f3
	etherIPX      = 0x8137
	etherLoopback = 0x9000

	sapSTP     = 0x42
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe

	maxLength = 1500 // of an IEEE 802.3 frame: more than that is a type
)

// etherNames are what "ether proto" takes.
var etherNames = map[string]uint32{
	"ip": etherIP, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP, "atalk": etherATalk, "aarp": etherAARP,
	"decnet": etherDECnet, "lat": etherLAT, "sca": etherSCA, "moprc": etherMOPRC, "mopdl": etherMOPDL, "loopback": etherLoopback,
	"iso": sapISO, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI,
}

// carries is the condition that what follows the link-layer header is of type
// t. A message says why that cannot be asked.
func (h *headers) carries(t uint32) (c *cond, msg string) {
	if h.labels > 0 {
		return h.carriesMPLS(t)
	}
	typ := at(h.typeOff, 2)
	switch h.link {
	case linkEther:
		return h.carriesEther(t), ""
	case linkPPP:
		return typ.is(pppType(t)), ""
	case linkCHDLC:
		if t == sapISO {
			t = sapISO<<8 | sapISO
		}
		return typ.is(t), ""
	case linkSLL:
		return h.carriesSLL(t), ""
	case linkSLL2:
		return typ.is(t), ""
	case linkNull, linkLoop:
		return h.carriesFamily(t), ""
	case linkRaw:
		switch t {
		case etherIP:
			return at(0, 1).with(0xf0).is(0x40), ""
		case etherIPv6:
			return at(0, 1).with(0xf0).is(0x60), ""
		}
		return condNo, ""
	case linkIPv4:
		return always(t == etherIP), ""
	case linkIPv6:
		return always(t == etherIPv6), ""
	}
	return nil, h.unknown()
}

func always(b bool) *cond {
	if b {
		return condYes
	}
	return condNo
}

// carriesMPLS: behind the last label (RFC 3032 section 2.1) the type is not
// told, only the version of IP can be seen.
func (h *headers) carriesMPLS(t uint32) (*cond, string) {
	version := uint32(0x40)
	switch t {
	case etherIP:
	case etherIPv6:
		version = 0x60
	default:
		return nil, "behind mpls only IPv4 and IPv6 can be told"
	}
	last := at(h.payload+h.net-2, 1).with(1).is(1)
	return and(last, h.netAt(0, 1).with(0xf0).is(version)), ""
}

func (h *headers) carriesEther(t uint32) *cond {
	typ := at(h.typeOff, 2)
	length := not(typ.compare(opJgt, maxLength))
	snap := func(org, pid uint32) *cond {
		return and(at(h.payload+4, 4).is(org<<16|pid), at(h.payload, 4).is(0xaaaa0300|org>>16))
	}
	switch t {
	case sapISO, sapNetBEUI:
		return and(length, at(h.payload, 2).is(t<<8|t))
	case sapIPX: // with a type, SNAP, LLC, or straight behind the length
		return or(typ.is(etherIPX), and(length, or(snap(0, etherIPX), or(at(h.payload, 1).is(sapIPX), at(h.payload, 2).is(0xffff)))))
	case etherATalk:
		return or(typ.is(t), and(length, snap(0x080007, t)))
	case etherAARP:
		return or(typ.is(t), and(length, snap(0, t)))
	}
	if t <= maxLength {
		return and(length, at(h.payload, 1).is(t))
	}
	return typ.is(t)
}

// carriesSLL: the cooked header has numbers of its own for frames without a
// type: 1 for Novell's, 4 for those with IEEE 802.2.
func (h *headers) carriesSLL(t uint32) *cond {
	typ := at(h.typeOff, 2)
	llc := typ.is(4)
	snap := func(org, pid uint32) *cond {
		return and(at(h.payload+4, 4).is(org<<16|pid), at(h.payload, 4).is(0xaaaa0300|org>>16))
	}
	switch t {
	case sapISO, sapNetBEUI:
		return and(llc, at(h.payload, 2).is(t<<8|t))
	case sapIPX:
		return or(or(typ.is(etherIPX), typ.is(1)), and(llc, or(at(h.payload, 1).is(sapIPX), snap(0, etherIPX))))
	case etherATalk:
		return or(typ.is(t), and(llc, snap(0x080007, t)))
	case etherAARP:
		return or(typ.is(t), and(llc, snap(0, t)))
	}
	if t <= maxLength {
		return and(llc, at(h.payload, 1).is(t))
	}
	return typ.is(t)
}

// carriesFamily: the header is the address family as the writing machine
// numbers it; that of Linux for IPv6, as in libpcap on Linux.
func (h *headers) carriesFamily(t uint32) *cond {
	var family uint32
	switch t {
	case etherIP:
		family = 2
	case etherIPv6:
		family = 10
	default:
		return condNo
	}
	if h.link == linkNull && !h.swapped {
		family <<= 24
	}
	return at(0, 4).is(family)
}

// pppType is the number that PPP has for a type (the registry of IANA for RFC
// 1661); others are taken as they are.
func pppType(t uint32) uint32 {
	switch t {
	case etherIP:
		return 0x21
	case etherIPv6:
		return 0x57
	case etherDECnet:
		return 0x27
	case etherATalk:
		return 0x29
	case sapISO:
		return 0x23
	case sapSTP:
		return 0x31
	case sapIPX:
		return 0x2b
	case etherNS:
		return 0x25
	}
	return t
}
