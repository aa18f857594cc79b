package events

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
)

// CommunityID is the Community ID of f, version 1, seed 0
// (https://github.com/corelight/community-id-spec): the same text for both
// directions, and the same as Zeek, Suricata and others give.
//
// For ICMP and ICMPv6 the ports of f are the type and the code of the first
// message. A type with a counterpart (echo request and reply) is one two-way
// flow; any other is one-way, and its ends are not swapped.
func CommunityID(f Flow) string {
	var b [communityIDLen]byte
	return string(appendCommunityID(b[:0], &f))
}

// communityIDLen is the length of the text: "1:" and 20 bytes in base64.
const communityIDLen = 2 + 28

func appendCommunityID(dst []byte, f *Flow) []byte {
	client, server := f.Client[:], f.Server[:]
	if f.Client.IP().Is4() && f.Server.IP().Is4() {
		client, server = client[12:], server[12:]
	}
	ports, oneWay := true, false
	cport, sport := f.ClientPort, f.ServerPort
	switch f.Proto {
	case ProtoTCP, ProtoUDP, ProtoSCTP:
	case ProtoICMP:
		sport, oneWay = icmpPeer(icmpPairs[:], cport, sport)
	case ProtoICMPv6:
		sport, oneWay = icmpPeer(icmpv6Pairs[:], cport, sport)
	default:
		ports = false
	}
	c := bytes.Compare(client, server)
	if !oneWay && (c > 0 || c == 0 && ports && cport > sport) {
		client, server = server, client
		cport, sport = sport, cport
	}
	var b [2 + 16 + 16 + 2 + 4]byte // seed, addresses, protocol and padding, ports
	in := b[:2]
	in = append(in, client...)
	in = append(in, server...)
	in = append(in, f.Proto, 0)
	if ports {
		in = binary.BigEndian.AppendUint16(in, cport)
		in = binary.BigEndian.AppendUint16(in, sport)
	}
	sum := sha1.Sum(in)
	return base64.StdEncoding.AppendEncode(append(dst, '1', ':'), sum[:])
}

// icmpPairs are the types that ask and answer each other (RFC 792, RFC 950,
// RFC 1256).
var icmpPairs = [...][2]uint16{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}

// icmpv6Pairs are those of ICMPv6 (RFC 4443, RFC 2710, RFC 4861, RFC 4620,
// RFC 6275).
var icmpv6Pairs = [...][2]uint16{{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}}

// icmpPeer is what stands for the second port of a message of type typ: its
// counterpart's type, or, where it has none, its code.
func icmpPeer(pairs [][2]uint16, typ, code uint16) (port uint16, oneWay bool) {
	for _, p := range pairs {
		switch typ {
		case p[0]:
			return p[1], false
		case p[1]:
			return p[0], false
		}
	}
	return code, true
}
