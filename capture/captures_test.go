package capture

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

const captures = "../../shared/captures"

// seen is what one program says of one file.
type seen struct {
	packets     int
	frames      int    // the number of the last packet, where told
	first, last string // earliest and latest time, seconds; empty: none
	err         string
}

func (s seen) String() string {
	return fmt.Sprintf("%d packets, %s to %s, %s", s.packets, s.first, s.last, s.err)
}

// captureFiles are all files of ../shared/captures.
func captureFiles(t testing.TB) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(captures, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".tsv") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Skipf("needs the captures in %s: %v", captures, err)
	}
	return files
}

// differences are the captures that we read otherwise than Wireshark 4.0.17,
// by the reason why that stays.
var differences = map[string][]string{
	"Wireshark stops at a Bluetooth packet too short for its pseudo-header; what is in packets does not matter here": {
		"ajbanjara_Wireshark/Development__PcapNg__pcap-ng_Wi-Fi_Bluetooth_USB_Cooked_timestamps_issue_1.ntar",
		"ajbanjara_Wireshark/SampleCaptures__BT_USB_LinCooked_Eth_80211_RT.ntar.gz",
	},
	"the class in the upper half of the link field is not zero; we mask it off": {
		"the-tcpdump-group_libpcap/tests__linktype-reserved-field-not-zero.pcap",
	},
	"a fraction of a second and more: we carry it into the seconds, Wireshark does not and overflows 32 bits": {
		"the-tcpdump-group_tcpdump/tests__atm-oam-loopback-print-overrun.pcap",
		"the-tcpdump-group_tcpdump/tests__rx_serviceid_oobr.pcap",
		"the-tcpdump-group_tcpdump/tests__timestamp_invalid_micro.pcap",
		"the-tcpdump-group_tcpdump/tests__timestamp_invalid_nano.pcap",
	},
	"another format, which Wireshark knows": {
		"ajbanjara_Wireshark/SampleCaptures__ascend.trace.gz",
		"ajbanjara_Wireshark/SampleCaptures__erf-ethernet-example.erf",
		"ajbanjara_Wireshark/SampleCaptures__ftp-guesspassword.cap",
		"ajbanjara_Wireshark/SampleCaptures__iseries.cap",
	},
}

// A link type that Wireshark does not know makes it give the file up. We
// deliver the packets: whether they can be decoded is not for this package.
var unknownLink = regexp.MustCompile(`network type \d+ unknown or unsupported`)

func TestCapturesAgreeWithCapinfos(t *testing.T) {
	files := captureFiles(t)
	if _, err := exec.LookPath("capinfos"); err != nil {
		t.Skip("needs capinfos (Wireshark)")
	}
	why := map[string]string{}
	for reason, names := range differences {
		for _, n := range names {
			why[n] = reason
		}
	}
	want := capinfos(t, files)
	differ, links := 0, 0
	for _, f := range files {
		name, _ := filepath.Rel(captures, f)
		got, w := ours(f), want[f]
		// capinfos leaves out the frames that are no packets in pcapng, and
		// counts them in Network Monitor files.
		same := (got.packets == w.packets || got.frames == w.packets) && (got.err != "") == (w.err != "")
		if same && w.first != "" && got.packets > 0 {
			// capinfos prints as many decimals as the file has. Where packets
			// are far out of order, it does not print the earliest and latest.
			same = strings.HasPrefix(got.first, w.first) && strings.HasPrefix(got.last, w.last) || sameTimes(t, f)
		}
		if !same && unknownLink.MatchString(w.err) {
			links++
			continue
		}
		switch {
		case !same && why[name] == "":
			t.Errorf("%s\n\tours     %v\n\tcapinfos %v", name, got, w)
		case same && why[name] != "":
			t.Errorf("%s is listed as different and is not", name)
		}
		if !same {
			differ++
		}
	}
	t.Logf("%d files: %d as listed read otherwise than by capinfos, %d more of link types that it does not know", len(files), differ, links)
}

// sameTimes compares the time of every packet with tshark's.
func sameTimes(t *testing.T, file string) bool {
	cmd := exec.Command("tshark", "-r", file, "-T", "fields", "-e", "frame.time_epoch")
	stdout, err := cmd.Output()
	if err != nil {
		t.Log(file, err)
	}
	src, err := Open([]string{file}, Options{})
	if err != nil {
		return false
	}
	defer src.Close()
	all, _ := read(src)
	var got strings.Builder
	for _, p := range all {
		fmt.Fprintln(&got, seconds(p.Time))
	}
	return got.String() == string(stdout)
}

// ours reads one file.
func ours(file string) (s seen) {
	src, err := Open([]string{file}, Options{})
	if err != nil {
		s.err = err.Error()
		return s
	}
	defer src.Close()
	first, last := events.Time(math.MaxInt64), events.Time(math.MinInt64)
	var b Batch
	for {
		if err = src.Next(&b); err != nil {
			break
		}
		for i := range b.Packets {
			s.packets++
			first, last = min(first, b.Packets[i].Time), max(last, b.Packets[i].Time)
		}
		s.frames = int(b.First) + len(b.Packets) - 1
		b.Release()
	}
	if err != io.EOF {
		s.err = err.Error()
	}
	if s.packets > 0 {
		s.first, s.last = seconds(first), seconds(last)
	}
	return s
}

func seconds(t events.Time) string {
	return fmt.Sprintf("%d.%09d", t/1e9, t%1e9)
}

var (
	afterN  = regexp.MustCompile(`An error occurred after reading (\d+) packets from "(.*)"\.`)
	theFile = regexp.MustCompile(`The file "(.*)" (contains|appears|isn't)(.*)`)
)

// capinfos asks Wireshark's tool about all files at once.
func capinfos(t *testing.T, files []string) map[string]seen {
	all := map[string]seen{}
	for len(files) > 0 {
		n := min(len(files), 500)
		cmd := exec.Command("capinfos", append(strings.Fields("-T -M -S -c -a -e -N -Q"), files[:n]...)...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run() // it fails when one file has an error
		rows := csv.NewReader(&stdout)
		rows.Comma = '\t'
		records, err := rows.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[1:] {
			var s seen
			if s.packets, err = strconv.Atoi(r[1]); err != nil {
				t.Fatal(r, err)
			}
			if r[2] != "n/a" {
				s.first, s.last = r[2], r[3]
			}
			all[r[0]] = s
		}
		last := ""
		for line := range strings.Lines(stderr.String()) {
			if m := afterN.FindStringSubmatch(line); m != nil {
				s := all[m[2]]
				s.packets, _ = strconv.Atoi(m[1])
				s.err = line
				all[m[2]] = s
			} else if m := theFile.FindStringSubmatch(line); m != nil {
				s := all[m[1]]
				s.err += line
				all[m[1]] = s
				last = m[1]
			} else if s := all[last]; last != "" && strings.HasPrefix(line, "(") {
				s.err += line
				all[last] = s
			}
		}
		files = files[n:]
	}
	return all
}

// All captures of a folder, given as folders, are merged: nothing is lost, and
// times only fall where they do within one file.
func TestCapturesMerge(t *testing.T) {
	folders := map[string]int{}
	for _, f := range captureFiles(t) {
		folders[filepath.Dir(f)] += ours(f).packets
	}
	var names []string
	for f := range folders {
		names = append(names, f)
	}
	sort.Strings(names)
	for _, f := range names {
		src, err := Open([]string{f}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var b Batch
		for err = src.Next(&b); err == nil; err = src.Next(&b) {
			n += len(b.Packets)
			b.Release()
		}
		if e := (*Error)(nil); err != io.EOF && !errors.As(err, &e) {
			t.Errorf("%s: %v", f, err)
		}
		if n != folders[f] {
			t.Errorf("%s: %d packets merged, %d one by one", f, n, folders[f])
		}
		src.Close()
	}
}
