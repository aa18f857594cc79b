package replaytest_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
)

// onReal are the scenarios that a sample plays on real sockets: TCP and
// UDP, in clear and encrypted.
var onReal = []string{"page", "page-h3", "dns-tcp", "smtp-starttls", "imap", "ftp-active"}

// What the kernel carried, captured by another tool, is what the truth tells.
func TestRealCapture(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	if os.Geteuid() != 0 {
		t.Skip("capturing on the loopback needs root")
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	for _, s := range replay.Names() {
		if s.Simulated != "" || !everything() && !slices.Contains(onReal, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			// One after the other: all use the same addresses.
			dir := t.TempDir()
			file, told := filepath.Join(dir, "lo.pcap"), filepath.Join(dir, "truth.json")
			d := &dumper{file: file}
			var truth bytes.Buffer
			if err := replay.Run(t.Context(), s.Name, replay.Options{Real: true, Seed: 5, Truth: &truth, Plan: d}); err != nil {
				d.stop()
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) // for the last FIN
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(told, truth.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			r := replaytest.Open(t, file, told)
			r.CheckViolations(t)
			r.CheckMessages(t)
			for _, h := range r.Truth.Hosts {
				for _, a := range h.Addrs {
					if !a.IsLoopback() {
						t.Errorf("%s is at %s", h.Name, a)
					}
				}
			}
			if late := time.Since(r.Truth.Epoch); late < 0 || late > time.Hour {
				t.Errorf("the truth begins at %s", r.Truth.Epoch)
			}
		})
	}
}

// dumper captures with the filter of the plan that is written to it, and lets
// the run go on when it listens.
type dumper struct {
	file string
	cmd  *exec.Cmd
}

func (d *dumper) Write(plan []byte) (int, error) {
	_, filter, ok := strings.Cut(string(plan), "capture filter ")
	filter, _, _ = strings.Cut(filter, "\n")
	if !ok {
		return 0, errors.New("no capture filter in the plan")
	}
	d.cmd = exec.Command("tcpdump", "-i", "lo", "--immediate-mode", "-U", "-w", d.file, "-Z", "root", "-B", "65536", filter)
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := d.cmd.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on") {
			go func() {
				for lines.Scan() { // its counts, at the end
				}
			}()
			return len(plan), nil
		}
	}
	return 0, fmt.Errorf("tcpdump does not capture: %w", d.cmd.Wait())
}

func (d *dumper) stop() error {
	if d.cmd == nil {
		return nil
	}
	return errors.Join(d.cmd.Process.Signal(os.Interrupt), d.cmd.Wait())
}
