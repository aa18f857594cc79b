package compare

import (
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// tcp is the numbers of streams, the marks of segments and the RTT samples.
var tcp = protocol{
	name: "tcp",
	kinds: []events.Kind{
		events.KindFlowStart, events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPLost, events.KindTCPDuplicateACK,
		events.KindTCPZeroWindow, events.KindTCPKeepAlive, events.KindTCPRTT, events.KindDNSMessage, events.KindHTTPRequest,
	},
	reader:  func() reader { return &tcpReader{samples: map[uint64]bool{}, again: map[uint32][]span{}} },
	outside: quoted,
	extra:   []string{"tcp.analysis.acks_frame", "tcp.seq_raw", "tcp.len"},
	fields: []field{
		{name: "tcp.stream", innermost: true, told: true, of: streamOf(events.ProtoTCP)},
		{name: "udp.stream", innermost: true, told: true, of: streamOf(events.ProtoUDP)},
		mark("tcp.analysis.retransmission", events.KindTCPRetransmission, ""),
		mark("tcp.analysis.fast_retransmission", events.KindTCPRetransmission, "fast"),
		mark("tcp.analysis.spurious_retransmission", events.KindTCPRetransmission, "spurious"),
		mark("tcp.analysis.out_of_order", events.KindTCPOutOfOrder, ""),
		mark("tcp.analysis.lost_segment", events.KindTCPLost, ""),
		mark("tcp.analysis.duplicate_ack", events.KindTCPDuplicateACK, ""),
		mark("tcp.analysis.zero_window", events.KindTCPZeroWindow, "window"),
		mark("tcp.analysis.keep_alive", events.KindTCPKeepAlive, "probe"),
		{name: "tcp.analysis.ack_rtt", near: true, innermost: true, of: func(m *message, add func(string)) {
			if m.event != nil && m.row == nil {
				// Of one that is 0, tshark shows nothing.
				if b, ok := m.event.Body.(*events.TCPRTT); ok && b.Exact && b.RTT != 0 {
					add(seconds(b.RTT))
				}
			}
		}},
	},
}

// streamOf is the number of the stream of each event.
func streamOf(proto uint8) func(*message, func(string)) {
	return func(m *message, add func(string)) {
		if m.row == streamRow && m.event.Flow.Proto == proto {
			add(strconv.FormatUint(uint64(m.event.Stream), 10))
		}
	}
}

// streamRow marks the message that bears the number of a frame's stream.
var streamRow any = "stream"

// mark is one kind of mark, or one refinement of it.
func mark(name string, k events.Kind, why string) field {
	return field{name: name, innermost: true, wire: func(string) string { return "1" }, of: func(m *message, add func(string)) {
		if m.event == nil || m.row != nil {
			return
		}
		if b, ok := m.event.Body.(*events.TCPSegment); ok && b.Mark == k && (why == "" || b.Why == why) {
			add("1")
		}
	}}
}

// span is a range of sequence numbers.
type span struct{ from, to uint32 }

// tcpReader tells marks and samples where they stand, and the stream once a
// frame.
type tcpReader struct {
	last    uint64            // frame whose stream was told
	samples map[uint64]bool   // frames of segments that gave a sample
	again   map[uint32][]span // what was sent again, by stream
}

func (r *tcpReader) event(e *events.Event, tell func(message)) {
	switch b := e.Body.(type) {
	case *events.TCPSegment:
		if b.Mark == events.KindTCPRetransmission {
			r.again[e.Stream] = append(r.again[e.Stream], span{b.SeqRaw, b.SeqRaw + uint32(b.Bytes)})
		}
	case *events.TCPRTT:
		r.samples[b.SegmentFrame] = true
	}
	if r.last != e.Pos.Frame {
		r.last = e.Pos.Frame
		tell(message{frame: e.Pos.Frame, event: e, row: streamRow})
	}
	tell(message{frame: e.Pos.Frame, event: e})
}

func (*tcpReader) row(*analyzers.Row, func(message)) {}
func (*tcpReader) end(func(message))                 {}

// aside: a sample of tshark's does not count where there is none by
// definition, since the segment was sent more than once (Karn, RFC 6298
// section 3), or where we took it earlier from a SACK.
func (r *tcpReader) aside(d *Difference, its *theirs) string {
	if d.Field != "tcp.analysis.ack_rtt" || d.Side != OnlyTshark {
		return ""
	}
	n, err := strconv.ParseUint(its.frames[d.Frame].extra["tcp.analysis.acks_frame"], 10, 64)
	if err != nil {
		return ""
	}
	if r.samples[n] {
		return "sampled from another ACK of that segment"
	}
	f := its.frames[n]
	seq, err := strconv.ParseUint(f.extra["tcp.seq_raw"], 10, 32)
	if err != nil {
		return ""
	}
	length, _ := strconv.ParseUint(f.extra["tcp.len"], 10, 32)
	for _, s := range r.again[f.stream.Stream] {
		if int32(s.from-uint32(seq+length)) < 0 && int32(uint32(seq)-s.to) < 0 {
			return "the segment was sent more than once (Karn)"
		}
	}
	return ""
}
