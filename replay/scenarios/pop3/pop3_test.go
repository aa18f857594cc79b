package pop3_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios/pop3"
	"github.com/wiretale/wiretale/replay/truth"
)

// counts are how many messages of a kind a scenario has, by its dialogue.
var counts = map[string]map[truth.Kind]int{
	// USER PASS STAT UIDL RETR RETR QUIT; USER PASS STAT UIDL TOP RETR QUIT;
	// each visit has a greeting.
	"pop3-keep": {truth.POP3Command: 14, truth.POP3Reply: 16, truth.MailMessage: 4},
	// CAPA USER PASS USER PASS LIST, twice RETR DELE, RETR QUIT; USER PASS
	// LIST QUIT.
	"pop3-delete": {truth.POP3Command: 16, truth.POP3Reply: 18, truth.MailMessage: 2},
}

func TestScenarios(t *testing.T) {
	for i, s := range pop3.All {
		for _, o := range []replay.Options{{Seed: 3}, {Seed: 4, At: "server", RTT: 100 * time.Millisecond}, {Seed: 5, At: "middle", RTT: 10 * time.Millisecond, Loss: 0.02}} {
			t.Run(s.Name+"/"+o.At, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (i > 0 || o.At != "") {
					t.Skip("one of the family is enough with -short")
				}
				r := replaytest.Run(t, s.Name, o)
				r.Check(t)
				r.CheckRTT(t)
				got := map[truth.Kind]int{}
				for _, m := range r.Truth.Messages {
					got[m.Kind]++
				}
				for k, n := range counts[s.Name] {
					if got[k] != n {
						t.Errorf("%d of %s, want %d", got[k], k, n)
					}
				}
			})
		}
	}
}

// The kept captures say what their truth says.
func TestKept(t *testing.T) {
	for _, s := range pop3.All {
		name := s.Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json").Check(t)
		})
	}
}
