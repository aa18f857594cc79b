package quic

import (
	"encoding/binary"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// minInitial is the least length of a datagram with an Initial of a client
// (RFC 9000 section 14.1).
const minInitial = 1200

// probe: a long header of a known version (RFC 8999 section 5.1, RFC 9000
// section 17.2) whose lengths fill the datagram. A short header says nothing
// about itself: it is Maybe, and decided by port and by what lone thinks of it.
func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	switch {
	case isPublic(b):
		return decoders.Yes, events.FromClient
	case len(b) == 0:
		return decoders.No, from
	case b[0]&longForm == 0:
		if b[0]&fixedBit != 0 && len(b) >= minShort {
			return decoders.Maybe, from
		}
		return decoders.No, from
	}
	h, ok := parseLong(b, 0)
	switch {
	case !ok:
		return probeCut(from, b)
	case h.kind != negotiation && b[0]&fixedBit == 0 && h.version != q044:
		return decoders.No, from
	case h.kind == negotiation:
		return probeNegotiation(from, &h)
	case h.kind == unnamed && h.version != q044:
		return decoders.No, from
	case h.version.layout() == packed:
		if len(h.dcid)+len(h.scid) == 8 && len(b) >= 6+8+tagLen {
			return decoders.Yes, from
		}
		return decoders.No, from
	case h.version.isGreased() && (h.kind != initial || len(b) < minInitial || len(h.dcid) < 8 || h.size != len(b)):
		// Only the first Initial of a client is of such a version.
		return decoders.No, from
	case h.kind == retry:
		// A client drops one without a token (RFC 9000 section 17.2.5.2).
		if h.tokenLen > 0 && len(h.scid) > 0 && len(b) <= 1500 {
			return decoders.Yes, events.FromServer
		}
		return decoders.No, from
	case h.size-h.pn < 4+tagLen:
		// No room for the sample of header protection (RFC 9001 section 5.4.2).
		return decoders.No, from
	}
	if h.kind == zeroRTT || h.kind == initial && h.tokenLen > 0 {
		from = events.FromClient
	}
	switch {
	case fills(b, h):
		return decoders.Yes, from
	case opens(b, h):
		return decoders.Yes, events.FromClient
	}
	return decoders.Maybe, from
}

// opens: what is behind the packet is not understood (clients fill up their
// datagrams with what they like, see RFC 9000 section 14.1), but the packet is
// a client's first one, for its keys follow from it.
func opens(b []byte, h header) bool {
	if h.kind != initial || len(b) < minInitial {
		return false
	}
	k := deriveInitial(h.version, h.dcid)
	if k == nil {
		return false
	}
	var scratch []byte
	_, _, ok := k.sender[byClient].open(b[:h.size], h.pn, -1, &scratch)
	return ok
}

// fills: what is behind the first packet is of the same connection, or zeros.
func fills(b []byte, h header) bool {
	for b = b[h.size:]; len(b) > 0; b = b[h.size:] {
		if b[0]&longForm == 0 {
			return b[0]&fixedBit != 0 && len(b) >= 1+len(h.dcid) && string(b[1:1+len(h.dcid)]) == string(h.dcid) || zeros(b)
		}
		next, ok := parseLong(b, 0)
		if !ok || next.version != h.version || string(next.dcid) != string(h.dcid) || next.kind == retry {
			return false
		}
		h = next
	}
	return true
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// probeNegotiation: every version in the list may be one, and one is known.
func probeNegotiation(from events.Dir, h *header) (decoders.Verdict, events.Dir) {
	if len(h.dcid)+len(h.scid) == 0 {
		return decoders.No, from
	}
	known := false
	for b := h.versions; len(b) > 0; b = b[4:] {
		v := version(binary.BigEndian.Uint32(b))
		if v == versionNegotiation {
			return decoders.No, from
		}
		known = known || v.known()
	}
	if !known {
		return decoders.No, from
	}
	return decoders.Yes, events.FromServer
}

// probeCut: a packet that goes beyond what is there may have been cut by the
// snaplen, which a probe is not told.
func probeCut(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	const udpMax = 1<<16 - 1
	h, ok := parseLong(b, udpMax-len(b))
	if !ok || b[0]&fixedBit == 0 || h.pn == 0 || h.version.layout() == foreign || len(h.dcid)+len(h.scid) == 0 || len(b) < 64 {
		return decoders.No, from
	}
	if h.kind == initial && h.size >= minInitial && h.size <= 1500 && len(h.dcid) >= 8 {
		return decoders.Yes, from
	}
	return decoders.Maybe, from
}

// looksShort judges a datagram with a short header on a port of QUIC, in the
// midst of a connection: full-sized, protected and so without any pattern, and
// nothing that others send on the same port. Smaller ones show too little.
func looksShort(b []byte, missing int) bool {
	const sample = 64
	switch {
	case b[0]&(longForm|fixedBit) != fixedBit, len(b)+missing < minInitial, len(b) < sample:
		return false
	case b[0]&0xf8 == 0x48 && b[1]&b[2] == b[1] && (b[1] == 0 || b[1] == 0xff):
		return false // OpenVPN P_DATA_V2 with a peer ID
	case int(binary.BigEndian.Uint16(b[2:]))+4 == len(b)+missing:
		return false // TURN ChannelData (RFC 8656 section 12.4)
	}
	// 64 random bytes have 57 different values, five times in six 54 to 59; text
	// has not many more than 30.
	var seen [256]bool
	different := 0
	for _, c := range b[1:sample] {
		if !seen[c] {
			seen[c] = true
			different++
		}
	}
	return different >= 46
}
