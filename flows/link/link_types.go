package link

import "github.com/wiretale/wiretale/capture"

// Link types (www.tcpdump.org/linktypes.html).
const (
	linkNull         capture.LinkType = 0
	linkEthernet     capture.LinkType = 1
	linkTokenRing    capture.LinkType = 6
	linkARCNet       capture.LinkType = 7
	linkSLIP         capture.LinkType = 8
	linkPPP          capture.LinkType = 9
	linkFDDI         capture.LinkType = 10
	linkRaw12        capture.LinkType = 12 // DLT_RAW of most systems
	linkRaw14        capture.LinkType = 14 // DLT_RAW of OpenBSD
	linkPPPHDLC      capture.LinkType = 50
	linkPPPoE        capture.LinkType = 51
	linkATM          capture.LinkType = 100 // RFC 2684
	linkRaw          capture.LinkType = 101
	linkCiscoHDLC    capture.LinkType = 104
	linkWLAN         capture.LinkType = 105
	linkJuniperEther capture.LinkType = 178
	linkJuniperPPP   capture.LinkType = 179
	linkJuniperFR    capture.LinkType = 180
	linkJuniperHDLC  capture.LinkType = 181
	linkUser2        capture.LinkType = 149 // PKTAP before it had a number
	linkATMCLIP      capture.LinkType = 106
	linkFrameRelay   capture.LinkType = 107
	linkLoop         capture.LinkType = 108
	linkENC          capture.LinkType = 109
	linkSLL          capture.LinkType = 113
	linkPFLog        capture.LinkType = 117
	linkPrism        capture.LinkType = 119
	linkIPoverFC     capture.LinkType = 122
	linkSunATM       capture.LinkType = 123
	linkRadiotap     capture.LinkType = 127
	linkARCNetLinux  capture.LinkType = 129
	linkFireWire     capture.LinkType = 138
	linkAVS          capture.LinkType = 163
	linkPPPDir       capture.LinkType = 166 // pppd: a direction instead of 0xff
	linkPPPWithDir   capture.LinkType = 204
	linkHDLCWithDir  capture.LinkType = 205
	linkFRWithDir    capture.LinkType = 206
	linkPPI          capture.LinkType = 192
	linkIPNET        capture.LinkType = 226
	linkIPv4         capture.LinkType = 228
	linkIPv6         capture.LinkType = 229
	linkNFLog        capture.LinkType = 239
	linkNetAnalyzer  capture.LinkType = 240
	linkNetAnalyzerT capture.LinkType = 241
	linkIPoIB        capture.LinkType = 242
	linkPKTAP        capture.LinkType = 258
	linkMPacket      capture.LinkType = 274
	linkSLL2         capture.LinkType = 276
	linkBroadcomTag  capture.LinkType = 281
	linkBroadcomPre  capture.LinkType = 282
	linkDSA          capture.LinkType = 284
	linkEDSA         capture.LinkType = 285
)

// link decodes a packet whose first header is t's.
func (d *Decoder) link(t capture.LinkType, b []byte, wire int, p *Packet) Verdict {
	switch t {
	case linkEthernet:
		return d.ethernet(b, wire, p)
	case linkRaw, linkRaw12, linkRaw14:
		return d.raw(b, wire, p)
	case linkIPv4:
		return d.ip4(b, wire, p)
	case linkIPv6:
		return d.ip6(b, wire, p)
	case linkNull, linkLoop:
		return d.null(b, wire, p)
	case linkSLL:
		return d.sll(b, wire, p)
	case linkSLL2:
		return d.sll2(b, wire, p)
	case linkPPP, linkPPPHDLC:
		return d.pppHDLC(b, wire, p)
	case linkPPPoE:
		return d.pppoe(b, wire, p)
	case linkCiscoHDLC:
		return d.pppHDLC(b, wire, p)
	case linkWLAN:
		return d.wlan(b, wire, false, p)
	case linkRadiotap:
		return d.radiotap(b, wire, p)
	case linkPrism, linkAVS:
		return d.prism(b, wire, p)
	case linkFrameRelay:
		return d.frameRelay(b, wire, p)
	case linkATM:
		return d.llc(b, wire, p)
	case linkTokenRing:
		return d.tokenRing(b, wire, p)
	}
	return d.rareLink(t, b, wire, p)
}

// rareLink: link types that a fixed number of bytes away from something else.
func (d *Decoder) rareLink(t capture.LinkType, b []byte, wire int, p *Packet) Verdict {
	if !d.layer(b) {
		return Unknown
	}
	skip := 0
	switch t {
	case linkSLIP:
		skip = 16 // direction and the compressed header
	case linkFDDI:
		skip = 13
	case linkIPoverFC:
		skip = 16
	case linkENC:
		skip = 12
	case linkFireWire:
		skip = 16
	case linkIPoIB:
		skip = 40 // global routing header, of which the destination is filled in
	case linkIPNET:
		skip = 24
	case linkPPPDir, linkPPPWithDir, linkHDLCWithDir, linkFRWithDir:
		skip = 1
	case linkNetAnalyzer:
		skip = 4
	case linkNetAnalyzerT:
		skip = 12
	case linkMPacket:
		skip = 8
	case linkBroadcomPre:
		skip = 4
	case linkSunATM:
		skip = 4
	}
	if len(b) < skip+1 {
		return Malformed
	}
	h := b
	b, wire = b[skip:], wire-skip
	switch t {
	case linkSLIP, linkENC, linkIPNET:
		return d.raw(b, wire, p)
	case linkFDDI:
		if h[0]&0x30 != 0x10 { // frame control: LLC frames only
			return NotIP
		}
		return d.llc(b, wire, p)
	case linkIPoverFC:
		return d.llc(b, wire, p)
	case linkFireWire:
		return d.typed(b, wire, 0, p)
	case linkIPoIB:
		return d.typed(b, wire, 2, p) // RFC 4391 section 6
	case linkPPPDir:
		if b[0] == 0x03 {
			b, wire = b[1:], wire-1
		}
		return d.ppp(b, wire, p)
	case linkPPPWithDir, linkHDLCWithDir:
		return d.pppHDLC(b, wire, p)
	case linkFRWithDir:
		return d.frameRelay(b, wire, p)
	case linkNetAnalyzer, linkNetAnalyzerT, linkMPacket, linkBroadcomPre:
		return d.ethernet(b, wire, p)
	case linkBroadcomTag:
		return d.switchTag(b, wire, 4, p)
	case linkDSA:
		return d.switchTag(b, wire, 4, p)
	case linkEDSA:
		return d.switchTag(b, wire, 8, p)
	case linkATMCLIP:
		return d.clip(b, wire, p)
	case linkSunATM:
		return d.sunATM(h[0], b, wire, p)
	case linkPFLog:
		return d.pflog(b, wire, p)
	case linkARCNet:
		return d.arcnet(b, wire, p)
	case linkARCNetLinux:
		return d.arcnetLinux(b, wire, p)
	case linkPPI:
		return d.ppi(b, wire, p)
	case linkJuniperEther, linkJuniperPPP, linkJuniperFR, linkJuniperHDLC:
		return d.juniper(t, b, wire, p)
	case linkPKTAP, linkUser2:
		return d.pktap(b, wire, p)
	case linkNFLog:
		return d.nflog(b, wire, p)
	}
	return Unknown
}

// raw is an IP packet and nothing before it.
func (d *Decoder) raw(b []byte, wire int, p *Packet) Verdict {
	if len(b) < 1 {
		return Malformed
	}
	switch b[0] >> 4 {
	case 4:
		return d.ip4(b, wire, p)
	case 6:
		return d.ip6(b, wire, p)
	}
	return Malformed
}

// typed: an Ethernet type, skip more bytes, and what the type says.
func (d *Decoder) typed(b []byte, wire, skip int, p *Packet) Verdict {
	if len(b) < 2+skip {
		return Malformed
	}
	return d.etherType(be16(b), b[2+skip:], wire-2-skip, p)
}

// switchTag is an Ethernet frame with the n bytes of a switch chip's tag
// between addresses and type.
func (d *Decoder) switchTag(b []byte, wire, n int, p *Packet) Verdict {
	if len(b) < 12+n {
		return Malformed
	}
	return d.typed(b[12+n:], wire-12-n, 0, p)
}
