package page_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/page"
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
	want := events.SetOf(append(events.Kinds(), events.KindHTTPDocument)...)
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

// visitOf is what the browser itself says: when it began, what it had when,
// which is what page must say.
func visitOf(t *testing.T, r *replaytest.Recording) (start, end time.Time, urls []string) {
	t.Helper()
	for _, m := range r.Truth.Messages {
		switch m.Kind {
		case truth.DNSQuery, truth.HTTPRequest:
			if start.IsZero() || m.Sender.Start.Before(start) {
				start = m.Sender.Start
			}
		case truth.HTTPResponse:
			urls = append(urls, m.HTTP.URL)
			if m.Receiver.End.After(end) {
				end = m.Receiver.End
			}
		}
	}
	for _, c := range r.Truth.Connections {
		// ConnectStart is when the browser wished for a connection, which on a
		// busy machine is long before its SYN was sent. The handshake takes a
		// round trip.
		if at := c.ConnectEnd.Add(-r.Truth.RTT.Std()); at.Before(start) {
			start = at
		}
	}
	slices.Sort(urls)
	return start, end, urls
}

func check(t *testing.T, r *replaytest.Recording) *page.Value {
	t.Helper()
	start, end, urls := visitOf(t, r)
	rows := foldtest.Rows(t, page.Question, documents(t, r)...)
	if len(rows) != 1 {
		t.Fatalf("rows %q, want one page", foldtest.Keys(rows))
	}
	v, _ := rows[0].Value.(*page.Value)
	var got []string
	for _, o := range v.Waterfall {
		got = append(got, o.URL)
		if o.End == nil || o.Status != 200 {
			t.Errorf("%s is not whole", o.URL)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, urls) || v.Objects != len(urls) {
		t.Errorf("objects\n%q, want\n%q", got, urls)
	}
	if v.Load == nil {
		t.Fatalf("no load time: %s", v.Undecided)
	}
	want := end.Sub(start)
	t.Logf("%s: page load %s by the browser, %s by the capture, off by %.2f %%; path %+v", r.Name, want, v.Load.Std(), 100*float64(v.Load.Std()-want)/float64(want), *v.CriticalTime)
	if d := (v.Load.Std() - want).Abs(); d > want/100 {
		t.Errorf("page load %s by the browser, %s by the capture", want, v.Load.Std())
	}
	if s := sum(v.CriticalTime); s != *v.Load {
		t.Errorf("the critical path adds up to %s, not to the load time %s", s.Std(), v.Load.Std())
	}
	return v
}

func sum(p *page.Phases) events.Duration {
	return p.DNS + p.Connect + p.TLS + p.Send + p.Blocked + p.Wait + p.Receive + p.Client
}

// The visits that were kept, with the times of their one run: a look-up and two
// connections; and a page with ten images the four ways of HTTP/1.
func TestKept(t *testing.T) {
	for _, name := range []string{"page", "http1-nonpersistent", "http1-persistent", "http1-parallel", "http1-pipelined"} {
		t.Run(name, func(t *testing.T) {
			r := replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json")
			v := check(t, r)
			doc := v.Waterfall[0]
			if doc.How != page.ByUser || v.URL != doc.URL {
				t.Errorf("the document is %+v", doc)
			}
			for _, o := range v.Waterfall[1:] {
				if o.How != page.ByHTML && o.How != page.ByReferer || o.By != 1 {
					t.Errorf("%s is there by %s of %d", o.URL, o.How, o.By)
				}
			}
			if name == "page" {
				rtt := r.Truth.RTT.Std()
				if d := (v.CriticalTime.DNS.Std() - rtt/4).Abs(); d > 2*time.Millisecond {
					t.Errorf("looking up took %s, %s is configured", v.CriticalTime.DNS.Std(), rtt/4)
				}
				// The last image came on one of two connections; the second one was
				// opened when the document had been read.
				connects := rtt
				if last := r.Truth.Messages[len(r.Truth.Messages)-1]; *last.Connection != *firstOf(r).Connection {
					connects = 2 * rtt
				}
				if d := (v.CriticalTime.Connect.Std() - connects).Abs(); d > 2*time.Millisecond {
					t.Errorf("connecting took %s, %s is configured", v.CriticalTime.Connect.Std(), connects)
				}
			}
		})
	}
}

func firstOf(r *replaytest.Recording) truth.Message {
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.HTTPRequest {
			return m
		}
	}
	return truth.Message{}
}

// Several visits on the same connections: each has its own path, which adds up.
func TestSeveral(t *testing.T) {
	for name, want := range map[string]int{"http-conditional": 3, "http-cookies": 5} {
		r := replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json")
		asked := 0
		for _, m := range r.Truth.Messages {
			if m.Kind == truth.HTTPRequest {
				asked++
			}
		}
		rows := foldtest.Rows(t, page.Question, documents(t, r)...)
		objects := 0
		for _, row := range rows {
			v, _ := row.Value.(*page.Value)
			objects += v.Objects
			if v.Load == nil || sum(v.CriticalTime) != *v.Load || len(v.Critical) > v.Objects {
				t.Errorf("%s: %s: load %v, path %+v", name, row.Key, v.Load, v.Critical)
			}
		}
		if len(rows) != want || objects != asked {
			t.Errorf("%s: %d pages of %d objects, want %d of %d: %q", name, len(rows), objects, want, asked, foldtest.Keys(rows))
		}
	}
}

// What is encrypted is told as such.
func TestEncrypted(t *testing.T) {
	for name, connections := range map[string]int{"page-h2": 3, "page-h3": 3} {
		r := replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json")
		rows := foldtest.Rows(t, page.Question, documents(t, r)...)
		v := foldtest.Value[*page.Value](t, rows, "10.0.0.10 encrypted")
		if len(rows) != 1 || v.Undecided == "" || v.Connections != connections || v.Load != nil ||
			!slices.Equal(v.Names, []string{"www.example.test", "static.cdn.test", "ads.tracker.test"}) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestNetworks(t *testing.T) {
	replaytest.Timing(t)
	for _, rtt := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		for _, loss := range []float64{0, 0.01, 0.05} {
			t.Run(rtt.String(), func(t *testing.T) {
				check(t, replaytest.Run(t, "page", replay.Options{RTT: rtt, Loss: loss, Seed: 5, At: "client"}))
			})
		}
	}
}
