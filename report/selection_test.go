package report

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

func event(layer string, b events.Body) *events.Event {
	return &events.Event{
		Pos: events.Pos{Frame: 10}, Time: 1e9, Stream: 5, Layer: layer, Body: b,
		Flow: events.Flow{
			Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}),
			ClientPort: 4242, ServerPort: 80, Proto: events.ProtoTCP,
		},
	}
}

func TestSelection(t *testing.T) {
	all := map[string]*events.Event{
		"dns":       event("udp/dns", &events.DNSMessage{}),
		"mdns":      event("udp/mdns", &events.DNSMessage{}),
		"request":   event("tcp/http1", &events.HTTPRequest{}),
		"body":      event("tcp/http1", &events.HTTPBody{}),
		"start":     event("tcp", &events.FlowStart{}),
		"violation": event("tcp/http1", &events.FlowViolation{}),
		"bytes":     event("tcp", &events.FlowBytes{}),
		"lost":      event("tcp", &events.TCPSegment{Mark: events.KindTCPLost}),
		"rtt":       event("tcp", &events.TCPRTT{}),
		"initial":   event("udp/quic", &events.QUICPacket{Type: "initial"}),
		"1rtt":      event("udp/quic", &events.QUICPacket{Type: "1rtt"}),
		"frame":     event("tcp/http2", &events.HTTP2Frame{}),
	}
	protocols := []string{"dns", "mdns", "http1"}
	tests := []struct {
		name string
		from Selection
		only string
		want string
	}{
		{"text", DefaultText(), "", "dns mdns request body violation initial"},
		{"json", DefaultJSON(), "", "dns mdns request body start violation lost frame initial"},
		{"group", DefaultText(), "http", "request body"},
		{"groups", DefaultText(), "dns,http", "dns mdns request body"},
		{"flow", DefaultText(), "flow", "start violation"},
		{"tcp", DefaultText(), "tcp", "lost"},
		{"part of a name", DefaultText(), "tcp.segment", "lost"},
		{"framing, named", DefaultText(), "http2", "frame"},
		{"quiet, named", DefaultText(), "tcp.rtt,flow.bytes", "rtt bytes"},
		{"kind", DefaultJSON(), "http.request", "request"},
		{"group with data", DefaultText(), "quic", "initial"},
		{"data, named", DefaultText(), "quic.packet", "initial 1rtt"},
		{"protocol", DefaultText(), "mdns", "mdns"},
		{"protocol and kind", DefaultText(), "mdns,flow.start", "mdns start"},
	}
	for _, tt := range tests {
		s := tt.from
		if tt.only != "" {
			if err := s.Only(strings.Split(tt.only, ","), protocols); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		want := map[string]bool{}
		for _, w := range strings.Fields(tt.want) {
			want[w] = true
		}
		kinds := s.Want()
		for name, e := range all {
			if got := s.Has(e); got != want[name] {
				t.Errorf("%s: %s is selected: %t", tt.name, name, got)
			}
			if want[name] && !kinds.Has(e.Body.Kind()) {
				t.Errorf("%s: %s is not made", tt.name, name)
			}
		}
	}
	s := DefaultText()
	if err := s.Only([]string{"smpt"}, protocols); err == nil || !strings.Contains(err.Error(), "http.request") {
		t.Errorf("a word that is not known: %v", err)
	}
}

func TestSelectionOfStreamsAndFrames(t *testing.T) {
	e := event("tcp/http1", &events.HTTPRequest{}) // frame 10, tcp:5
	for _, tt := range []struct {
		stream, frames string
		want           bool
	}{
		{"", "", true},
		{"tcp:5", "", true},
		{"tcp:6", "", false},
		{"udp:5", "", false},
		{"", "10", true},
		{"", "1-9", false},
		{"", "10-90", true},
		{"", "11-", false},
		{"", "5-", true},
		{"", "-10", true},
		{"", "-9", false},
		{"tcp:5", "11-12", false},
	} {
		s := DefaultText()
		if tt.stream != "" {
			k, err := ParseStream(tt.stream)
			if err != nil {
				t.Error(err)
			}
			s.Streams = append(s.Streams, k)
		}
		if tt.frames != "" {
			f, err := ParseFrames(tt.frames)
			if err != nil {
				t.Error(err)
			}
			s.Frames = append(s.Frames, f)
		}
		if got := s.Has(e); got != tt.want {
			t.Errorf("stream %q, frames %q: %t", tt.stream, tt.frames, got)
		}
	}
	for _, bad := range []string{"", "5", "tcp", "tcp:", "tcp:x", "tcp:-1", "quark:5", "tcp:4294967296"} {
		if k, err := ParseStream(bad); err == nil {
			t.Errorf("stream %q was taken as %v", bad, k)
		}
	}
	for _, bad := range []string{"", "-", "0", "x", "9-3", "1-x", "1-2-3", "-0"} {
		if f, err := ParseFrames(bad); err == nil {
			t.Errorf("frames %q were taken as %v", bad, f)
		}
	}
}
