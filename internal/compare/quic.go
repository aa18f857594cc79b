package compare

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// quic are the packets of QUIC and of Google's versions before it. The
// handshake inside is compared as TLS.
var quic = protocol{
	name:    "quic",
	kinds:   []events.Kind{events.KindQUICPacket},
	reader:  func() reader { return quicReader{} },
	decoded: true,
	outside: quoted,
	extra:   []string{"quic.decryption_failed"},
	fields: []field{
		{name: "quic.version", of: quicField(func(q *events.QUICPacket) string {
			if q.Type == "version_negotiation" {
				return "0x00000000"
			}
			return quicVersion(q.Version)
		})},
		{name: "quic.long.packet_type", of: quicField(func(q *events.QUICPacket) string {
			if q.Version == "2" {
				return ""
			}
			return number(quicTypes, q.Type)
		})},
		{name: "quic.long.packet_type_v2", of: quicField(func(q *events.QUICPacket) string {
			if q.Version != "2" {
				return ""
			}
			return number(quicTypesV2, q.Type)
		})},
		{name: "quic.dcid", of: quicField(func(q *events.QUICPacket) string { return q.DCID })},
		{name: "quic.scid", of: quicField(func(q *events.QUICPacket) string { return q.SCID })},
		{name: "quic.packet_length", of: quicField(func(q *events.QUICPacket) string { return strconv.Itoa(q.Length) })},
		{name: "quic.token_length", of: quicField(func(q *events.QUICPacket) string {
			if q.Type != "initial" {
				return ""
			}
			return strconv.Itoa(q.Token)
		})},
		{name: "quic.packet_number", of: quicField(func(q *events.QUICPacket) string {
			if q.PacketNumber == nil {
				return ""
			}
			return strconv.FormatUint(*q.PacketNumber, 10)
		})},
		{name: "quic.frame_type", wire: frameType, of: func(m *message, add func(string)) {
			if q := quicOf(m); q != nil && !strings.HasPrefix(q.Version, "T") { // those are frames of gquic
				for _, f := range q.Frames {
					add(f)
				}
			}
		}},
		{name: "quic.supported_version", of: func(m *message, add func(string)) {
			if q := quicOf(m); q != nil {
				for _, v := range q.Versions {
					add(quicVersion(v))
				}
			}
		}},
		{name: "quic.spin_bit", of: quicField(func(q *events.QUICPacket) string {
			if q.Spin == nil {
				return ""
			}
			return bit(*q.Spin)
		})},
		{name: "gquic.version", of: func(m *message, add func(string)) {
			if q, ok := m.event.Body.(*events.QUICPacket); ok && isGoogle(q) {
				add(q.Version)
			}
		}},
		{name: "gquic.cid", of: func(m *message, add func(string)) {
			if q, ok := m.event.Body.(*events.QUICPacket); ok && isGoogle(q) {
				if n, err := strconv.ParseUint(q.DCID+q.SCID, 16, 64); err == nil {
					if q.Version < "Q039" { // little-endian to Wireshark, as all numbers were
						n = bits.ReverseBytes64(n)
					}
					add(strconv.FormatUint(n, 10))
				}
			}
		}},
	},
}

// quicReader tells each packet in its frame.
type quicReader struct{ plain }

// NotAuthentic is why values are counted apart that tshark takes from packets
// which it says it could not decrypt: their number is noise, or a guess.
const NotAuthentic = "a packet number where decryption failed"

func (quicReader) aside(d *Difference, its *theirs) string {
	if d.Field == "quic.packet_number" && d.Side == OnlyTshark && its.frames[d.Frame].extra["quic.decryption_failed"] != "" {
		return NotAuthentic
	}
	return ""
}

// quicTypes and quicTypesV2 are the types by their number (RFC 9000 section
// 17.2, RFC 9369 section 3.2).
var (
	quicTypes   = []string{"initial", "0rtt", "handshake", "retry"}
	quicTypesV2 = []string{"retry", "initial", "0rtt", "handshake"}
)

// number is the place of a name in a list, "" where it is not in it.
func number(names []string, name string) string {
	if i := slices.Index(names, name); i >= 0 {
		return strconv.Itoa(i)
	}
	return ""
}

// isGoogle: a version that Wireshark shows in other fields.
func isGoogle(q *events.QUICPacket) bool {
	return strings.HasPrefix(q.Type, "gquic") || strings.HasPrefix(q.Version, "Q0") && q.Version < "Q050"
}

func quicOf(m *message) *events.QUICPacket {
	q, ok := m.event.Body.(*events.QUICPacket)
	if !ok || isGoogle(q) {
		return nil
	}
	return q
}

// quicField is a field that stands once in a packet.
func quicField(f func(*events.QUICPacket) string) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if q := quicOf(m); q != nil {
			add(f(q))
		}
	}
}

// quicVersion is the number of a version.
func quicVersion(name string) string {
	n := uint64(0)
	switch name {
	case "":
		return ""
	case "1":
		n = 1
	case "2":
		n = 0x6b3343cf
	default:
		if s, ok := strings.CutPrefix(name, "draft-"); ok {
			d, _ := strconv.ParseUint(s, 10, 8)
			n = 0xff000000 + d
		} else if s, ok := strings.CutPrefix(name, "0x"); ok {
			n, _ = strconv.ParseUint(s, 16, 32)
		} else {
			for i := range len(name) {
				n = n<<8 | uint64(name[i])
			}
		}
	}
	return fmt.Sprintf("0x%08x", n)
}

// frameType is the name of a frame that an Initial may carry.
func frameType(s string) string {
	n, err := strconv.Atoi(s)
	names := []string{"padding", "ping", "ack", "ack", "", "", "crypto"}
	switch {
	case err == nil && (n == 0x1c || n == 0x1d):
		return "connection_close"
	case err == nil && n < len(names) && names[n] != "":
		return names[n]
	}
	return s
}
