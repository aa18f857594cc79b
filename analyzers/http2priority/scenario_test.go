package http2priority_test

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/http2priority"
	"github.com/wiretale/wiretale/internal/replaytest"
)

// h2-priority: the client makes the large object depend on the last of three
// small ones, each of which depends on the one before; its server follows. The
// client says in which order they were whole, and what it asked for.
func TestKept(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/h2-priority.pcapng", "../../pcaps/h2-priority.json")
	v := foldtest.Value[*http2priority.Value](t, foldtest.Rows(t, http2priority.Question, r.Events...), "tcp:0")
	finished, _ := r.Truth.Facts["finished"].([]any)
	if v.Verdict != http2priority.Followed || v.Scheme != http2priority.RFC7540 || v.Against != 0 || int(v.Signals) != len(r.Truth.Choices) || v.Count != len(finished) {
		t.Fatalf("%+v", v)
	}
	asked := map[string]string{} // the last word on each
	for _, c := range r.Truth.Choices {
		asked[c.Of] = c.Why
	}
	var small int64
	for i, x := range v.Responses {
		url, _ := finished[i].(string)
		if !strings.HasSuffix(url, x.Target) || !x.Complete {
			t.Errorf("%d: %+v, want %s", i, x, url)
		}
		if want := strings.Replace(asked[url], "depends on stream", "depends on", 1); x.Priority != want {
			t.Errorf("%s: %s, want %s", url, x.Priority, want)
		}
		if x.Target != "/large.bin" {
			small += x.Bytes
		}
	}
	// All bytes of the small ones overtook the large one.
	if v.Kept != small {
		t.Errorf("kept %d, the small ones are %d", v.Kept, small)
	}
}
