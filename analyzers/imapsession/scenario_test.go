package imapsession_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/imapsession"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestKept(t *testing.T) {
	check(t, replaytest.Open(t, "../../pcaps/imap.pcapng", "../../pcaps/imap.json"))
}

func TestScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for point, o := range map[string]replay.Options{
		"client": {Seed: 2, RTT: 5 * time.Millisecond}, "middle": {Seed: 3, RTT: 100 * time.Millisecond, At: "middle"},
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			check(t, replaytest.Run(t, "imap", o))
		})
	}
}

// check compares with the dialogue of the truth, and with what the scenario's
// client does by its source: list, create and subscribe Archive, look, search
// twice, read one letter whole and five pieces of another, flag, copy, move,
// delete, keep two letters in Sent, idle until one comes, read that.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	trips := 2 // TCP, greeting
	var bytes int64
	letters := 0
	for _, m := range r.Truth.Messages {
		switch m.Kind {
		case truth.IMAPCommand:
			if m.Line.Tag != "" { // not DONE
				trips++
			}
		case truth.IMAPResponse:
			if m.Line.Tag == "+" {
				trips++
			}
		case truth.MailMessage:
			if m.Sender.Host == "hamburger" {
				bytes += m.Object.Bytes
				letters++
			}
		}
	}
	rows := foldtest.Rows(t, imapsession.Question, r.Events...)
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	v := rows[0].Value.(*imapsession.Session)
	if v.Cost.RoundTrips != trips || v.Fetches.Bytes != bytes || len(v.Bodies) != letters || v.Undecided != "" || v.Closed != "logout" || v.User != "bob" {
		t.Errorf("%d round trips, %d bytes in %d pieces; by the hosts %d, %d in %d: %+v", v.Cost.RoundTrips, v.Fetches.Bytes, len(v.Bodies), trips, bytes, letters, v)
	}
	want := imapsession.Fetches{Commands: 11, Whole: 2, Headers: 2, Parts: 1, Ranges: 2, Bytes: bytes, Summaries: 4}
	if d := cmp.Diff(want, v.Fetches); d != "" {
		t.Error(d)
	}
	two := uint32(2)
	var folders []imapsession.Folder
	for _, f := range v.Folders {
		f.Frame = 0
		folders = append(folders, f)
	}
	if d := cmp.Diff([]imapsession.Folder{{Name: "Archive", Changed: "SUBSCRIBE"}, {Name: "INBOX", Selected: 1, Messages: &two, Bodies: 7}, {Name: "Sent", Appended: 2}}, folders); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]imapsession.Flag{{Name: `\Flagged`, Added: 1}, {Name: `\Deleted`, Added: 1}}, v.Flags); d != "" {
		t.Error(d)
	}
	if len(v.Searches) != 2 || v.Searches[0].Found != 2 || v.Searches[1].Found != 2 || v.Copied != 2 || v.Expunged != 3 || v.Appended != 2 || v.Idle == nil || v.Idle.Times != 1 || v.Idle.Notices != 1 {
		t.Errorf("%+v", v)
	}
}
