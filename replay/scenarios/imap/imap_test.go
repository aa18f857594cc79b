package imap_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestScenario(t *testing.T) {
	for _, o := range []replay.Options{{Seed: 3}, {Seed: 4, At: "middle", RTT: 10 * time.Millisecond, Loss: 0.02}, {Seed: 5, At: "server", RTT: 100 * time.Millisecond}} {
		t.Run(o.At, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && o.At != "" {
				t.Skip("one run is enough with -short")
			}
			r := replaytest.Run(t, "imap", o)
			r.Check(t)
			r.CheckRTT(t)
			verbs := map[string]int{}
			letters := 0
			for _, m := range r.Truth.Messages {
				switch m.Kind {
				case truth.IMAPCommand:
					verbs[m.Line.Verb]++
				case truth.MailMessage:
					letters++
				}
			}
			for verb, n := range map[string]int{
				"LOGIN": 1, "LIST": 1, "CREATE": 1, "SUBSCRIBE": 1, "STATUS": 1, "SELECT": 1, "UID": 1, "SEARCH": 1,
				"FETCH": 11, "STORE": 2, "COPY": 1, "MOVE": 1, "EXPUNGE": 1, "APPEND": 2, "IDLE": 1, "DONE": 1, "LOGOUT": 1,
			} {
				if verbs[verb] != n {
					t.Errorf("%d of %s, want %d", verbs[verb], verb, n)
				}
			}
			if letters != 9 {
				t.Errorf("%d letters and pieces of letters, want 9", letters)
			}
		})
	}
}

// The kept captures say what their truth says.
func TestKept(t *testing.T) {
	for _, name := range []string{"imap"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json").Check(t)
		})
	}
}
