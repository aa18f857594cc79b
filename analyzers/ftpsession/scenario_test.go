package ftpsession_test

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/ftpsession"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestKept(t *testing.T) {
	for _, name := range []string{"ftp-active", "ftp-passive"} {
		check(t, replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json"), true)
	}
}

func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for name, o := range map[string]replay.Options{
		"ftp-active": {Seed: 2, RTT: 60 * time.Millisecond, At: "middle"}, "ftp-passive": {Seed: 3, RTT: 60 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, name, o), os.Getenv("WIRETALE_TIMING") == "1")
		})
	}
}

// check compares with the truth: the transfers that its commands and replies
// tell of, and what each data connection carried. times: the set-up took as
// many round trips as it is said to cost; but where the server ends it, with data
// or a refusal, that of the last one only the part is seen which lies behind the
// capture point: all of it from the client, half from the middle. Where the
// client sends the data, the last one too begins and ends at the client.
func check(t *testing.T, r *replaytest.Recording, times bool) {
	t.Helper()
	mode := strings.TrimPrefix(r.Name, "ftp-")
	last := map[string]float64{"client": 1, "middle": 0.5, "server": 0}[r.Truth.At]
	bytes := map[string]int64{} // by hash
	for _, m := range r.Truth.Messages {
		if m.Kind == truth.FTPData && m.Object.Bytes > 0 {
			bytes[m.Object.SHA256] = m.Object.Bytes
		}
	}
	var want, got []string
	control := map[int]string{}
	for _, m := range r.Truth.Messages {
		switch {
		case m.Kind == truth.FTPCommand:
			control[*m.Connection] = ""
			if v := m.Line.Verb; slices.Contains([]string{"RETR", "STOR", "APPE", "LIST", "NLST"}, v) {
				control[*m.Connection] = fmt.Sprintf("%s %s %s", m.Client, v, m.Line.Args)
			}
		case m.Kind == truth.FTPReply && m.Line.Code >= 200 && control[*m.Connection] != "":

			want = append(want, fmt.Sprintf("%s %d", control[*m.Connection], m.Line.Code))
			control[*m.Connection] = ""
		}
	}
	sessions := 0
	for _, row := range foldtest.Rows(t, ftpsession.Question, r.Events...) {
		v := row.Value.(*ftpsession.Row)
		if v.Session != nil {
			sessions++
			if s := v.Session; s.Files != 5 || s.Listings != 2 || s.Failed != 1 || s.Active+s.Passive != 7 || s.User != "carol" || s.Closed != "quit" || v.Undecided != "" {
				t.Errorf("%s: %+v", r.Name, s)
			}
			continue
		}
		f := v.File
		got = append(got, fmt.Sprintf("%s %s %s %d", v.Client, f.Command, f.Path, f.Code))
		trips := 3
		if f.Restart > 0 {
			trips++
		}
		switch {
		case f.Path == "nothing.txt":
			if mode == "active" {
				trips = 2 // the server never calls
			}
			if f.Outcome != ftpsession.Refused || f.Bytes != 0 {
				t.Errorf("%s: %+v", r.Name, f)
			}
		case f.Outcome != ftpsession.Complete || bytes[f.SHA256] != f.Bytes || f.Bytes == 0:
			t.Errorf("%s: %+v", r.Name, f)
		}
		if f.Mode != mode || f.OtherAddress || f.SetUpTrips != trips || v.Undecided != "" {
			t.Errorf("%s: %d round trips, want %d: %+v", r.Name, f.SetUpTrips, trips, f)
		}
		want := float64(trips-1) + last
		if f.Command == "STOR" || f.Command == "APPE" {
			want = float64(trips)
		}
		if times && math.Abs(f.SetUpRTTs-want) > 0.3 {
			t.Errorf("%s: %s %s took %.2f RTTs, want about %g", r.Name, f.Command, f.Path, f.SetUpRTTs, want)
		}
	}
	slices.SortFunc(want, cmp.Compare)
	slices.SortFunc(got, cmp.Compare)
	for i := range want {
		want[i] = strings.Join(strings.Fields(want[i]), " ")
	}
	for i := range got {
		got[i] = strings.Join(strings.Fields(got[i]), " ")
	}
	if d := gocmp.Diff(want, got); d != "" || sessions != 2 {
		t.Errorf("%s: %d sessions; by the hosts, and as told:\n%s", r.Name, sessions, d)
	}
}
