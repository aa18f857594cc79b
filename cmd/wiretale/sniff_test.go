package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture/live"
)

// asProgram, where set, makes the test binary the program: sniff gives up the
// rights of its process, so it needs one of its own.
const asProgram = "WIRETALE_TEST_AS_PROGRAM"

// sniffing is the program at work.
type sniffing struct {
	cmd         *exec.Cmd
	out, errors bytes.Buffer
}

func startSniff(t *testing.T, args ...string) *sniffing {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("capturing is for root only")
	}
	if err := live.Permission(); err != nil {
		t.Skipf("no capture can be made here: %v", err)
	}
	s := &sniffing{cmd: exec.Command(os.Args[0], append([]string{"sniff"}, args...)...)}
	s.cmd.Env = append(os.Environ(), asProgram+"=1")
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.errors
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	return s
}

// stop ends it as Ctrl-C does.
func (s *sniffing) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, s.errors.String())
	}
}

// fetch fetches from a web server over the loopback, n times.
func fetch(t *testing.T, n int) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no socket: %v", err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat(r.URL.Path, 100))
	}))
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	for i := range n {
		r, err := c.Get(fmt.Sprintf("http://%s/%d", l.Addr(), i))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// untilBegun waits until packets are captured: the file of -w is there.
func untilBegun(t *testing.T, file string) {
	t.Helper()
	for range 600 {
		if _, err := os.Stat(file); err == nil {
			time.Sleep(300 * time.Millisecond) // rights are given up, the run begins
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("no capture began")
}

// sub is the number of an event within its frame: it counts events that were
// wanted by a question only, and decode asks none.
var sub = regexp.MustCompile(`"sub":[0-9]+,`)

// linesWith are the lines of a text that hold word, sorted, without sub.
func linesWith(text, word string) []string {
	var list []string
	for l := range strings.Lines(text) {
		if strings.Contains(l, word) {
			list = append(list, sub.ReplaceAllString(l, ""))
		}
	}
	slices.Sort(list)
	return list
}

// fromFile is what a command prints of a file as JSON.
func fromFile(t *testing.T, command, file string) string {
	t.Helper()
	var out, errs strings.Builder
	if code := run([]string{command, "--json", file}, nil, &out, &errs); code != exitOK {
		t.Fatalf("%s: exit code %d: %s", command, code, errs.String())
	}
	return out.String()
}

// isOfFile checks that what sniff said is what analyze and decode say of the
// file that it kept.
func isOfFile(t *testing.T, said, file string) {
	t.Helper()
	for _, c := range []struct{ word, want string }{{`{"analysis":`, fromFile(t, "analyze", file)}, {`{"frame":`, fromFile(t, "decode", file)}} {
		got, want := linesWith(said, c.word), linesWith(c.want, c.word)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: live %d lines, from the file %d; live:\n%s\nfile:\n%s", c.word, len(got), len(want), strings.Join(got, ""), strings.Join(want, ""))
		}
	}
}

// What sniff says as packets come is what analyze and decode say of the file
// that it kept.
func TestSniffIsAnalyze(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lo.pcapng")
	s := startSniff(t, "-i", "lo", "-f", "tcp", "-w", file, "--json")
	untilBegun(t, file)
	fetch(t, 5)
	time.Sleep(300 * time.Millisecond)
	s.stop(t)
	if strings.Contains(s.errors.String(), "dropped") {
		t.Skip("packets were dropped: the machine is busy")
	}
	isOfFile(t, s.out.String(), file)
	if n := len(linesWith(s.out.String(), `"kind":"http.response"`)); n < 5 {
		t.Errorf("%d responses, want 5 or more", n)
	}
}

// Without --json it ends with the report; a hangup begins another file.
func TestSniffReport(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lo.pcapng")
	s := startSniff(t, "-i", "lo", "-w", file, "--every", "200ms")
	untilBegun(t, file)
	fetch(t, 2)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	fetch(t, 1)
	time.Sleep(300 * time.Millisecond)
	s.stop(t)
	out := s.out.String()
	for _, want := range []string{"packets/s", "HTTP transactions", "Findings", "Not decoded"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.pcapng")); len(files) != 2 {
		t.Errorf("files %q, want two", files)
	}
}

// --count packets and no more, in the report and in the file.
func TestSniffCount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lo.pcapng")
	s := startSniff(t, "-i", "lo", "-f", "tcp", "-w", file, "--count", "7")
	untilBegun(t, file)
	fetch(t, 3)
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, s.errors.String())
	}
	var of strings.Builder
	run([]string{"analyze", file}, nil, &of, io.Discard)
	for where, text := range map[string]string{"live": s.out.String(), "file": of.String()} {
		if !strings.Contains(text, "  7 packets,") {
			t.Errorf("%s: not 7 packets:\n%s", where, text)
		}
	}
}

func TestSniffUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"sniff"}, exitUsage, "give -i NAME"},
		{[]string{"sniff", "-i", "lo", "extra"}, exitUsage, "takes no arguments"},
		{[]string{"sniff", "-i", "lo", "-f", "port nowhere"}, exitUsage, "nowhere"},
		{[]string{"sniff", "-i", "lo", "--ring", "10x1MB"}, exitUsage, "-w FILE"},
		{[]string{"sniff", "-i", "nosuch0"}, exitFault, "nosuch0"},
	} {
		var errs strings.Builder
		if code := run(c.args, nil, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%q: exit code %d, %q; want %d and %q", c.args, code, errs.String(), c.code, c.want)
		}
	}
}
