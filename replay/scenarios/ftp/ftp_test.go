package ftp_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios/ftp"
	"github.com/wiretale/wiretale/replay/truth"
)

// verbs are how often a scenario has a command: in each of two visits three
// downloads (one refused), two uploads, two listings, each with a data
// connection of its own.
var verbs = map[string]map[string]int{
	"ftp-active":  {"PORT": 7, "EPRT": 7, "PASV": 0, "EPSV": 0, "SIZE": 2, "RETR": 6, "REST": 2, "STOR": 2, "APPE": 2, "LIST": 2, "NLST": 2, "QUIT": 2},
	"ftp-passive": {"PORT": 0, "EPRT": 0, "PASV": 7, "EPSV": 7, "RETR": 6, "REST": 2, "STOR": 2, "APPE": 2, "LIST": 2, "NLST": 2, "QUIT": 2},
}

func TestScenarios(t *testing.T) {
	for i, s := range ftp.All {
		for _, o := range []replay.Options{{Seed: 3}, {Seed: 4, At: "server", RTT: 60 * time.Millisecond}, {Seed: 5, At: "middle", RTT: 10 * time.Millisecond, Loss: 0.02}} {
			t.Run(s.Name+"/"+o.At, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && (i > 0 || o.At != "") {
					t.Skip("one of the family is enough with -short")
				}
				r := replaytest.Run(t, s.Name, o)
				r.Check(t)
				r.CheckRTT(t)
				got, data := map[string]int{}, 0
				for _, m := range r.Truth.Messages {
					switch m.Kind {
					case truth.FTPCommand:
						got[m.Line.Verb]++
					case truth.FTPData:
						data++
					}
				}
				for v, n := range verbs[s.Name] {
					if got[v] != n {
						t.Errorf("%d of %s, want %d", got[v], v, n)
					}
				}
				// In active mode the server does not connect for a file that is not
				// there; in passive mode the client has.
				if want := map[string]int{"ftp-active": 12, "ftp-passive": 14}[s.Name]; data != want {
					t.Errorf("%d data connections, want %d", data, want)
				}
			})
		}
	}
}

// The kept captures say what their truth says.
func TestKept(t *testing.T) {
	for _, s := range ftp.All {
		name := s.Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json").Check(t)
		})
	}
}
