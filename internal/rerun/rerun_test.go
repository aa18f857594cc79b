package rerun_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/internal/rerun"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/report"
)

// Captures played again hold the same messages, the truth says so, and neither
// tshark nor wiretale complains.
func TestAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, x := range []struct {
		name, file string
		kinds      []string
		options    replay.Options
	}{
		{"http", "ajbanjara_Wireshark/SampleCaptures__Http.cap", []string{"http.request", "http.response"}, replay.Options{}},
		{"dns", "ajbanjara_Wireshark/SampleCaptures__dhcp-and-dyndns.pcap.gz", []string{"dns.query", "dns.response"}, replay.Options{}},
		{"smtp", "ajbanjara_Wireshark/SampleCaptures__IMF.pcap.gz", []string{"smtp.command", "smtp.reply", "mail.message"}, replay.Options{}},
		{"dns, http, pop3", "ajbanjara_Wireshark/SampleCaptures__4.pcap", []string{"dns.query", "http.response body", "pop3.reply"},
			replay.Options{RTT: 30 * time.Millisecond}},
		{"page", "", []string{"dns.query", "http.response body"}, replay.Options{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("../../../shared/captures", x.file)
			if x.name == "page" {
				file = "../../pcaps/page.pcapng"
			}
			if _, err := os.Stat(file); err != nil {
				t.Skipf("the capture is not here: %v", err)
			}
			before, err := rerun.Read(t.Context(), "", file)
			if err != nil {
				t.Fatal(err)
			}
			var out, told bytes.Buffer
			x.options.Out, x.options.Truth = &out, &told
			if err := before.Run(t.Context(), x.name, x.options, 20*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			capture, truth := filepath.Join(dir, "again.pcapng"), filepath.Join(dir, "again.json")
			if err := os.WriteFile(capture, out.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(truth, told.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			after, err := rerun.Read(t.Context(), "", capture)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, f := range rerun.Compare(before, after) {
				seen[f.Kind] = true
				if f.F1() != 1 || f.Agreed == 0 {
					t.Errorf("%s: %d before, %d after, %d equal", f.Kind, f.Before, f.After, f.Agreed)
				}
			}
			for _, k := range x.kinds {
				if !seen[k] {
					t.Errorf("no %s in it: this tests less than it says", k)
				}
			}
			var table bytes.Buffer
			if err := rerun.Table(&table, before, after, report.Options{}); err != nil {
				t.Fatal(err)
			}
			t.Logf("\n%s", &table)
			r := replaytest.Open(t, capture, truth)
			r.CheckMessages(t)
			// A made-up image is none, as tshark finds: of HTTP it may complain.
			if bad := r.Tshark(t, "-Y", `_ws.malformed && !http || _ws.short || ip.checksum.status == "Bad" || tcp.checksum.status == "Bad" || udp.checksum.status == "Bad"`); len(bad) > 0 {
				t.Errorf("tshark complains: %q", bad)
			}
		})
	}
}
