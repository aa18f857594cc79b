package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// A Selection says which events a reader wants to see.
type Selection struct {
	Kinds   events.KindSet
	layers  []string // protocols whose messages are wanted, whatever their kind
	Streams []events.StreamKey
	Frames  []Frames
	// data: packets of QUIC that show nothing but that data flows are wanted
	// too. They are quiet as some kinds are.
	data bool
}

// Frames is a range of frame numbers, both ends included. Last 0: to the end.
type Frames struct{ First, Last uint64 }

// quiet are the kinds of which there are too many to show unless named.
var quiet = events.SetOf(events.KindTCPRTT, events.KindTCPHOL, events.KindFlowBytes)

// framing are the kinds that only frame what others tell: text leaves them
// out unless they are named.
var framing = events.SetOf(events.KindHTTP2Frame, events.KindUTPSegment)

// isMessage reports whether k is of an application protocol.
func isMessage(k events.Kind) bool {
	name := k.String()
	return !strings.HasPrefix(name, "flow.") && !strings.HasPrefix(name, "tcp.")
}

// DefaultText is what `decode` shows: messages, and what is wrong with flows.
func DefaultText() Selection {
	s := Selection{Kinds: events.SetOf(events.KindFlowViolation, events.KindFlowGap, events.KindFlowDropped, events.KindFlowLimit)}
	for _, k := range events.Kinds() {
		if isMessage(k) && !framing.Has(k) {
			s.Kinds = s.Kinds.Or(events.SetOf(k))
		}
	}
	return s
}

// DefaultJSON is what `decode --json` prints: all but the quiet kinds.
func DefaultJSON() Selection {
	var s Selection
	for _, k := range events.Kinds() {
		if !quiet.Has(k) {
			s.Kinds = s.Kinds.Or(events.SetOf(k))
		}
	}
	return s
}

// Only limits s to the words: names of kinds ("http.request"), of groups of
// kinds ("dns", "tcp.segment", "flow"), or of protocols ("mdns", "http1").
// A group has no quiet kinds, and no 1-RTT packets of QUIC: these must be named
// whole.
func (s *Selection) Only(words, protocols []string) error {
	s.Kinds = events.KindSet{}
	for _, w := range words {
		found := false
		s.data = s.data || w == events.KindQUICPacket.String()
		for _, k := range events.Kinds() {
			name := k.String()
			if name == w || strings.HasPrefix(name, w+".") && !quiet.Has(k) {
				s.Kinds = s.Kinds.Or(events.SetOf(k))
				found = true
			}
		}
		if !found && slices.Contains(protocols, w) {
			s.layers = append(s.layers, w)
			found = true
		}
		if !found {
			return fmt.Errorf("%q is no kind of event and no protocol; there are: %s", w, strings.Join(Choices(protocols), ", "))
		}
	}
	return nil
}

// Choices lists all that Only takes, groups first.
func Choices(protocols []string) []string {
	var out []string
	add := func(s string) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, k := range events.Kinds() {
		group, _, _ := strings.Cut(k.String(), ".")
		add(group)
	}
	for _, p := range protocols {
		add(p)
	}
	for _, k := range events.Kinds() {
		add(k.String())
	}
	return out
}

// Want are the kinds that must be made for s.
func (s *Selection) Want() events.KindSet {
	want := s.Kinds
	if len(s.layers) > 0 {
		for _, k := range events.Kinds() {
			if isMessage(k) {
				want = want.Or(events.SetOf(k))
			}
		}
	}
	return want
}

// Has reports whether e is selected.
func (s *Selection) Has(e *events.Event) bool {
	if k := e.Body.Kind(); !s.Kinds.Has(k) && !(isMessageLayer(s.layers, e.Layer) && isMessage(k)) {
		return false
	}
	if p, ok := e.Body.(*events.QUICPacket); ok && p.Type == "1rtt" && !s.data {
		return false
	}
	if len(s.Streams) > 0 && !slices.Contains(s.Streams, e.Key()) {
		return false
	}
	for _, f := range s.Frames {
		if e.Pos.Frame >= f.First && (f.Last == 0 || e.Pos.Frame <= f.Last) {
			return true
		}
	}
	return len(s.Frames) == 0
}

func isMessageLayer(layers []string, layer string) bool {
	return len(layers) > 0 && slices.Contains(layers, lastLayer(layer))
}

// lastLayer is the speaker of a layer path: "http1" of "tcp/http1".
func lastLayer(layer string) string { return layer[strings.LastIndexByte(layer, '/')+1:] }

// ParseStream reads "tcp:5".
func ParseStream(s string) (events.StreamKey, error) {
	name, num, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(num, 10, 32)
	if ok && err == nil {
		for p := range 256 {
			if events.TransportName(uint8(p)) == name {
				return events.StreamKey{Stream: uint32(n), Proto: uint8(p)}, nil
			}
		}
	}
	return events.StreamKey{}, fmt.Errorf("stream %q: want tcp:5 or udp:5, with Wireshark's tcp.stream or udp.stream", s)
}

// ParseFrames reads "10-90", "10-", "-90" or "10".
func ParseFrames(s string) (Frames, error) {
	first, last, isRange := strings.Cut(s, "-")
	var f Frames
	var err1, err2 error
	if first != "" {
		f.First, err1 = strconv.ParseUint(first, 10, 64)
	}
	switch {
	case !isRange:
		f.Last = f.First
	case last != "":
		f.Last, err2 = strconv.ParseUint(last, 10, 64)
	}
	empty := first == "" && last == "" || !isRange && f.First == 0 || last != "" && (f.Last == 0 || f.Last < f.First)
	if err1 != nil || err2 != nil || empty {
		return Frames{}, fmt.Errorf("frames %q: want 10-90, 10-, -90 or 10", s)
	}
	return f, nil
}
