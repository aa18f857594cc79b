package privilege

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/live"
)

// child is set in the process that drops its privileges: there is no way back,
// so it is not the test's own.
const child = "WIRETALE_TEST_DROP"

func TestMain(m *testing.M) {
	if how := os.Getenv(child); how != "" {
		dropped(how)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dropped drops privileges as the words of how say, and prints what it did and
// what is left.
func dropped(how string) {
	words := strings.Split(how, ",")
	out, other := words[1], words[2]
	o := Options{Write: []string{out}, Read: []string{"/proc"}, Keep: words[0] == "keep", Network: words[0] == "net"}
	switch words[0] {
	case "user":
		o.User = "daemon"
	case "nowhere":
		o.Write = nil
	}
	// Threads that are there already.
	ready := make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			ready <- struct{}{}
			for {
				ts := unix.NsecToTimespec(1e6)
				_ = unix.Nanosleep(&ts, nil)
			}
		}()
	}
	for range 8 {
		<-ready
	}
	open, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	fmt.Println("before:", err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	src, err := live.Open(live.Config{Interface: "lo"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	said, err := Drop(o)
	for _, s := range said {
		fmt.Println("said:", s)
	}
	fmt.Println("error:", err)

	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	rights := map[string]bool{}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		var line []string
		for l := range strings.Lines(string(b)) {
			if w := strings.Fields(l); len(w) > 1 && slices.Contains([]string{"Uid:", "Gid:", "CapInh:", "CapPrm:", "CapEff:", "CapAmb:", "CapBnd:", "NoNewPrivs:"}, w[0]) {
				line = append(line, w[0]+strings.TrimLeft(w[1], "0"))
			}
		}
		rights[strings.Join(line, " ")] = true
	}
	fmt.Println("threads:", len(tasks) > 8)
	for r := range rights {
		fmt.Println("rights:", r)
	}
	fmt.Println("uid:", unix.Getuid(), "gid:", unix.Getgid())
	_, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	fmt.Println("packet socket:", err)
	_, err = unix.GetsockoptInt(open, unix.SOL_PACKET, unix.PACKET_VERSION)
	fmt.Println("open one:", err)
	fmt.Println("write in:", os.WriteFile(filepath.Join(out, "new"), nil, 0o600))
	fmt.Println("rename in:", os.Rename(filepath.Join(out, "new"), filepath.Join(out, "newer")))
	fmt.Println("remove in:", os.Remove(filepath.Join(out, "newer")))
	fmt.Println("write out:", os.WriteFile(filepath.Join(other, "new"), nil, 0o600))
	_, err = os.ReadFile("/etc/shadow")
	fmt.Println("read:", err)
	c, err := net.DialTimeout("tcp", ln.Addr().String(), time.Second)
	if err == nil {
		c.Close()
	}
	fmt.Println("connect:", err)
	fmt.Println("captured:", captured(src))
	fmt.Println("root again:", unix.Setuid(0))
}

// captured watches the loopback interface without any privilege, and ends as a
// capture does.
func captured(src *live.Source) error {
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		return err
	}
	defer c.Close()
	word := []byte("a word that nobody else says")
	if _, err := c.Write(word); err != nil {
		return err
	}
	src.Stop()
	found := 0
	var b capture.Batch
	for {
		err := src.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for _, p := range b.Packets {
			if p.Data[23] == unix.IPPROTO_UDP && bytes.HasSuffix(p.Data, word) {
				found++
			}
		}
		b.Release()
	}
	if st := src.Stats(); found != 1 || st.Received != st.Delivered+st.Dropped {
		return fmt.Errorf("found %d times, %+v", found, st)
	}
	return src.Close()
}

func run(t *testing.T, how string, env ...string) (lines []string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root has privileges to drop")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "SUDO_") }), append(env, child+"="+how)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s\n%s", how, out)
	return strings.Split(string(out), "\n")
}

// value is what was printed behind a word.
func value(t *testing.T, lines []string, word string) string {
	t.Helper()
	for _, l := range lines {
		if v, ok := strings.CutPrefix(l, word+": "); ok {
			return v
		}
	}
	t.Errorf("nothing is said of %q", word)
	return ""
}

// folders are two: one that anybody may write to, and another.
func folders(t *testing.T, mode os.FileMode) (out, other string) {
	t.Helper()
	base, err := os.MkdirTemp("", "privilege")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	out, other = filepath.Join(base, "out"), filepath.Join(base, "other")
	for _, d := range []string{out, other} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for d, m := range map[string]os.FileMode{base: 0o755, out: mode, other: 0o777} {
		if err := os.Chmod(d, m); err != nil {
			t.Fatal(err)
		}
	}
	return out, other
}

func needLandlock(t *testing.T) {
	t.Helper()
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1)
	if errno != 0 || v < 4 {
		t.Skipf("the kernel has no Landlock of version 4: %v", errno)
	}
}

const denied = "permission denied"

// common is what holds in every case.
func common(t *testing.T, lines []string) {
	t.Helper()
	for word, want := range map[string]string{
		"error": "<nil>", "before": "<nil>", "open one": "<nil>", "packet socket": "operation not permitted", "captured": "<nil>",
	} {
		if v := value(t, lines, word); v != want {
			t.Errorf("%s: %s, want %s", word, v, want)
		}
	}
	// All threads are alike: no capability, no way to get one.
	uid, gid, _ := strings.Cut(value(t, lines, "uid"), " gid: ")
	want := fmt.Sprintf("Uid:%s Gid:%s CapInh: CapPrm: CapEff: CapBnd: CapAmb: NoNewPrivs:1", strings.TrimLeft(uid, "0"), strings.TrimLeft(gid, "0"))
	for _, l := range lines {
		if r, ok := strings.CutPrefix(l, "rights: "); ok && r != want {
			t.Errorf("a thread has %q, want %q", r, want)
		}
	}
	if value(t, lines, "threads") != "true" || value(t, lines, "rights") != want {
		t.Error("the threads were not looked at")
	}
	saying(t, lines, "(no_new_privs)")
	for _, word := range []string{"write out", "read"} {
		if v := value(t, lines, word); !strings.Contains(v, denied) {
			t.Errorf("%s: %s", word, v)
		}
	}
}

func inside(t *testing.T, lines []string) {
	t.Helper()
	for _, word := range []string{"write in", "rename in", "remove in"} {
		if v := value(t, lines, word); v != "<nil>" {
			t.Errorf("%s: %s", word, v)
		}
	}
}

func saying(t *testing.T, lines []string, part string) {
	t.Helper()
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "said: ") && strings.Contains(l, part) }) {
		t.Errorf("it does not say %q", part)
	}
}

func TestNobody(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o777)
	lines := run(t, "nobody,"+out+","+other)
	common(t, lines)
	inside(t, lines)
	saying(t, lines, "The user is now nobody")
	if v := value(t, lines, "root again"); v != "operation not permitted" {
		t.Errorf("root again: %s", v)
	}
	if v := value(t, lines, "connect"); !strings.Contains(v, denied) {
		t.Errorf("connect: %s", v)
	}
}

func TestWhoCalledSudo(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o700)
	if err := os.Chown(out, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	lines := run(t, "sudo,"+out+","+other, "SUDO_UID=12345")
	common(t, lines)
	inside(t, lines)
	if v := value(t, lines, "uid"); v != "12345 gid: 12345" {
		t.Errorf("uid: %s", v)
	}
	saying(t, lines, "12345 (who called sudo)")
}

func TestNamedUser(t *testing.T) {
	needLandlock(t)
	u := findUser("daemon")
	if u == nil {
		t.Skip("there is no user daemon")
	}
	out, other := folders(t, 0o777)
	lines := run(t, "user,"+out+","+other)
	common(t, lines)
	if v := value(t, lines, "uid"); v != strconv.Itoa(u.uid)+" gid: "+strconv.Itoa(u.gid) {
		t.Errorf("uid: %s", v)
	}
}

// A folder that nobody may not write to: the user stays root, without any
// capability, and within the fence.
func TestRootWithoutCapabilities(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o700)
	lines := run(t, "nobody,"+out+","+other)
	common(t, lines)
	inside(t, lines)
	saying(t, lines, "The user stays root: nobody may not write to "+out)
	if v := value(t, lines, "uid"); v != "0 gid: 0" {
		t.Errorf("uid: %s", v)
	}
}

func TestKeep(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o777)
	lines := run(t, "keep,"+out+","+other)
	common(t, lines)
	inside(t, lines)
	saying(t, lines, "The user stays root: so it was asked for")
}

func TestNowhere(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o777)
	lines := run(t, "nowhere,"+out+","+other)
	common(t, lines)
	saying(t, lines, "Files can be written nowhere")
	if v := value(t, lines, "write in"); !strings.Contains(v, denied) {
		t.Errorf("write in: %s", v)
	}
}

func TestNetwork(t *testing.T) {
	needLandlock(t)
	out, other := folders(t, 0o777)
	lines := run(t, "net,"+out+","+other)
	common(t, lines)
	if v := value(t, lines, "connect"); v != "<nil>" {
		t.Errorf("connect: %s", v)
	}
}

func TestNoSuchFolder(t *testing.T) {
	// Nothing is given up then: it is safe here.
	if said, err := Drop(Options{Write: []string{filepath.Join(t.TempDir(), "missing")}}); !errors.Is(err, os.ErrNotExist) || len(said) > 0 {
		t.Errorf("%q, %v", said, err)
	}
}
