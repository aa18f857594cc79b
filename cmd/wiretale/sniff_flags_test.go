package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/internal/pipeline"
)

// What tells questions more is a flag of analyze and of sniff, with one help.
func TestSniffAnswerFlags(t *testing.T) {
	for _, name := range []string{"access-link", "queue", "trust-anchor"} {
		a, s := find("analyze").flagsOf().Lookup(name), find("sniff").flagsOf().Lookup(name)
		if a == nil || s == nil || a.Usage != s.Usage {
			t.Errorf("--%s: %v and %v", name, a, s)
		}
	}
	bad := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(bad, []byte("no zone file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"sniff", "-i", "lo", "--access-link", "fast"}, exitUsage, `"fast" is no rate`},
		{[]string{"sniff", "-i", "lo", "--queue", "fifo"}, exitUsage, "fifo"},
		{[]string{"sniff", "-i", "lo", "--trust-anchor", bad + "s"}, exitFault, "--trust-anchor: open " + bad + "s"},
		{[]string{"sniff", "-i", "lo", "--trust-anchor", bad}, exitFault, bad},
		{[]string{"sniff", "-i", "lo", "--no-decode", "--access-link", "10mbit"}, exitUsage, "of no use"},
		{[]string{"sniff", "-i", "lo", "--no-decode", "--trust-anchor", bad}, exitUsage, "of no use"},
	} {
		var errs strings.Builder
		if code := run(c.args, nil, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%q: exit code %d, %q; want %d and %q", c.args, code, errs.String(), c.code, c.want)
		}
	}
}

// What the flags say reaches the run.
func TestAnswerFlagsAreSet(t *testing.T) {
	c := &call{}
	var a *answerFlags
	cmd := &command{name: "test", setup: func(c *call) func() error { a = c.answerFlags(); return nil }}
	cmd.prepare(c)
	if a.given() {
		t.Error("given without a flag")
	}
	if err := c.flags.Parse([]string{"--access-link", "10mbit", "--queue", "mm1"}); err != nil {
		t.Fatal(err)
	}
	var p pipeline.Config
	if err := a.set(&p); err != nil {
		t.Fatal(err)
	}
	if !a.given() || p.AccessLink.Rate != 10_000_000 || p.AccessLink.Queue.String() != "M/M/1" || len(p.TrustAnchors) != 0 {
		t.Errorf("%+v %v", p.AccessLink, p.TrustAnchors)
	}
}
