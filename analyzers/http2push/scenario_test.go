package http2push_test

import (
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/http2push"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// h2-push: with the page, its server pushes the three objects that the page
// names, and its client takes them. What the server's host asked itself for is
// what it pushed.
func TestKept(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/h2-push.pcapng", "../../pcaps/h2-push.json")
	pushed := map[string]bool{}
	bytes := map[string]int64{}
	for _, m := range r.Truth.Messages {
		switch {
		case m.Kind == truth.HTTPRequest && m.Sender.Host == "web":
			pushed[m.HTTP.URL] = true
		case m.Kind == truth.HTTPResponse:
			bytes[m.HTTP.URL] = m.HTTP.BodyBytes
		}
	}
	if len(pushed) != 3 {
		t.Fatalf("%d pushes in the truth", len(pushed))
	}
	got := byStream(foldtest.Rows(t, http2push.Question, documents(t, r.File)...))
	if len(got) != len(pushed) {
		t.Errorf("%d rows", len(got))
	}
	for id, v := range got {
		if !pushed[v.URL] || v.Outcome != http2push.Used || v.Evidence != http2push.Named || v.Bytes != bytes[v.URL] || !v.Complete || v.Wasted != 0 || v.ForTarget != "/" {
			t.Errorf("stream %d: %+v", id, v)
		}
		delete(pushed, v.URL)
	}
	// Without what the page says, nothing tells.
	for id, v := range byStream(foldtest.Rows(t, http2push.Question, r.Events...)) {
		if v.Undecided == "" {
			t.Errorf("stream %d: %+v", id, v)
		}
	}
}

// documents are the events of a capture with what pages say.
func documents(t *testing.T, file string) (out []*events.Event) {
	t.Helper()
	_, err := pipeline.Run(t.Context(), pipeline.Config{
		Paths: []string{file}, Limits: events.DefaultLimits(), Workers: 1, Want: events.SetOf(http2push.Question.New(options()).Kinds()...),
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

func options() analyzers.Options {
	l := events.DefaultLimits()
	return analyzers.Options{Limits: &l}
}
