package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/wiretale/wiretale/internal/pipeline"
)

// page is a capture of this repository: a look-up and a web page. It may be
// made again, so its ports and its number of packets are not relied on.
const page = "../../pcaps/page.pcapng"

// try runs the program as a shell would.
func try(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, stdin, &out, &err)
	return code, out.String(), err.String()
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	cut := filepath.Join(dir, "cut.pcapng")
	whole, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:len(whole)/2+1], 0o644); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("this is no capture, though it is long enough to look like one\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	tests := []struct {
		args   string
		code   int
		stdout []string // what it holds; "!x": what it does not; nil: nothing at all
		stderr []string
	}{
		// usage
		{"", 2, nil, []string{"Usage: wiretale COMMAND", "which command?"}},
		{"--help", 0, []string{"Usage: wiretale COMMAND", "analyze", "decode", "replay", "completion"}, nil},
		{"help decode", 0, []string{"Usage: wiretale decode [flags] FILE…", "--only", "Examples:"}, nil},
		{"analyze -f udp " + page, 0, []string{"2 packets", "filtered", "not selected by the filter udp", "!HTTP transactions"}, nil},
		{"decode --filter udp " + page, 0, []string{"query A", "!GET"}, nil},
		{"decode -f prt " + page, 2, nil, []string{"-f: filter", `at character 1, "prt": no such word`, "wiretale decode --help"}},
		{"decode -f inbound " + page, 1, nil, []string{"packet 1, of link type ethernet", `"inbound"`}},
		{"analyze --help", 0, []string{"Usage: wiretale analyze", "--full", "Examples:"}, nil},
		{"version -h", 0, []string{"Usage: wiretale version\n"}, nil},
		{"anlyze x.pcap", 2, nil, []string{`"anlyze" is not a command; did you mean analyze?`}},
		{"frobnicate", 2, nil, []string{"wiretale --help lists all", "!did you mean"}},
		{"analyze", 2, nil, []string{"which capture?", "see: wiretale analyze --help"}},
		{"decode --jsn x", 2, nil, []string{"did you mean --json?"}},
		{"decode --frames x " + page, 2, nil, []string{"want 10-90"}},
		{"decode --stream 5 " + page, 2, nil, []string{"want tcp:5"}},
		{"decode --only smpt " + page, 2, nil, []string{`"smpt" is no kind`, "dns.message"}},
		{"analyze --only love " + page, 2, nil, []string{`"love" is no question`, "rtt"}},
		{"analyze --limits flows " + page, 2, nil, []string{"want name=value"}},
		{"analyze --limits flow=3 " + page, 2, nil, []string{`"flow" is not known`}},
		{"analyze --workers -1 " + page, 2, nil, []string{"--workers -1"}},
		{"schema now", 2, nil, []string{"no arguments"}},
		{"completion tcsh", 2, nil, []string{"bash, zsh or fish"}},
		{"replay nothing -w x", 2, nil, []string{"no such scenario", "page"}},
		{"replay nothing", 2, nil, []string{"no such scenario", "page"}},
		{"replay page", 2, nil, []string{"nothing to write"}},
		{"replay page --loss 70% -w x", 2, nil, []string{"a loss of 70%", "50%"}},
		{"replay page --rate 7parsec -w x", 2, nil, []string{"parsec", "10mbit"}},
		{"replay page --mtu 100 -w x", 2, nil, []string{"an MTU of 100"}},
		{"replay page --at roof -w x", 2, nil, []string{"client, middle or server"}},
		{"replay page --tls -w x", 2, nil, []string{"page does not use --tls", "it takes --seed, --rtt"}},
		{"replay page --real -w x.pcapng", 2, nil, []string{"sudo wiretale sniff -i lo -w x.pcapng"}},
		{"replay page --real --loss 1%", 2, nil, []string{"--loss goes without --real"}},
		{"replay dns-flood --real", 2, nil, []string{"dns-flood plays on its simulated network only"}},
		{"replay http1-persistent --help", 0, []string{"A page with ten objects", "In Wireshark", "--rate", "Usage: wiretale replay"}, nil},
		{"replay --onto nowhere0 " + page, 1, nil, []string{"nowhere0"}},
		{"replay --onto lo --speed fast " + page, 2, nil, []string{"2x"}},
		{"replay --onto lo --speed 2x --pps 5 " + page, 2, nil, []string{"exclude each other"}},
		{"replay page --pps 5 -w x", 2, nil, []string{"--onto"}},
		{"replay --list", 0, []string{"page", "ten images"}, nil},
		{"replay --from " + page + " --as http4", 2, nil, []string{"http4", "http1, http2, http3"}},
		{"replay --from " + page + " --tls", 2, nil, []string{"--as"}},
		{"replay page --as http2 -w x", 2, nil, []string{"--from"}},
		{"replay --from " + page + " --as http2 --rtt 4ms --max-think 5ms", 0, []string{"x/net/http2", "played: 1 conversation, and 11 exchanges of HTTP."}, nil},

		// analyze
		{"analyze " + page, 0, []string{"page.pcapng  ", "\nFindings", "\nRound-trip times", "\nNot decoded", " packets/s", "!\x1b"}, nil},
		{"analyze --only rtt " + page, 0, []string{"\nRound-trip times", "!Traffic mix"}, nil},
		{"analyze --json --only rtt " + page, 0, []string{`{"analysis":"rtt","key":`, `!"analysis":"mix"`}, nil},
		{"analyze --full --workers 3 --no-color " + page, 0, []string{"10.0.0.10"}, nil},
		{"analyze " + page + " " + page, 0, []string{"2 captures  "}, nil},
		{"analyze --limits flows=1 " + page, 0, []string{"limits", "flows ×"}, nil},

		// decode
		{"decode " + page, 0, []string{
			" → 192.0.2.53:53 ", "query A www.example.test. (id 0x",
			"answer NOERROR www.example.test. A 198.51.100.80 (id 0x", "!flow.start", "!\x1b",
		}, nil},
		{"decode --only dns --frames 2 " + page, 0, []string{"answer NOERROR", "!query"}, nil},
		{"decode --stream tcp:0 --only flow " + page, 0, []string{"tcp:0", "start", "end by", "!udp:0", "!tcp:1"}, nil},
		{"decode --json " + page, 0, []string{`{"frame":1,"sub":0,"time":"2026-01-01T00:00:00.`, `"kind":"flow.end"`, `!"kind":"tcp.rtt"`, `!"kind":"flow.bytes"`}, nil},
		{"decode --json --only tcp.rtt " + page, 0, []string{`"kind":"tcp.rtt"`, `!"kind":"flow.end"`}, nil},
		{"decode --json --only dns --stream udp:9 " + page, 0, nil, nil},

		// faults of the input
		{"analyze nowhere.pcap", 1, nil, []string{"nowhere.pcap", "no such file"}},
		{"analyze " + text, 1, nil, []string{"notes.txt"}},
		{"analyze " + cut, 1, []string{"cut.pcapng", "\nNot decoded"}, []string{"cut.pcapng: at byte "}},
		{"decode " + cut, 1, []string{"query A www.example.test."}, []string{"cut.pcapng: at byte "}},

		// information
		{"version", 0, []string{"wiretale ", "go1."}, nil},
		{"--version", 0, []string{"wiretale "}, nil},
		{"protocols", 0, []string{"dns", "53"}, nil},
		{"limits", 0, []string{"out-of-order", "1048576", "bytes held behind a hole"}, nil},
		{"schema", 0, []string{"https://json-schema.org/draft/2020-12/schema", `"dns.message"`, `"rtt"`}, nil},
		{"replay", 0, []string{"page", "ten images"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			code, stdout, stderr := try(t, nil, strings.Fields(tt.args)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			check(t, "stdout", stdout, tt.stdout)
			check(t, "stderr", stderr, tt.stderr)
		})
	}
}

func check(t *testing.T, what, got string, want []string) {
	t.Helper()
	if want == nil && got != "" {
		t.Errorf("%s should be empty, is:\n%s", what, got)
	}
	for _, w := range want {
		if not, ok := strings.CutPrefix(w, "!"); ok {
			if strings.Contains(got, not) {
				t.Errorf("%s has %q:\n%s", what, not, got)
			}
		} else if !strings.Contains(got, w) {
			t.Errorf("%s has no %q:\n%s", what, w, got)
		}
	}
}

func TestStandardInput(t *testing.T) {
	f, err := os.Open(page)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, want, _ := try(t, nil, "decode", page)
	code, got, stderr := try(t, f, "decode", "-")
	if code != 0 || got != want || stderr != "" {
		t.Errorf("exit code %d, stderr %q, output differs: %t", code, stderr, got != want)
	}
}

// The same bytes for any number of workers.
func TestWorkersDoNotShow(t *testing.T) {
	for _, cmd := range [][]string{{"decode", "--json"}, {"analyze", "--json"}, {"decode"}} {
		_, one, _ := try(t, nil, append(cmd, "--workers", "1", page)...)
		_, seven, _ := try(t, nil, append(cmd, "--workers", "7", page)...)
		if one == "" || one != seven {
			t.Errorf("%v: 1 and 7 workers differ", cmd)
		}
	}
}

// broken is a pipe whose reader went away after some bytes.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
	}
	return len(p), nil
}

func TestHeadEndsItQuietly(t *testing.T) {
	var stderr bytes.Buffer
	if code := run([]string{"decode", "--json", "--only", "flow,tcp,tcp.rtt,flow.bytes,dns", page}, nil, &broken{10}, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

func TestInterrupt(t *testing.T) {
	r, w := io.Pipe()
	whole, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		// pcapng files one after another are one; it is read a buffer at a time.
		_, _ = w.Write(bytes.Repeat(whole, 20))
		time.Sleep(200 * time.Millisecond)
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Signal(os.Interrupt)
		}
	}()
	done := make(chan struct{})
	var code int
	var stdout, stderr string
	go func() {
		code, stdout, stderr = try(t, r, "analyze", "-")
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if code != 130 || !strings.Contains(stderr, "interrupted") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	check(t, "stdout", stdout, []string{"standard input  ", "interrupted: this report covers what was read so far"})
}

func TestReplayWritesFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	dir := t.TempDir()
	pcap, truth := filepath.Join(dir, "p.pcapng"), filepath.Join(dir, "p.json")
	code, stdout, stderr := try(t, nil, "replay", "page", "--rtt", "5ms", "-w", pcap, "--truth", truth)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	check(t, "stdout", stdout, []string{"11 http.request", "connections  2", "drops        none", "wiretale replay page --rtt 5ms --seed 0 --at client"})
	// Where the capture goes to standard output, nothing else does.
	if code, stdout, stderr := try(t, nil, "replay", "page", "--rtt", "5ms", "--loss", "1%", "-w", "-"); code != 0 ||
		!strings.HasPrefix(stdout, "\n\r\r\n") || !strings.Contains(stderr, "11 http.request") || strings.Contains(stdout, "connections  2") {
		t.Errorf("exit code %d, %d bytes of capture, stderr %q", code, len(stdout), stderr)
	}
	b, err := os.ReadFile(truth)
	if err != nil || !json.Valid(b) {
		t.Errorf("the truth is no JSON (%v)", err)
	}
	if code, stdout, _ := try(t, nil, "decode", pcap); code != 0 || !strings.Contains(stdout, "query A") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if code, _, stderr := try(t, nil, "replay", "page", "-w", filepath.Join(dir, "no", "such", "folder")); code != 1 || stderr == "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestReplayCompares(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	if testing.Short() {
		t.Skip("plays in real time")
	}
	code, stdout, stderr := try(t, nil, "replay", "page", "--rtt", "5ms", "--compare")
	if code != 0 || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	check(t, "stdout", stdout, []string{"from > to", "client > web", "http.response                11      0   11, F1 1.0000              11, F1 1.0000"})
	if code, _, stderr := try(t, nil, "replay", "page", "--compare", "-w", "-"); code != 2 || !strings.Contains(stderr, "standard output") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// Every command has help with examples, and every example is understood up to
// its files.
func TestHelp(t *testing.T) {
	for _, cmd := range commands() {
		_, out, _ := try(t, nil, cmd.name, "--help")
		if !strings.Contains(out, "Examples:") {
			t.Errorf("%s has no examples:\n%s", cmd.name, out)
		}
		for _, e := range cmd.examples {
			line := e[0][strings.Index(e[0], "wiretale "):]
			line, _, _ = strings.Cut(line, " >")
			line, _, _ = strings.Cut(line, " |")
			args := strings.Fields(strings.TrimSuffix(line, ")"))[1:]
			c := &call{}
			if find(args[0]) == nil {
				t.Errorf("example %q: no such command", e[0])
				continue
			}
			find(args[0]).prepare(c)
			if err := c.flags.Parse(args[1:]); err != nil && !errors.Is(err, pflag.ErrHelp) {
				t.Errorf("example %q: %v", e[0], err)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	for in, want := range map[string]string{"anlyze": "analyze", "decoed": "decode", "dec": "decode", "xyz": "", "a": "", "Version": "version"} {
		if got := nearest(in, commandNames()); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestVersionText(t *testing.T) {
	got := versionText(&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-11-21T10:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}})
	if want := "wiretale v1.2.3 (0123456789ab, 2026-11-21T10:00:00Z, modified) go"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q", got)
	}
	if got := versionText(nil); !strings.HasPrefix(got, "wiretale (unknown version) go") {
		t.Errorf("got %q", got)
	}
}

func TestProgressLine(t *testing.T) {
	got := progressLine(pipeline.Progress{Read: 50e6, Total: 200e6, Packets: 12345}, 2*time.Second)
	if want := " 25 % █████░░░░░░░░░░░░░░░  50.0 MB of 200 MB  25.0 MB/s  12,345 packets  6s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got = progressLine(pipeline.Progress{Read: 50e6, Total: -1, Packets: 1}, 2*time.Second)
	if want := "50.0 MB  25.0 MB/s  1 packets"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, script, _ := try(t, nil, "completion", shell)
		if code != 0 {
			t.Errorf("%s: exit code %d", shell, code)
		}
		check(t, shell, script, []string{"analyze", "show-secrets", "dns.message", "out-of-order="})
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed: its script is not parsed", shell)
			continue
		}
		cmd := exec.Command(path, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
}

// What bash would offer.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	_, script, _ := try(t, nil, "completion", "bash")
	for _, tt := range []struct{ words, want string }{
		{"wiretale ana", "analyze"},
		{"wiretale analyze --fu", "--full"},
		{"wiretale decode --only dns.", "dns.message"},
		{"wiretale decode --only dns,http.req", "dns,http.request"},
		{"wiretale analyze --limits out-of-order-", "out-of-order-total="},
		{"wiretale replay smtp-st", "smtp-starttls"},
		{"wiretale completion f", "fish"},
		{"wiretale help schem", "schema"},
		{"wiretale decode main_t", "main_test.go"},
	} {
		words := strings.Fields(tt.words)
		driver := script + "\ncompopt() { :; }\nCOMP_WORDS=(" + tt.words + ")\nCOMP_CWORD=" + string(rune('0'+len(words)-1)) +
			"\n_wiretale\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
		out, err := exec.Command(bash, "--norc", "-c", driver).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s<TAB>: %q (%v), want %q", tt.words, got, err, tt.want)
		}
	}
}

func TestErrorsAreOneSentence(t *testing.T) {
	_, _, stderr := try(t, nil, "analyze", "nowhere.pcap")
	if !regexp.MustCompile(`^wiretale: [^\n]+\n$`).MatchString(stderr) {
		t.Errorf("%q", stderr)
	}
	if !errors.As(usagef("x"), new(usageError)) {
		t.Error("usagef makes no usageError")
	}
}
