package decodertest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// line is a decoder for the tests of this package: a line is a message, a
// server's line waits until a client's line was heard.
type line struct {
	longest int // a line of so many bytes is refused
	asked   int
	torn    [2]bool
	fault   string
	keep    []byte
}

func (l *line) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	for {
		i := bytes.IndexByte(w.Bytes[used:], '\n')
		switch {
		case l.fault == "endless want":
			return 0, 1, nil
		case l.fault == "too much":
			return len(w.Bytes) + 1, 0, nil
		case l.fault == "want all":
			return 0, 1 << 30, nil
		case l.fault == "write":
			w.Bytes[0] = 'x'
		}
		size := i
		if i < 0 {
			size = len(w.Bytes) - used // so far
		}
		if size >= l.longest {
			return used, 0, errors.New("line too long")
		}
		if i < 0 {
			if l.fault == "cut" { // takes a torn line for a line
				out.Emit(w.From, &events.FlowViolation{Protocol: "line", Reason: string(w.Bytes[used:])})
				return len(w.Bytes), 0, nil
			}
			return used, len(w.Bytes) - used + 1, nil
		}
		if w.From == events.FromServer && l.asked == 0 {
			return used, 0, nil
		}
		text := w.Bytes[used : used+i]
		mark := w.At(used)
		used += i + 1
		if l.torn[w.From] {
			l.torn[w.From] = false
			continue
		}
		if w.From == events.FromClient {
			l.asked++
		} else {
			l.asked--
		}
		switch string(text) {
		case "switch":
			out.Switch(decoders.Next{Protocol: "other"})
			return used, 0, nil
		case "bad":
			return used, 0, errors.New("bad line")
		case "open":
			f := out.Open(decoders.Next{Protocol: "line"})
			f.Data(events.FromClient, []byte("inner\n"))
			f.End(events.FromClient, events.EndFIN)
		}
		b := &events.DNSMessage{Rcode: string(text), FirstFrame: mark.Frame}
		if l.fault == "borrow" {
			l.keep = text
			out.Emit(w.From, &borrower{text})
			continue
		}
		out.Emit(w.From, b)
		if used == len(w.Bytes) {
			return used, 0, nil
		}
	}
}

type borrower struct{ Text []byte }

func (*borrower) Kind() events.Kind { return events.KindDNSMessage }

func (l *line) Gap(from events.Dir, n int64, out decoders.Sink) error {
	l.torn[from] = true
	l.asked += 100 // whoever asked, we cannot know
	return nil
}

func (l *line) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if l.fault == "late" {
		out.Emit(from, &events.FlowViolation{})
	}
}

func proto(fault string) decoders.Proto {
	return decoders.Proto{
		Name:  "line",
		Probe: func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.Maybe, from },
		Stream: func(env decoders.Env) decoders.Stream {
			return &line{longest: env.Limits.Waiting, fault: fault}
		},
	}
}

var talk = Talk("lines",
	Client("hello\nhow a"), Client("re you\n"),
	Server("fine\nthank"), Server(" you\n"),
	Over(events.FromClient, events.EndFIN),
)

func TestRun(t *testing.T) {
	tape := Run(t, proto(""), talk)
	var got []string
	for _, m := range Of[*events.DNSMessage](tape) {
		got = append(got, m.Rcode)
	}
	if s := strings.Join(got, "|"); s != "hello|how are you|fine|thank you" {
		t.Errorf("lines %q", s)
	}
	if m := Of[*events.DNSMessage](tape)[1]; m.FirstFrame != 1 || tape.Records[1].Frame != 2 {
		t.Errorf("second line: first frame %d, frame %d", m.FirstFrame, tape.Records[1].Frame)
	}
}

// A server that is heard before its client is offered again.
func TestWaitsForOtherSide(t *testing.T) {
	tape := Run(t, proto(""), Talk("", Server("answer\n"), Client("question\n")))
	if len(tape.Records) != 2 || tape.Records[0].From != events.FromClient || tape.Records[1].Frame != 2 {
		t.Errorf("%v", tape.Records)
	}
}

func TestSwitchAndOpen(t *testing.T) {
	tape := Run(t, proto(""), Conversation{
		Chunks: []Chunk{Client("open\nswitch\nrest"), Client(" of it"), Server("too")},
		Inner:  map[string]decoders.Proto{"line": proto("")},
	})
	if tape.Switched == nil || string(tape.Rest[0]) != "rest of it" || string(tape.Rest[1]) != "too" {
		t.Errorf("switched %v, rest %q", tape.Switched, tape.Rest)
	}
	if len(tape.Feeds) != 1 || string(tape.Feeds[0].Bytes[0]) != "inner\n" || tape.Records[1].Layer != "line" {
		t.Errorf("%v", tape.Records)
	}
}

func TestGapDropsUntakenBytes(t *testing.T) {
	tape := Run(t, proto(""), Talk("", Client("torn"), Lost(events.FromClient, 3), Client("rest\nwhole\n")))
	if k := strings.Join(tape.Kinds(), " "); k != "flow.gap dns.message" {
		t.Error(k)
	}
	if g := Of[*events.FlowGap](tape)[0]; g.Offset != 4 || g.Bytes != 3 {
		t.Errorf("%+v", g)
	}
}

func TestErrorEnds(t *testing.T) {
	tape := Run(t, proto(""), Talk("", Client("bad\nx\n"), Client("y\n")))
	if tape.Err == nil || len(tape.Records) != 1 || tape.Records[0].Kind != "flow.violation" {
		t.Errorf("%v %v", tape.Err, tape.Records)
	}
}

// A line that does not fit what flows keeps is an error, never a want.
func TestLimit(t *testing.T) {
	c := Talk("", Client(strings.Repeat("x", 4096)), Client("x\n"))
	c.Env.Limits = tight()
	tape := Run(t, proto(""), c)
	if tape.Err == nil || tape.Err.Error() != "line too long" {
		t.Errorf("%v %v", tape.Err, tape.Records)
	}
}

func TestLaws(t *testing.T) {
	Laws(t, proto(""), talk)
	StrictLoss(t, proto(""), talk)
}

// The driver is worth what it catches.
func TestCatches(t *testing.T) {
	for fault, want := range map[string]string{
		"endless want": "should have taken them",
		"too much":     "used",
		"want all":     "more than flows keeps",
		"write":        "wrote to borrowed",
		"borrow":       "changed after it was emitted",
	} {
		err := Play(proto(fault), talk).Broken()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", fault, err)
		}
	}
	p := proto("cut")
	if cuts(p, talk, Play(p, talk), 8) == nil {
		t.Error("cut: not caught")
	}
}

func TestEncode(t *testing.T) {
	in := append(talk.Chunks, Lost(events.FromServer, 7), Cut(Server("abc"), 9))
	got := Decode(Encode(in))
	if len(got) != len(in) || got[2].From != events.FromServer || string(got[2].Bytes) != "fine\nthank" || got[6].Missing != 9 || got[4].End != events.EndFIN {
		t.Errorf("%+v", got)
	}
}

func FuzzLine(f *testing.F) { Fuzz(f, proto(""), talk) }
