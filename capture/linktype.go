package capture

import "strconv"

// The link types that the rest of the program names, with their numbers in
// files (LINKTYPE_ values of https://www.tcpdump.org/linktypes.html).
const (
	LinkNull          LinkType = 0   // BSD loopback: address family in the writer's byte order
	LinkEthernet      LinkType = 1   // IEEE 802.3
	LinkTokenRing     LinkType = 6   // IEEE 802.5
	LinkSLIP          LinkType = 8   // SLIP with a 16-byte direction header
	LinkPPP           LinkType = 9   // PPP, RFC 1661, with or without the HDLC bytes ff 03
	LinkFDDI          LinkType = 10  // FDDI
	LinkRaw12         LinkType = 12  // raw IP as some systems number it in files
	LinkRaw14         LinkType = 14  // raw IP as OpenBSD numbers it in files
	LinkPPPHDLC       LinkType = 50  // PPP in HDLC-like framing, RFC 1662
	LinkPPPEther      LinkType = 51  // PPPoE session packets, RFC 2516
	LinkATMRFC1483    LinkType = 100 // LLC over AAL5, RFC 1483
	LinkRaw           LinkType = 101 // raw IPv4 or IPv6
	LinkCHDLC         LinkType = 104 // Cisco HDLC
	Link80211         LinkType = 105 // IEEE 802.11
	LinkFrameRelay    LinkType = 107 // frame relay, RFC 1490
	LinkLoop          LinkType = 108 // OpenBSD loopback: address family in network byte order
	LinkSLL           LinkType = 113 // Linux cooked, version 1
	LinkPrism         LinkType = 119 // Prism header, then IEEE 802.11
	Link80211Radiotap LinkType = 127 // radiotap header, then IEEE 802.11
	Link80211AVS      LinkType = 163 // AVS header, then IEEE 802.11
	LinkPPPWithDir    LinkType = 204 // one byte of direction, then PPP
	LinkIPv4          LinkType = 228 // raw IPv4
	LinkIPv6          LinkType = 229 // raw IPv6
	LinkNFLog         LinkType = 239 // Linux netfilter log
	LinkSLL2          LinkType = 276 // Linux cooked, version 2

	// LinkUnknown is what this package calls a medium that has no number.
	LinkUnknown LinkType = 0xffff
)

var linkNames = map[LinkType]string{
	LinkNull: "null", LinkEthernet: "ethernet", LinkTokenRing: "token-ring", LinkSLIP: "slip",
	LinkPPP: "ppp", LinkFDDI: "fddi", LinkRaw12: "raw", LinkRaw14: "raw",
	LinkPPPHDLC: "ppp-hdlc", LinkPPPEther: "ppp-ether", LinkATMRFC1483: "atm-rfc1483",
	LinkRaw: "raw", LinkCHDLC: "chdlc", Link80211: "802.11", LinkFrameRelay: "frame-relay",
	LinkLoop: "loop", LinkSLL: "sll", LinkPrism: "prism", Link80211Radiotap: "radiotap",
	Link80211AVS: "avs", LinkPPPWithDir: "ppp-dir", LinkIPv4: "ipv4", LinkIPv6: "ipv6",
	LinkNFLog: "nflog", LinkSLL2: "sll2", LinkUnknown: "unknown",
}

// String is a short name, or "link-N" for a type without a name here.
func (l LinkType) String() string {
	if s, ok := linkNames[l]; ok {
		return s
	}
	return "link-" + strconv.Itoa(int(l))
}
