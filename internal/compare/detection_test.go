package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// same are tshark's names of the protocols that we know, and ours.
var same = map[string][]string{
	"dns": {"dns"}, "mdns": {"dns"}, "llmnr": {"dns"},
	"http": {"http1"}, "http2": {"http2"}, "websocket": {"websocket"},
	"tls": {"tls"}, "quic": {"quic"}, "gquic": {"quic"}, "dtls": {"dtls"}, "ssh": {"ssh"}, "wg": {"wireguard"},
	"smtp": {"smtp"}, "pop": {"pop3"}, "imap": {"imap"},
	"ftp": {"ftp"}, "ftp-data": {"ftp-data"},
	"bittorrent": {"bittorrent"}, "bt-dht": {"dht", "lsd"}, "lsd": {"lsd"}, "bt-utp": {"utp"}, "bt-tracker": {"udptracker"},
}

// tshark calls these flows something else than we do, and is wrong: it goes by
// a port, of either side.
var disputed = []struct{ ours, capture string }{
	{"http1", "c05-http-reply-r1.pcap.gz"}, // HTTP on port 8000, from a client whose port is some protocol's, each time another
	{"bittorrent", "BitTorrent.Transfer1.cap"},
	{"dht", "mka-windows-xp-tracert.pcap"},
}

// unfound are captures in which tshark names one of our protocols on a flow on
// which we do not, by the reason.
var unfound = []struct {
	why      string
	captures []string
}{
	{"quoted in an ICMP error: not sent on this flow", []string{"GIF__network_capture.pcap", "attachment_SLL_Simple.pcap", "pcap__icmp6.pcap"}},
	{"inside netlink, NFLOG or compressed IP, which is not read", []string{"netlink.pcap", "netlink-conntrack.pcap", "netlink-nflog.pcap", "AH-IPcomp"}},
	{"made to test other layers: filler on a known port", []string{"parsing__geneve__", "parsing__vxlan__", "parsing__gtpu__", "parsing__udp__", "pcap_flow_lab_showcase.pcap"}},
	{"joined midway, and encrypted", []string{"PSIG-MUX.pcap", "SMLC-Calflow", "hari.pcap", "ospf-md5.cap", "SampleCaptures__out.cap", "sample.cap", "SampleCaptures__tunnel.pcap",
		"video_multicast.cap.gz", "emix.pcap tcp 490 ", "kday3.pcap", "mptcp-v0.pcap", "sflow_expanded.pcap"}},
	{"joined in the midst of a body, or of a record", []string{"FTPv6-1.cap", "FTPv6-2.cap", "Manolito2.cap", "MicrosoftNTP(2).cap", "Sanaullah.pcap tcp 0 ", "capture2.pcap tcp 121 ", "capture2.pcap tcp 123 ", "capture2.pcap tcp 131 ", "corner-cases.pcap", "standalone_cert.pcap"}},
	{"one byte, zero, again and again: TCP's keep-alive", []string{"capture2.pcap", "tls_sgt.pcap", "dof-small-device.pcapng", "dof-short-capture.pcapng"}},
	{"behind SOCKS, which is not read", []string{"socks", "emix.pcap tcp 104 ", "emix.pcap tcp 106 ", "emix.pcap tcp 108 ", "emix.pcap tcp 112 "}},
	{"TLS behind the words of a protocol that is not read", []string{"pcp_ssl_creds.pcap", "OpenVPN_", "openvpn_tcp", "emix.pcap tcp 489 ", "jxta-sample.pcap", "http_10_connection_close.pcap",
		"adb_synthetic.pcap", "ldap-ssl.pcap", "mysql-tls.pcap", "win2k19-joined.cap", "TSRemoteGuardCreds.cap"}},
	{"by port alone, and something else", []string{"mongo", "nfs-write-verf-cookie.pcapng", "irc-cap-req.pcap", "surfshark.pcap", "someip1.pcap", "Sanaullah.pcap udp 50 ", "dns-badlabel.pcap", "dns_fwdptr.pcap",
		"rtp-seg-fault-1.pcapng", "hardware_dups.dmp.gz", "smtp-decrypted.pcap"}},
	{"by shape, and something else: PANA", []string{"pana.cap"}},
	{"decrypted, with the keys that the file holds", []string{"pcapng-example.pcapng"}},
	{"tshark calls the preface of HTTP/2 HTTP, too", []string{"http2-nghttp2.pcap"}},
	{"the link type is wrong", []string{"LINKTYPE_IPV4_invalid.pcap"}},
	{"several packets in one frame", []string{"TCP - File Downloads"}},
	{"no conversations of TCP", []string{"Mixed1.cap"}},
}

// heard are the protocols that one side finds on each stream.
type heard map[events.StreamKey]map[string]uint64 // name → first frame

// carried stands for a protocol inside another one: tshark shows it elsewhere,
// or not at all.
const carried = math.MaxUint64

func (h heard) add(k events.StreamKey, name string, frame uint64) {
	if h[k] == nil {
		h[k] = map[string]uint64{}
	}
	if f, ok := h[k][name]; !ok || frame < f {
		h[k][name] = frame
	}
}

// pair is one stream that both sides call something else.
type pair struct{ ours, theirs string }

// TestDetection: where we say which protocol speaks, tshark says so, too, or
// docs/detection.md says why not; and what tshark finds we find.
func TestDetection(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	files := detectionFiles(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	pairs := map[pair][]string{}
	agreed := map[string]int{}
	for range 2 {
		wg.Go(func() {
			for file := range next {
				mine, its, err := whoSpeaks(t.Context(), tshark, file)
				if err != nil {
					if !errors.Is(err, capture.ErrFormat) {
						t.Logf("%s: %v", file, err)
					}
					continue
				}
				mu.Lock()
				confront(strings.TrimPrefix(file, shared+"/"), mine, its, pairs, agreed)
				mu.Unlock()
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
	for _, name := range slices.Sorted(maps.Keys(agreed)) {
		t.Logf("both: %-12s %6d streams", name, agreed[name])
	}
	keys := slices.SortedFunc(maps.Keys(pairs), func(a, b pair) int { return strings.Compare(a.ours+" "+a.theirs, b.ours+" "+b.theirs) })
	why := map[string]int{}
	for _, p := range keys {
		slices.Sort(pairs[p])
		for _, where := range pairs[p] {
			switch reason := explain(p, where); reason {
			case "":
				t.Errorf("we %q, tshark %q: %s", p.ours, p.theirs, where)
			default:
				why[reason]++
			}
			if testing.Verbose() {
				t.Logf("we %q, tshark %q: %s", p.ours, p.theirs, where)
			}
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		t.Logf("%4d: %s", why[reason], reason)
	}
}

// explain says why we are right where both sides differ on a flow; "" where
// nobody looked.
func explain(p pair, where string) string {
	if !strings.HasPrefix(p.ours, "-") {
		if p.theirs == "" {
			return "found by us alone: " + p.ours
		}
		for _, x := range disputed {
			if x.ours == p.ours && strings.Contains(where, x.capture+" ") {
				return "tshark names another protocol by its port: " + p.ours
			}
		}
		return ""
	}
	for _, x := range unfound {
		if slices.ContainsFunc(x.captures, func(c string) bool { return strings.Contains(where, c) }) {
			return "found by tshark alone: " + x.why
		}
	}
	return ""
}

// detectionFiles are every tenth capture, all with WIRETALE_CAPTURES=all.
func detectionFiles(t *testing.T) []string {
	files, err := filepath.Glob(filepath.Join(shared, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared captures are not here")
	}
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		return files
	}
	var some []string
	for i := 0; i < len(files); i += 10 {
		some = append(some, files[i])
	}
	return some
}

// whoSpeaks is what both sides find on the streams of a capture.
func whoSpeaks(ctx context.Context, tshark, file string) (mine, its heard, err error) {
	mine, its = heard{}, heard{}
	type told struct {
		stream   events.StreamKey
		protocol string
		frame    uint64
		inside   bool
	}
	var all []told
	opened := map[events.StreamKey]uint64{} // the frame that opened each stream
	c := pipeline.Config{Paths: []string{file}, Workers: 1, Limits: events.DefaultLimits(),
		Want: events.SetOf(events.KindFlowStart, events.KindFlowDetected, events.KindFlowEnd)}
	c.Events = func(evs []*events.Event) error {
		for _, e := range evs {
			switch x := e.Body.(type) {
			case *events.FlowStart:
				if opened[e.Key()] == 0 {
					opened[e.Key()] = e.Pos.Frame
				}
			case *events.FlowDetected:
				all = append(all, told{e.Key(), x.Protocol, e.Pos.Frame, strings.Count(e.Layer, "/") > 1})
			}
		}
		return nil
	}
	if _, err := pipeline.Run(ctx, c); err != nil {
		if e := (*capture.Error)(nil); !errors.As(err, &e) || errors.Is(err, capture.ErrFormat) {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				return nil, nil, err
			}
		}
	}
	theirs, err := runTshark(ctx, tshark, file, []*protocol{{args: []string{"--enable-heuristic", "bt_utp_udp"}}}, inOrder, nil)
	if err != nil {
		return nil, nil, err
	}
	// The frame says which stream it is: numbers differ where one side sees a
	// tunnel, or a quoted packet, that the other does not.
	for _, x := range all {
		if f := theirs.frames[opened[x.stream]]; f.ok && f.stream.Proto == x.stream.Proto {
			mine.add(f.stream, x.protocol, x.frame)
			if x.inside {
				mine[f.stream][x.protocol] = carried
			}
		}
	}
	for n, f := range theirs.frames {
		if !f.ok {
			continue
		}
		path := strings.Split(f.path, ":")
		at := max(slices.Index(path, "tcp"), slices.Index(path, "udp"))
		for i, p := range path {
			if p == "tcp" || p == "udp" {
				at = i
			}
		}
		for i, p := range path[at+1:] {
			if _, ok := same[p]; ok || i == 0 && p != "data" {
				its.add(f.stream, p, n)
			}
		}
	}
	return mine, its, nil
}

// confront counts what both say of the streams of a capture.
func confront(file string, mine, its heard, pairs map[pair][]string, agreed map[string]int) {
	keys := map[events.StreamKey]bool{}
	for k := range mine {
		keys[k] = true
	}
	for k := range its {
		keys[k] = true
	}
	for k := range keys {
		var claimed, missed []string
		for _, p := range slices.Sorted(maps.Keys(mine[k])) {
			if slices.ContainsFunc(slices.Collect(maps.Keys(its[k])), func(q string) bool { return slices.Contains(same[q], p) }) {
				agreed[p]++
			} else if mine[k][p] != carried {
				claimed = append(claimed, p)
			}
		}
		for _, q := range slices.Sorted(maps.Keys(its[k])) {
			if len(same[q]) > 0 && !slices.ContainsFunc(same[q], func(p string) bool { _, ok := mine[k][p]; return ok }) {
				missed = append(missed, q)
			}
		}
		others := slices.Sorted(maps.Keys(its[k]))
		ours := slices.Sorted(maps.Keys(mine[k]))
		for _, p := range claimed {
			x := pair{p, strings.Join(others, "+")}
			pairs[x] = append(pairs[x], fmt.Sprintf("%s %s %d frame %d", file, events.TransportName(k.Proto), k.Stream, mine[k][p]))
		}
		for _, q := range missed {
			x := pair{"-" + strings.Join(ours, "+"), q}
			pairs[x] = append(pairs[x], fmt.Sprintf("%s %s %d frame %d", file, events.TransportName(k.Proto), k.Stream, its[k][q]))
		}
	}
}
