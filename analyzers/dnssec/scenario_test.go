package dnssec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnssec"
	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

func TestKept(t *testing.T) {
	check(t, replaytest.Open(t, "../../pcaps/dnssec.pcapng", "../../pcaps/dnssec.json"))
}

func TestScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	check(t, replaytest.Run(t, "dnssec", replay.Options{Seed: 5, RTT: 10 * time.Millisecond, At: "middle"}))
}

// check compares with what the resolver of the scenario decided: the same set
// is verified, bogus or expired. What it did not ask for rests on what it did.
func check(t *testing.T, r *replaytest.Recording) {
	t.Helper()
	anchor, _ := r.Truth.Facts["trust_anchor"].(string)
	q := dnssec.Question
	q.New = func(o analyzers.Options) analyzers.Runner {
		o.TrustAnchors = []string{anchor}
		return dnssec.Question.New(o)
	}
	got := map[string][]*dnssec.Set{}
	for _, row := range foldtest.Rows(t, q, r.Events...) {
		got[row.Key] = append(got[row.Key], row.Value.(*dnssec.Set))
	}
	want := map[string]dnssec.Verdict{"verified": dnssec.Verified, "bogus": dnssec.Bad, "expired": dnssec.Expired}
	n := map[dnssec.Verdict]int{}
	for _, c := range r.Truth.Choices {
		rows := got[c.Of]
		if len(rows) != 1 || rows[0].Verdict != want[c.What] {
			t.Errorf("%s is %s by the resolver; %d rows: %+v", c.Of, c.What, len(rows), rows)
			continue
		}
		n[rows[0].Verdict]++
		if c.Why != "" && !strings.HasPrefix(rows[0].Reason, c.Why) {
			t.Errorf("%s: %q, by the resolver %q", c.Of, rows[0].Reason, c.Why)
		}
	}
	if n[dnssec.Verified] != 9 || n[dnssec.Bad] != 1 || n[dnssec.Expired] != 1 {
		t.Errorf("%v, want 9 verified, 1 bad and 1 expired", n)
	}
	for key, rows := range got {
		for _, v := range rows {
			if strings.HasSuffix(v.Name, "expired.test.") && v.Type != "DS" && v.Verdict != dnssec.Expired {
				t.Errorf("%s: %s", key, v.Verdict)
			}
		}
	}
	// By the root's own anchors nothing is decided, and nothing is called bad
	// that is only a root of one's own.
	for _, row := range foldtest.Rows(t, dnssec.Question, r.Events...) {
		if v := row.Value.(*dnssec.Set); v.Verdict == dnssec.Verified || v.Verdict == dnssec.Bad && v.Signature != dnssec.Bad {
			t.Errorf("without its anchor, %s is %s", row.Key, v.Verdict)
		}
	}
}
