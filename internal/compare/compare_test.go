package compare

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// page is the capture of a page that comes with the repository.
const page = "../../pcaps/page.pcapng"

// fakeTshark puts a tshark first in PATH that prints what stands in answers:
// by the field that is asked for, the value of each frame.
func fakeTshark(t *testing.T, answers map[string]map[string]string, frames []string) {
	t.Helper()
	dir := t.TempDir()
	var script strings.Builder
	script.WriteString("#!/bin/sh\nnames=\nwhile [ $# -gt 0 ]; do\n  case $1 in -e) names=\"$names $2\"; shift;; esac\n  shift\ndone\n")
	script.WriteString("for frame in " + strings.Join(frames, " ") + "; do\n  line=\n  for n in $names; do\n    v=\n    case $n/$frame in\n      frame.number/*) v=$frame;;\n")
	for field, values := range answers {
		for frame, v := range values {
			script.WriteString("      " + field + "/" + frame + ") v='" + v + "';;\n")
		}
	}
	script.WriteString("    esac\n    if [ -z \"$line\" ]; then line=$v; else line=\"$line\t$v\"; fi\n  done\n  printf '%s\\n' \"$line\"\ndone\n")
	if err := os.WriteFile(filepath.Join(dir, "tshark"), []byte(script.String()), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func config(out *bytes.Buffer, paths ...string) Config {
	return Config{Paths: paths, Min: 0.99, First: 10, Protocols: []string{"dns"}, Out: out, Pipeline: pipeline.Config{Limits: events.DefaultLimits()}}
}

// The made page holds one DNS query (frame 1) and its answer (frame 2).
func TestDifferencesAreTold(t *testing.T) {
	if _, err := os.Stat(page); err != nil {
		t.Skip("the made capture is not here:", err)
	}
	fakeTshark(t, map[string]map[string]string{
		"frame.protocols":    {"1": "eth:ethertype:ip:udp:dns", "2": "eth:ethertype:ip:udp:dns"},
		"udp.stream":         {"1": "0", "2": "0"},
		"dns.flags.response": {"1": "0", "2": "1"},
		"dns.qry.name":       {"1": "www.example.test", "2": "www.example.net"},
	}, []string{"1", "2"})
	var out bytes.Buffer
	ok, err := Run(context.Background(), config(&out, page))
	if err != nil || ok {
		t.Fatalf("%v, %v, want differences", ok, err)
	}
	for _, want := range []string{
		"dns.flags.response                             2            0              0   1.0000",
		"dns.qry.name                                   1            1              1   0.5000",
		`frame 2 dns.qry.name: only tshark "www.example.net"`,
		`frame 2 dns.qry.name: only wiretale "www.example.test"`,
		`frame 2 dns.flags.rcode: only wiretale "0"`,
		"less than 0.99",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

// A stream on which tshark shows no DNS at all is counted apart.
func TestStreamThatTsharkDoesNotDecode(t *testing.T) {
	if _, err := os.Stat(page); err != nil {
		t.Skip("the made capture is not here:", err)
	}
	fakeTshark(t, map[string]map[string]string{
		"frame.protocols": {"1": "eth:ethertype:ip:udp:data", "2": "eth:ethertype:ip:udp:data"},
		"udp.stream":      {"1": "0", "2": "0"},
	}, []string{"1", "2"})
	var out bytes.Buffer
	ok, err := Run(context.Background(), config(&out, page))
	if err != nil || !ok {
		t.Fatalf("%v, %v, want agreement\n%s", ok, err, &out)
	}
	if !strings.Contains(out.String(), NotDecoded) {
		t.Errorf("not told:\n%s", &out)
	}
}

func TestNoTshark(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	if _, err := Run(context.Background(), config(&out, page)); !errors.Is(err, ErrNoTshark) {
		t.Errorf("%v, want ErrNoTshark", err)
	}
}

func TestUnknownProtocol(t *testing.T) {
	c := config(&bytes.Buffer{}, page)
	c.Protocols = []string{"dns", "gopher"}
	if _, err := Run(context.Background(), c); err == nil || !strings.Contains(err.Error(), `"gopher"`) {
		t.Errorf("%v, want to be told about gopher", err)
	}
}

// Values are a multiset: each pairs with one equal value of the other side.
func TestPair(t *testing.T) {
	for _, x := range []struct {
		mine, its              []string
		near                   bool
		both, onlyMine, onlyIt int
	}{
		{[]string{"a", "b", "a"}, []string{"a", "a", "b"}, false, 3, 0, 0},
		{[]string{"a", "a"}, []string{"a"}, false, 1, 1, 0},
		{nil, []string{"a", "b"}, false, 0, 0, 2},
		{[]string{"0.100000000"}, []string{"0.100000900"}, true, 1, 0, 0},
		{[]string{"0.100000000"}, []string{"0.100002000"}, true, 0, 1, 1},
		{[]string{"0.100000000"}, []string{"0.100000900"}, false, 0, 1, 1},
	} {
		f := field{near: x.near}
		both, a, b := f.pair(x.mine, x.its)
		if both != x.both || len(a) != x.onlyMine || len(b) != x.onlyIt {
			t.Errorf("%v and %v: %d, %v, %v", x.mine, x.its, both, a, b)
		}
	}
}

// F1 is 2·agreed/(ours+theirs), each with what agrees.
func TestF1(t *testing.T) {
	if v := f1(8, 2, 2); v != 0.8 {
		t.Errorf("%g, want 0.8", v)
	}
	if v := f1(0, 0, 0); v != 1 {
		t.Errorf("%g where nobody says anything, want 1", v)
	}
}

func TestTexts(t *testing.T) {
	for _, x := range []struct{ what, got, want string }{
		{"root", shownName("."), "<Root>"},
		{"name", shownName(`a\.b.example.`), "a.b.example"},
		{"name with a control character", shownName(`a\007b.`), `a\ab`},
		{"type without a name", typeNumber("TYPE65280"), "65280"},
		{"type", typeNumber("AAAA"), "28"},
		{"class", classNumber("CLASS32769"), "0x8001"},
		{"header rcode of BADVERS", rcode("BADVERS", 15, 0), "0"},
		{"EDNS part of BADVERS", rcode("BADVERS", 0xff0, 4), "01"},
		{"opcode without a name", index(opcodes, "OPCODE9", "OPCODE"), "9"},
		{"character-strings", strings.Join(characterStrings(`"a b" "\"c" d`), "|"), `a b|"c|d`},
		{"bytes beyond ASCII", shownASCII("a\xe4b"), "a\uFFFDb"},
		{"NUL", shownASCII("a\x00b"), "a"},
		{"field line", fieldLine(`Host:  a \r\n`), "Host: a"},
	} {
		if x.got != x.want {
			t.Errorf("%s: %q, want %q", x.what, x.got, x.want)
		}
	}
}
