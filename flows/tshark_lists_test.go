package flows

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// made is a reason why tshark's stream numbers of some captures are not
// those of the packets: a dissector that makes conversations of its own.
// Each takes a number, so that later streams are numbered higher.
type made struct {
	without  []string // protocols that, disabled, give tshark our numbers: the proof
	why      string
	captures []string
}

var madeByDissectors = []made{
	{[]string{"snmp"}, "SNMP makes a conversation with any port of the agent's for a request, and the answer another", []string{
		"ajbanjara_Wireshark/SampleCaptures__PSIG-MUX.pcap",
		"ajbanjara_Wireshark/SampleCaptures__Sanaullah.pcap",
		"ajbanjara_Wireshark/SampleCaptures__dof-short-capture.pcapng",
		"ajbanjara_Wireshark/SampleCaptures__dof-small-device.pcapng",
		"ajbanjara_Wireshark/SampleCaptures__kev",
		"ajbanjara_Wireshark/SampleCaptures__mgove413_3_5_10.pcap",
		"ajbanjara_Wireshark/SampleCaptures__monitoreo-trafico.pcap",
		"ajbanjara_Wireshark/SampleCaptures__new.pcap",
		"ajbanjara_Wireshark/SampleCaptures__sat.pcap",
		"ajbanjara_Wireshark/SampleCaptures__teste_00002_20090219090250.pcap",
		"ajbanjara_Wireshark/SampleCaptures__testte.pcap",
		"cisco_mercury/test__data__new-stats-telemetry-test.pcap",
	}},
	{[]string{"sip"}, "SDP in SIP makes conversations for the RTP and RTCP that it announces, without the peer's port", []string{
		"ajbanjara_Wireshark/SampleCaptures__LtoZ_rtpFilter_fail_2.pcap",
		"ajbanjara_Wireshark/SampleCaptures__nb6-telephone.pcap",
		"arkime_arkime/tests__pcap__gtp-iphone.pcap",
	}},
	{[]string{"sip", "snmp"}, "SDP and SNMP, as above", []string{
		"odedshimon_BruteShark/Pcap_Examples__Voip Calls (SIP, RTP)__SIP_CALL_RTP_G711.pcap",
	}},
	{[]string{"skinny"}, "Skinny makes a conversation for the RTP that it announces", []string{
		"ajbanjara_Wireshark/SampleCaptures__jul23-fastbusy-at-ccm-when-flex-oh-hook_1.pcap",
	}},
	{[]string{"asphodel"}, "Asphodel makes a conversation with any peer of the inquirer", []string{
		"ajbanjara_Wireshark/SampleCaptures__Asphodel_WMRTCP5135.pcapng",
	}},
	{[]string{"hart_ip"}, "HART-IP makes a conversation with any port for an initiation", []string{
		"ajbanjara_Wireshark/SampleCaptures__hart_ip.pcap",
	}},
	{[]string{"socks"}, "SOCKS makes a conversation for the connection that the proxy is asked for", []string{
		"arkime_arkime/tests__pcap__socks-http-example.pcap",
		"arkime_arkime/tests__pcap__socks-https-example.pcap",
		"cisco_mercury/unit_tests__pcaps__emix.pcap",
		"cisco_mercury/unit_tests__pcaps__socks4_5.pcap",
	}},
	{[]string{"sflow"}, "sFlow dissects sampled headers of other packets, each of which takes part in a conversation", []string{
		"odedshimon_BruteShark/Pcap_Examples__PCAPNG Examples__TCP - File Downloads.pcapng",
		"odedshimon_BruteShark/Pcap_Examples__PCAPNG Examples__TCP - Network.pcapng",
		"odedshimon_BruteShark/Pcap_Examples__TCP - File Downloads.pcap",
		"odedshimon_BruteShark/Pcap_Examples__TCP - Network.pcap",
	}},
}

// madeByDissector is the reason of one capture; nil: none.
func madeByDissector(name string) *made {
	for i := range madeByDissectors {
		for _, c := range madeByDissectors[i].captures {
			if c == name {
				return &madeByDissectors[i]
			}
		}
	}
	return nil
}

// noTruth are captures in which marks mean nothing, and why.
var noTruth = map[string]string{
	"ajbanjara_Wireshark/SampleCaptures__Mixed1.cap":                 mangled,
	"ajbanjara_Wireshark/SampleCaptures__mDNS1.zip.d__DAAP-mDNS.CAP": mangled,
	"ajbanjara_Wireshark/SampleCaptures__mDNS1.zip.d__More-mDNS.cap": mangled,
	"cisco_mercury/unit_tests__pcaps__capture2.pcap":                 mirrored,
	"cisco_mercury/unit_tests__pcaps__dns_packet.capture2.pcap":      mirrored,
}

const (
	mangled  = "packets rebuilt from a log: sequence number 0 at first, then in the wrong byte order"
	mirrored = "each answer twice: before and after a firewall that changes sequence numbers"
)

// TestStreamsWithoutDissectors proves the reasons: tshark numbers the streams
// of those captures as we do, in every frame, once the dissector that makes
// conversations is disabled.
func TestStreamsWithoutDissectors(t *testing.T) {
	if testing.Short() {
		t.Skip("runs tshark: not in -short")
	}
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	root := filepath.Join("..", "..", "shared", "captures")
	all := os.Getenv("WIRETALE_CAPTURES") == "all"
	for _, m := range madeByDissectors {
		var more []string
		for _, p := range m.without {
			more = append(more, "--disable-protocol", p)
		}
		for i, name := range m.captures {
			if i > 0 && !all {
				break // one for each reason
			}
			file := filepath.Join(root, filepath.FromSlash(name))
			if _, err := os.Stat(file); err != nil {
				t.Skip("the shared captures are not here:", err)
			}
			theirs, err := tsharkFrames(file, more...)
			if err != nil {
				t.Errorf("%s: tshark: %v", name, err)
				continue
			}
			x, err := ownFrames(file)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for n := range x.other {
				delete(theirs, n)
			}
			per, first := compareFrames(x.frames, theirs)
			for _, f := range compared[:2] {
				if c := per[f]; c.ours+c.theirs > 0 {
					t.Errorf("%s without %v: %s: %d frames agree, %d do not: %s", name, m.without, f, c.both, max(c.ours, c.theirs), first[0])
				}
			}
			if per["tcp.stream"].both+per["udp.stream"].both == 0 {
				t.Errorf("%s: nothing was compared", name)
			}
		}
	}
}
