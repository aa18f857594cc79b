package decodertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Record is one thing that a decoder did to its Sink, or that flows would
// have said in its place (flow.gap, and flow.violation for an error).
type Record struct {
	From      events.Dir
	Frame     uint64
	Layer     string // "" for the decoder under test, "tls/http2" inside feeds
	Kind      string // of the event, or switch, open, expect
	Truncated bool
	// Body is the event; nil for switch, open and expect.
	Body events.Body
	// What is the Next or the Expectation of switch, open and expect.
	What any

	text string // Body or What as JSON at the moment it was emitted
}

// JSON is the record as one line, without its newline.
func (r Record) JSON() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"from":%q,"frame":%d,`, r.From.String(), r.Frame)
	if r.Layer != "" {
		fmt.Fprintf(&b, `"layer":%q,`, r.Layer)
	}
	fmt.Fprintf(&b, `"kind":%q,`, r.Kind)
	if r.Truncated {
		b.WriteString(`"truncated":true,`)
	}
	fmt.Fprintf(&b, `"body":%s}`, r.text)
	return b.String()
}

func (r Record) String() string { return r.JSON() }

// Tape is all that happened in one run.
type Tape struct {
	Records []Record
	// Switched is what Switch named; nil: the decoder stayed.
	Switched *decoders.Next
	// Rest are the bytes from the switch on, by side.
	Rest [2][]byte
	// Feeds are what Open returned, in order.
	Feeds []*Feed
	// Err is the error that ended the decoder (datagrams: the last one).
	Err error

	broken []error // breaches of the contract
}

// Of are the bodies of type B on the tape, in order.
func Of[B events.Body](t *Tape) []B {
	var out []B
	for _, r := range t.Records {
		if b, ok := r.Body.(B); ok {
			out = append(out, b)
		}
	}
	return out
}

// Kinds are the kinds of all records, in order.
func (t *Tape) Kinds() []string {
	out := make([]string, len(t.Records))
	for i, r := range t.Records {
		out[i] = r.Kind
	}
	return out
}

// Broken are all breaches of the contract of package decoders, joined; nil
// when there was none.
func (t *Tape) Broken() error { return errors.Join(t.broken...) }

func (t *Tape) breach(format string, args ...any) {
	if len(t.broken) < 20 {
		t.broken = append(t.broken, fmt.Errorf(format, args...))
	}
}

// add keeps r, and its text as it is now.
func (t *Tape) add(r Record) {
	v := r.What
	if r.Body != nil {
		v = r.Body
		r.Kind = r.Body.Kind().String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.breach("%s cannot be JSON: %v", r.Kind, err)
	}
	r.text = string(text)
	t.Records = append(t.Records, r)
}

// settle checks that no body changed since it was emitted: one that did kept
// borrowed bytes, or was written to after Emit.
func (t *Tape) settle() {
	for _, r := range t.Records {
		if r.Body == nil {
			continue
		}
		if text, _ := json.Marshal(r.Body); string(text) != r.text {
			t.breach("%s of frame %d changed after it was emitted (does it keep borrowed bytes?)\n emitted %s\n later   %s", r.Kind, r.Frame, r.text, text)
		}
	}
}

// Feed is what Open returned: it records what it was given, and plays it to
// an inner decoder where the conversation has one.
type Feed struct {
	Next  decoders.Next
	Bytes [2][]byte
	Lost  [2]int64
	Ended [2]events.Ending

	run *streamRun // nil: only recorded
	out *sink
}

// Data implements decoders.Feed.
func (f *Feed) Data(from events.Dir, b []byte) {
	if f.Ended[from] != 0 {
		f.out.tape.breach("Feed.Data after End of %s", from)
		return
	}
	f.Bytes[from] = append(f.Bytes[from], b...)
	if f.run != nil {
		f.run.data(from, b, f.out.mark)
	}
}

// Gap implements decoders.Feed.
func (f *Feed) Gap(from events.Dir, n int64) {
	if n <= 0 {
		f.out.tape.breach("Feed.Gap of %d bytes", n)
	}
	f.Lost[from] += n
	if f.run != nil {
		f.run.gap(from, n, f.out.mark)
	}
}

// End implements decoders.Feed.
func (f *Feed) End(from events.Dir, why events.Ending) {
	if f.Ended[from] != 0 {
		f.out.tape.breach("Feed.End twice for %s", from)
		return
	}
	f.Ended[from] = why
	if f.run != nil {
		f.run.end(from, why, f.out.mark)
	}
}

// sink is the recording decoders.Sink.
type sink struct {
	tape  *Tape
	proto decoders.Proto
	layer string
	inner map[string]decoders.Proto
	env   decoders.Env
	mark  decoders.Mark
	// calling: the decoder is being called; a Sink may be used only then.
	calling  bool
	switched *decoders.Next
}

func (s *sink) check(what string) {
	if !s.calling {
		s.tape.breach("%s outside a call of the decoder", what)
	}
	if s.switched != nil {
		s.tape.breach("%s after Switch", what)
	}
}

func (s *sink) emit(from events.Dir, b events.Body, truncated bool) {
	s.tape.add(Record{From: from, Frame: s.mark.Frame, Layer: s.layer, Truncated: truncated, Body: b})
}

func (s *sink) Emit(from events.Dir, b events.Body) {
	s.check("Emit")
	s.emit(from, b, false)
}

func (s *sink) Truncated(from events.Dir, b events.Body) {
	s.check("Truncated")
	s.emit(from, b, true)
}

func (s *sink) Switch(n decoders.Next) {
	s.check("Switch")
	s.switched = &n
	if s.layer == "" {
		s.tape.Switched = &n
	}
	s.tape.add(Record{Frame: s.mark.Frame, Layer: s.layer, Kind: "switch", What: n})
}

func (s *sink) Open(n decoders.Next) decoders.Feed {
	s.check("Open")
	s.tape.add(Record{Frame: s.mark.Frame, Layer: s.layer, Kind: "open", What: n})
	f := &Feed{Next: n, out: s}
	if p, ok := s.inner[n.Protocol]; ok && p.Stream != nil {
		env := s.env
		env.Hint = n.Hint
		layer := n.Protocol
		if s.layer != "" {
			layer = s.layer + "/" + layer
		}
		f.run = newStreamRun(p, env, &sink{tape: s.tape, proto: p, layer: layer, inner: s.inner, env: s.env})
	}
	s.tape.Feeds = append(s.tape.Feeds, f)
	return f
}

func (s *sink) Expect(e decoders.Expectation) {
	s.check("Expect")
	s.tape.add(Record{Frame: s.mark.Frame, Layer: s.layer, Kind: "expect", What: e})
}

func (s *sink) Limit(name string, value int, reason string, bytes int64) {
	s.check("Limit")
	known := false
	for _, l := range events.AllLimits() {
		known = known || l.Name == name
	}
	if !known {
		s.tape.breach("Limit %q is not in events.Limits", name)
	}
	s.emit(events.FromClient, &events.FlowLimit{Protocol: s.proto.Name, Reason: reason, Limit: name, Value: int64(value), Bytes: bytes}, false)
}
