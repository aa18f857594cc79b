// Package replaytest is what tests of scenarios share: it plays a scenario,
// lets tshark and wiretale read the capture, and compares both with the truth.
// Tests that use it are in an external test package (package page_test), for
// it knows all scenarios. It must not know what any of them does.
package replaytest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/truthcheck"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// Recording is a scenario that was played, and what wiretale says of it.
type Recording struct {
	Name   string
	File   string // the capture, pcapng, in a temporary folder
	Truth  *truth.Truth
	Events []*events.Event // all kinds, with secrets and hashes, in Pos order
	Stats  pipeline.Stats
}

// Run plays the scenario of that name. o.Out and o.Truth are set by it.
func Run(t testing.TB, name string, o replay.Options) *Recording {
	t.Helper()
	var out, told bytes.Buffer
	o.Out, o.Truth = &out, &told
	if err := replay.Run(t.Context(), name, o); err != nil {
		t.Fatal(err)
	}
	r := &Recording{Name: name, File: filepath.Join(t.TempDir(), name+".pcapng")}
	if err := os.WriteFile(r.File, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.Truth, err = truth.Read(&told); err != nil {
		t.Fatal(err)
	}
	r.decode(t)
	return r
}

// Open takes a capture and its truth from files, as those of pcaps.
func Open(t testing.TB, capture, told string) *Recording {
	t.Helper()
	f, err := os.Open(told)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := &Recording{File: capture}
	if r.Truth, err = truth.Read(f); err != nil {
		t.Fatal(err)
	}
	r.Name = r.Truth.Scenario
	r.decode(t)
	return r
}

func (r *Recording) decode(t testing.TB) {
	t.Helper()
	var err error
	r.Stats, err = pipeline.Run(t.Context(), pipeline.Config{
		Paths: []string{r.File}, Limits: events.DefaultLimits(), Hash: true, ShowSecrets: true, Workers: 1,
		Want: events.SetOf(append(events.Kinds(), events.KindBitTorrentEnd)...),
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				r.Events = append(r.Events, e.Keep())
			}
			return nil
		},
	})
	if err != nil {
		t.Fatalf("wiretale: %v", err)
	}
}

// Check makes the checks that every recording must pass: nothing for tshark to
// complain of, no violation but those allowed, and the messages of the truth.
func (r *Recording) Check(t testing.TB, violations ...string) {
	t.Helper()
	r.CheckTshark(t)
	r.CheckViolations(t, violations...)
	r.CheckMessages(t)
}

// Pairs are the messages of the truth beside those of wiretale, of some kinds
// (none: of every kind that the truth tells of).
func (r *Recording) Pairs(kinds ...truth.Kind) []truthcheck.Pair {
	of := truthcheck.FromTruth(r.Truth)
	var reader truthcheck.Reader
	for _, e := range r.Events {
		reader.Event(e)
	}
	return truthcheck.Match(truthcheck.Only(of, kinds, of), truthcheck.Only(reader.Messages(), kinds, of))
}

// CheckMessages fails where the messages of the truth are not exactly those
// that wiretale decoded; a message that no receiver got may be missing. Without
// kinds, it looks at every kind that the truth tells of.
func (r *Recording) CheckMessages(t testing.TB, kinds ...truth.Kind) {
	t.Helper()
	pairs := r.Pairs(kinds...)
	c := truthcheck.Of(pairs)
	t.Logf("%s: %d messages agree, %d only in the truth, %d only in wiretale, %d lost: F1 %.4f",
		r.Name, c.Agreed, c.OnlyTruth, c.OnlyOurs, c.Lost, c.F1())
	const most = 20
	shown := 0
	for _, p := range pairs {
		switch {
		case p.Truth == nil:
			t.Errorf("only wiretale: %s", p.Ours)
		case p.Ours == nil && !p.Truth.Lost:
			t.Errorf("only the truth: message %d, %s", p.Truth.Sent, p.Truth)
		default:
			continue
		}
		if shown++; shown == most {
			t.Errorf("… and more")
			return
		}
	}
	if c.Agreed == 0 {
		t.Errorf("no message agrees")
	}
}

// Violations counts every flow.violation.
func (r *Recording) Violations() (n int) {
	for _, e := range r.Events {
		if _, ok := e.Body.(*events.FlowViolation); ok {
			n++
		}
	}
	return n
}

// CheckViolations fails on a flow.violation whose reason is not allowed.
func (r *Recording) CheckViolations(t testing.TB, allowed ...string) {
	t.Helper()
next:
	for _, e := range r.Events {
		v, ok := e.Body.(*events.FlowViolation)
		if !ok {
			continue
		}
		for _, a := range allowed {
			if v.Reason == a {
				continue next
			}
		}
		t.Errorf("frame %d %s: violation of %s: %s", e.Pos.Frame, e.Key().Filter(), v.Protocol, v.Reason)
	}
}

// complaints are the frames in which tshark finds something broken; %s is for
// what counts as malformed.
const complaints = `%s || _ws.short || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"`

// Where a segment that was captured is lost behind the capture point and sent
// again together with others, tshark's reassembly of TCP, though the bytes are
// the same, says "Reassembly error, protocol TCP: New fragment overlaps old data
// (retransmission?)", and marks the frame as malformed. It has nothing to do
// with fragments of IP. That the bytes are the same is checked by wiretale: a
// segment that overlaps with other content is a flow.violation.
const (
	malformed         = `_ws.malformed`
	malformedNotAgain = `(_ws.malformed && !(_ws.expert.message contains "New fragment overlaps"))`
)

// CheckTshark fails when tshark finds anything broken, with all checksums
// verified. It skips that where tshark is not installed.
func (r *Recording) CheckTshark(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Log("tshark is not installed: its complaints are not looked at")
		return
	}
	args := []string{"-Y", fmt.Sprintf(complaints, malformed)}
	if len(r.Truth.Drops) > 0 || r.Truth.Reorder > 0 {
		args = []string{"-Y", fmt.Sprintf(complaints, malformedNotAgain), "-o", "tcp.reassemble_out_of_order:TRUE"}
	}
	if bad := r.Tshark(t, args...); len(bad) > 0 {
		t.Errorf("tshark complains:\n%s", strings.Join(bad, "\n"))
	}
}

// Tshark runs it on the capture with all checksums verified and no names, and
// returns the lines that it prints. Without tshark the test is skipped.
func (r *Recording) Tshark(t testing.TB, args ...string) []string {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	args = append([]string{"-n", "-r", r.File,
		"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}, args...)
	cmd := exec.CommandContext(t.Context(), tshark, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark %s: %v: %s", strings.Join(args, " "), err, &stderr)
	}
	if s := strings.TrimRight(string(out), "\n"); s != "" {
		return strings.Split(s, "\n")
	}
	return nil
}
