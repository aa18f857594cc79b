package flows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// listener says something once it hears "say", and writes down all it hears.
type listener struct {
	name string
	env  decoders.Env
	log  *[]string
}

func (l listener) Data(w decoders.Window, out decoders.Sink) (int, int, error) {
	*l.log = append(*l.log, fmt.Sprintf("%s hears %q", l.name, w.Bytes))
	if strings.Contains(string(w.Bytes), "say") && l.env.Want.Has(events.KindHTTPRequest) {
		out.Emit(w.From, &events.HTTPRequest{})
	}
	return len(w.Bytes), 0, nil
}
func (listener) Gap(events.Dir, int64, decoders.Sink) error   { return nil }
func (listener) End(events.Dir, events.Ending, decoders.Sink) {}

// spoken is a protocol whose bytes may be anything until they have word.
func spoken(name, word string, log *[]string, ports ...uint16) decoders.Proto {
	return decoders.Proto{
		Name: name, TCPPorts: ports,
		Probe: func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) {
			if strings.Contains(string(head), word) {
				return decoders.Yes, from
			}
			return decoders.Maybe, from
		},
		Stream: func(env decoders.Env) decoders.Stream { return listener{name, env, log} },
	}
}

// A protocol that is tried because of its port gives way to one that content
// shows; is certain once content shows it; and what it says counts whether or
// not somebody wants to hear it.
func TestTrial(t *testing.T) {
	for _, x := range []struct {
		name string
		says []string // the client's segments
		want []string
	}{
		{"another shows", []string{"hm ", "beta "}, []string{`alpha hears "hm "`, "beta by content", `beta hears "hm beta "`}},
		{"it shows", []string{"hm ", "alpha ", "beta"}, []string{`alpha hears "hm "`, "alpha by content", `alpha hears "alpha "`, `alpha hears "beta"`}},
		{"it says something that nobody wants", []string{"hm ", "say ", "beta"}, []string{`alpha hears "hm "`, `alpha hears "say "`, "alpha by port", `alpha hears "beta"`}},
		{"nothing", []string{"hm ", "hm "}, []string{`alpha hears "hm "`, `alpha hears "hm "`}},
	} {
		var log []string
		d, ws := NewDispatcher(&Config{Limits: limits(), Workers: 1, Want: events.SetOf(events.KindFlowDetected),
			Protos: []decoders.Proto{spoken("alpha", "alpha", &log, 7777), spoken("beta", "beta", &log)}})
		w := NewWork(1)
		w.Batch.First = 1
		var m Merger
		run := func(p capture.Packet) {
			w.Batch.Packets = []capture.Packet{p}
			d.Dispatch(w)
			ws[0].Run(w)
			for _, e := range m.Merge(w) {
				switch b := e.Body.(type) {
				case *events.FlowDetected:
					log = append(log, b.Protocol+" by "+b.By)
				default:
					t.Errorf("%s: not wanted: %v", x.name, b.Kind())
				}
			}
			w.Batch.First++
		}
		run(seg{who: "c", flags: "S"}.packet())
		run(seg{who: "s", flags: "SA", ack: 1}.packet())
		seq := uint32(1)
		for _, s := range x.says {
			run(seg{who: "c", seq: seq, ack: 1, data: s}.packet())
			seq += uint32(len(s))
		}
		d.Close()
		if got, want := strings.Join(heardFirst(log), "\n"), strings.Join(heardFirst(x.want), "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", x.name, got, want)
		}
	}
}

// heardFirst puts what was heard before what was told: events are handed out
// after their packet.
func heardFirst(log []string) (out []string) {
	for _, s := range log {
		if strings.Contains(s, " hears ") {
			out = append(out, s)
		}
	}
	for _, s := range log {
		if !strings.Contains(s, " hears ") {
			out = append(out, s)
		}
	}
	return out
}
