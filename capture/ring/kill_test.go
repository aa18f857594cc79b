package ring

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
)

// childDir is, in the environment, the folder that this program writes a ring
// into until it is killed.
const childDir = "WIRETALE_RING_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child writes numbered packets of many sizes and says now and then how many
// were given to the kernel.
func child(dir string) error {
	w, err := Open(Config{Path: filepath.Join(dir, "a.pcapng"), Interfaces: ether, MaxBytes: 300_000, Flush: time.Millisecond})
	if err != nil {
		return err
	}
	for n := 0; ; {
		st := w.Stats()
		if st.Err != nil || st.Dropped > 0 {
			return fmt.Errorf("%+v", st)
		}
		if uint64(n) > st.Packets+500 {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		w.Write(numbered(n, 20, 60+n*7%3000))
		n += 20
		fmt.Println(st.Packets)
	}
}

// A process is killed at any moment: all of its files read, at worst but for a
// cut last block, and have each packet that was flushed.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kills := 20
	if testing.Short() {
		kills = 5
	}
	cut, empty, all := 0, 0, 0
	for range kills {
		dir := t.TempDir()
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		flushed, lines := 0, 0
		last := rand.IntN(200)
		for s := bufio.NewScanner(out); s.Scan(); lines++ {
			if n, err := strconv.Atoi(s.Text()); err == nil {
				flushed = n
			}
			if lines == last {
				time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if cmd.Wait(); lines <= last {
			t.Fatalf("it ended by itself: %s", &stderr)
		}
		files := glob(t, dir)
		of, fault := numbers(t, files)
		got := slices.Concat(of...)
		if !slices.Equal(got, upTo(len(got))) || len(got) < flushed {
			t.Errorf("%d packets in %d files, %d were flushed", len(got), len(files), flushed)
		}
		all += len(got)
		if fault != nil {
			newest := files[len(files)-1]
			var e *capture.Error
			st, err := os.Stat(newest)
			switch {
			case err == nil && st.Size() == 0:
				empty++
			case errors.As(fault, &e) && strings.Contains(e.Error(), "cut off"):
				cut++
			default:
				t.Errorf("%s: %v", newest, fault)
			}
		}
		wireshark(t, files, len(got))
	}
	t.Logf("%d kills, %d packets, %d last blocks cut, %d newest files empty", kills, all, cut, empty)
}

// wireshark reads the files, if it is here.
func wireshark(t *testing.T, files []string, want int) {
	t.Helper()
	if _, err := exec.LookPath("capinfos"); err != nil {
		return
	}
	n := 0
	for i, f := range files {
		out, err := exec.Command("capinfos", "-rTMc", f).CombinedOutput()
		if i == len(files)-1 {
			if err != nil && !strings.Contains(string(out), "cut short") && !isEmpty(f) {
				t.Errorf("capinfos %s: %v %s", f, err, out)
			}
		} else if err != nil {
			t.Errorf("capinfos %s: %v %s", f, err, out)
		}
		for line := range strings.Lines(string(out)) {
			if rest, ok := strings.CutPrefix(line, f+"\t"); ok {
				k, _ := strconv.Atoi(strings.TrimSpace(rest))
				n += k
			}
		}
	}
	if n != want {
		t.Errorf("capinfos counts %d packets, we read %d", n, want)
	}
}

func isEmpty(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Size() == 0
}
