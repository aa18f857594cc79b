package rerun_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/internal/rerun"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/report"
)

// again plays a capture again and reads the result.
func again(t *testing.T, file string, as web.Version, o replay.Options) (before, after *rerun.Script, made *replaytest.Recording) {
	t.Helper()
	before, err := rerun.Read(t.Context(), as, file)
	if err != nil {
		t.Fatal(err)
	}
	var out, told bytes.Buffer
	o.Out, o.Truth = &out, &told
	if err := before.Run(t.Context(), filepath.Base(file), o, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	capture, truth := filepath.Join(dir, "again.pcapng"), filepath.Join(dir, "again.json")
	for name, b := range map[string][]byte{capture: out.Bytes(), truth: told.Bytes()} {
		if err := os.WriteFile(name, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if after, err = rerun.Read(t.Context(), as, capture); err != nil {
		t.Fatal(err)
	}
	return before, after, replaytest.Open(t, capture, truth)
}

// equal checks that what is after is what was before; it gives the figures of
// all.
func equal(t *testing.T, before, after *rerun.Script) rerun.Figures {
	t.Helper()
	figures := rerun.Compare(before, after)
	for _, f := range figures {
		if f.F1() != 1 || f.Agreed == 0 || f.Bytes[0] != f.Bytes[1] {
			t.Errorf("%s %s: %v messages, %d equal, %v bytes", f.Protocol, f.Server, f.Messages, f.Agreed, f.Bytes)
		}
	}
	return figures[len(figures)-1]
}

// text is the table.
func text(t *testing.T, before, after *rerun.Script) string {
	t.Helper()
	var table bytes.Buffer
	if err := rerun.Table(&table, before, after, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return table.String()
}

// told is the truth of a capture in pcaps.
func told(t *testing.T, name string) *truth.Truth {
	t.Helper()
	f, err := os.Open("../../pcaps/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := truth.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Captures played again hold the same messages, the truth says so, and neither
// tshark nor wiretale complains.
func TestAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, x := range []struct {
		name, file string
		protocols  []string
		options    replay.Options
	}{
		{"http", "ajbanjara_Wireshark/SampleCaptures__Http.cap", []string{"dns", "http"}, replay.Options{}},
		{"dns", "ajbanjara_Wireshark/SampleCaptures__dhcp-and-dyndns.pcap.gz", []string{"dns"}, replay.Options{}},
		{"smtp", "ajbanjara_Wireshark/SampleCaptures__IMF.pcap.gz", []string{"smtp"}, replay.Options{}},
		{"dns, http, pop3", "ajbanjara_Wireshark/SampleCaptures__4.pcap", []string{"dns", "http", "pop3"},
			replay.Options{RTT: 30 * time.Millisecond}},
		{"page", "", []string{"dns", "http"}, replay.Options{RTT: 20 * time.Millisecond}},
		{"h2-multiplex", "", []string{"http"}, replay.Options{}},
		{"smtp-mime", "", []string{"smtp"}, replay.Options{RTT: 10 * time.Millisecond}},
		{"imap", "", []string{"imap"}, replay.Options{RTT: 10 * time.Millisecond}},
		{"pop3-keep", "", []string{"pop3"}, replay.Options{RTT: 10 * time.Millisecond}},
		{"ftp-passive", "", []string{"ftp"}, replay.Options{RTT: 10 * time.Millisecond}},
		{"ftp-active", "", []string{"ftp"}, replay.Options{RTT: 10 * time.Millisecond, Loss: 0.01, Seed: 3}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("../../../shared/captures", x.file)
			if x.file == "" {
				file = "../../pcaps/" + x.name + ".pcapng"
			}
			if _, err := os.Stat(file); err != nil {
				t.Skipf("the capture is not here: %v", err)
			}
			before, after, r := again(t, file, "", x.options)
			all := equal(t, before, after)
			var seen []string
			for _, f := range rerun.Compare(before, after) {
				if !slices.Contains(seen, f.Protocol) && f.Protocol != "all" {
					seen = append(seen, f.Protocol)
				}
			}
			if !slices.Equal(seen, x.protocols) {
				t.Errorf("protocols %v, want %v", seen, x.protocols)
			}
			if x.file == "" {
				want := 0
				for _, m := range told(t, x.name).Messages {
					want++
					if m.Kind == truth.HTTPResponse && x.name == "page" {
						want++ // a body is a message of its own there
					}
				}
				if all.Messages[0] != want {
					t.Errorf("%d messages found, the truth of the capture has %d", all.Messages[0], want)
				}
			}
			t.Logf("\n%s", text(t, before, after))
			r.CheckMessages(t)
			if x.options.Loss > 0 {
				return // tshark takes a segment that was lost behind the capture for a fault
			}
			// A made-up image is none, as tshark finds: of HTTP it may complain.
			if bad := r.Tshark(t, "-Y", `_ws.malformed && !http && !http2 || _ws.short || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"`); len(bad) > 0 {
				t.Errorf("tshark complains: %q", bad)
			}
		})
	}
}
