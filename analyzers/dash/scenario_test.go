package dash_test

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/dash"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// documents are the events of a recording with what questions read of bodies,
// which are not among those that can be printed.
func documents(t *testing.T, r *replaytest.Recording) []*events.Event {
	t.Helper()
	want := events.SetOf(events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody, events.KindHTTPDocument)
	var out []*events.Event
	_, err := pipeline.Run(t.Context(), pipeline.Config{
		Paths: []string{r.File}, Limits: events.DefaultLimits(), ShowSecrets: true, Workers: 1, Want: want,
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				out = append(out, e.Keep())
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The films that were kept, with the times of their one run.
func TestKept(t *testing.T) {
	for _, name := range []string{"dash", "hls"} {
		t.Run(name, func(t *testing.T) {
			check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"))
		})
	}
}

func TestStreaming(t *testing.T) {
	replaytest.Timing(t)
	for _, name := range []string{"dash", "hls"} {
		for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
			for _, loss := range []float64{0, 0.01} {
				t.Run(fmt.Sprint(name, " ", rtt, " ", loss), func(t *testing.T) {
					check(t, replaytest.Run(t, name, replay.Options{RTT: rtt, Loss: loss, Seed: 6, At: "client"}))
				})
			}
		}
	}
}

// check compares with what the player itself says.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	rows := foldtest.Rows(t, dash.Question, documents(t, r)...)
	if len(rows) != 1 {
		t.Fatalf("rows %q, want one film", foldtest.Keys(rows))
	}
	v, _ := rows[0].Value.(*dash.Value)
	if v.Undecided != "" {
		t.Fatalf("undecided: %s", v.Undecided)
	}
	if got := ladder(v); got != "low 150000 320x180, mid 300000 640x360, high 500000 1280x720" {
		t.Errorf("ladder %s", got)
	}

	// Choices and switches, exactly.
	var chosen, switched []string
	var began time.Time
	var stalls []time.Time // begin, end, begin, …
	for _, c := range r.Truth.Choices {
		switch c.What {
		case "choose":
			chosen = append(chosen, c.Of)
		case "switch":
			switched = append(switched, c.Of)
		case "play":
			began = c.Time
		case "stall_begin", "stall_end":
			stalls = append(stalls, c.Time)
		}
	}
	var gotChosen, gotSwitched []string
	for _, s := range v.Segments {
		gotChosen = append(gotChosen, fmt.Sprintf("segment %d: %s", s.Number, s.Representation))
	}
	for _, s := range v.Switches {
		gotSwitched = append(gotSwitched, s.From+" to "+s.To)
	}
	if a, b := strings.Join(gotChosen, ", "), strings.Join(chosen, ", "); a != b {
		t.Errorf("segments\n%s, the player chose\n%s", a, b)
	}
	if a, b := strings.Join(gotSwitched, ", "), strings.Join(switched, ", "); a != b {
		t.Errorf("switches %s, the player's %s", a, b)
	}

	// Bytes and throughput of each segment. The player's own rate is over the
	// time of its application, which is later than the packets by what the
	// machine takes.
	asked, got := map[string]time.Time{}, map[string]truth.Message{}
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest {
			asked[m.HTTP.URL] = m.Sender.Start
		} else if m.Kind == truth.HTTPResponse {
			got[m.HTTP.URL] = m
		}
	}
	for _, s := range v.Segments {
		for url, m := range got {
			dir, file := path.Split(url)
			if path.Base(dir) != s.Representation || !strings.HasPrefix(file, fmt.Sprintf("%03d.", s.Number)) {
				continue
			}
			want := float64(m.HTTP.BodyBytes) / m.Receiver.End.Sub(asked[url]).Seconds()
			if s.Bytes != m.HTTP.BodyBytes || s.Throughput < want*0.95 || s.Throughput > want*1.05 {
				t.Errorf("segment %d: %d bytes at %.0f a second, the player had %d at %.0f", s.Number, s.Bytes, s.Throughput, m.HTTP.BodyBytes, want)
			}
		}
	}

	// What the viewer saw, within 50 ms.
	start := v.Start.Std()
	near := func(what string, got events.Duration, want time.Time) {
		t.Helper()
		off := start.Add(got.Std()).Sub(want)
		t.Logf("%s: %s: off by %s", r.Name, what, off)
		if off.Abs() > 50*time.Millisecond {
			t.Errorf("%s at %s, the player says %s", what, start.Add(got.Std()), want)
		}
	}
	near("first picture", *v.Startup, began)
	if len(stalls) != 2*len(v.Stalls) {
		t.Fatalf("%d stalls, the player says %d", len(v.Stalls), len(stalls)/2)
	}
	for i, s := range v.Stalls {
		near("stall begins", s.Begin, stalls[2*i])
		near("stall ends", s.End, stalls[2*i+1])
	}
}

func ladder(v *dash.Value) string {
	var parts []string
	for _, l := range v.Ladder {
		parts = append(parts, fmt.Sprintf("%s %d %dx%d", l.ID, l.Bandwidth, l.Width, l.Height))
	}
	return strings.Join(parts, ", ")
}
