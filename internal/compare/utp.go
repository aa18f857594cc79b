package compare

import (
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// utp is uTP. tshark looks for it only when it is told to.
var utp = protocol{
	name:    "utp",
	kinds:   []events.Kind{events.KindUTPSegment},
	reader:  func() reader { return utpReader{refused: map[uint64]bool{}} },
	args:    []string{"--enable-heuristic", "bt_utp_udp"},
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "bt-utp.ver", of: segment(func(*events.UTPSegment) string { return "1" })},
		{name: "bt-utp.type", of: segment(func(s *events.UTPSegment) string {
			return index([]string{"data", "fin", "state", "reset", "syn"}, s.Type, "")
		})},
		{name: "bt-utp.connection_id", of: segment(func(s *events.UTPSegment) string { return strconv.Itoa(int(s.ConnectionID)) })},
		{name: "bt-utp.timestamp_us", of: segment(func(s *events.UTPSegment) string { return strconv.FormatUint(uint64(s.TimestampUS), 10) })},
		{name: "bt-utp.timestamp_diff_us", of: segment(func(s *events.UTPSegment) string { return strconv.FormatUint(uint64(s.TimestampDiff), 10) })},
		{name: "bt-utp.wnd_size", of: segment(func(s *events.UTPSegment) string { return strconv.FormatUint(uint64(s.Window), 10) })},
		{name: "bt-utp.seq_nr", of: segment(func(s *events.UTPSegment) string { return strconv.Itoa(int(s.Seq)) })},
		{name: "bt-utp.ack_nr", of: segment(func(s *events.UTPSegment) string { return strconv.Itoa(int(s.Ack)) })},
		{name: "bt-utp.len", of: segment(func(s *events.UTPSegment) string { return strconv.Itoa(s.Bytes) })},
		{name: "bt-utp.next_extension_type", of: func(m *message, add func(string)) {
			for _, x := range m.event.Body.(*events.UTPSegment).Extensions {
				add(strconv.Itoa(x))
			}
			add("0") // the end of the chain
		}},
		{name: "bt-utp.extension_bitmask", of: segment(func(s *events.UTPSegment) string { return s.SACK })},
	},
}

func segment(f func(*events.UTPSegment) string) func(*message, func(string)) {
	return func(m *message, add func(string)) { add(f(m.event.Body.(*events.UTPSegment))) }
}

// utpReader knows the packets that tshark does not take for uTP, for an
// extension in them.
type utpReader struct {
	plain
	refused map[uint64]bool
}

func (r utpReader) event(e *events.Event, tell func(message)) {
	s := e.Body.(*events.UTPSegment)
	for _, x := range s.Extensions {
		if x > 2 {
			r.refused[e.Pos.Frame] = true
		}
	}
	if len(s.SACK)%8 != 0 {
		r.refused[e.Pos.Frame] = true
	}
	tell(message{frame: e.Pos.Frame, event: e})
}

// aside: libtorrent sends selective acks of any number of bytes, and the
// reason of a close in extension 3; tshark 4.0.17 takes neither.
func (r utpReader) aside(d *Difference, _ *theirs) string {
	if d.Side == OnlyOurs && r.refused[d.Frame] {
		return "in a packet with an extension that tshark does not accept"
	}
	return ""
}
