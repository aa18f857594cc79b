package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	xbpf "golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
)

// udpPacket is a UDP packet in IPv4 in Ethernet, 10.0.0.1 to 10.0.0.2.
func udpPacket(src, dst int) []byte {
	p := make([]byte, 60)
	p[12], p[13] = 8, 0
	ip := p[14:]
	ip[0], ip[3], ip[8], ip[9] = 0x45, 46, 64, 17
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	ip[20], ip[21], ip[22], ip[23] = byte(src>>8), byte(src), byte(dst>>8), byte(dst)
	return p
}

func TestSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct{ expr, word, says string }{
		{"tcp prt 80", "prt", "a word is missing"},
		{"foo", "foo", "no such word"},
		{"tcp prt 80", "prt", "did you mean port?"},
		{"udp or protn 6", "protn", "did you mean proto?"},
		{"hots 1.2.3.4", "hots", "did you mean host?"},
		{"http", "http", "write: port http"},
		{"ip.addr == 1.2.3.4", "ip.addr", "Wireshark"},
		{"port 80,443", ",", "or: port 80 or 443"},
		{"net 10/8", "10", "10.0.0.0/8"},
		{"TCP", "TCP", "small letters: tcp"},
		{"host example.com", "example.com", "not looked up"},
		{"net mynet", "mynet", "not looked up"},
		{"net \\10.0.0.1", `\10.0.0.1`, "not looked up"},
		{"port htp", "htp", "no port of the name"},
		{"udp port http", "http", "not one of udp"},
		{"port 70000", "70000", "65535"},
		{"tcp and 80", "80", "no words before it"},
		{"(port 80) or 443", "443", "no words before it"},
		{"1.2.3.4", "1.2.3.4", "a word before it"},
		{"80", "80", "a word before it"},
		{"host 1.2.3.400", "1.2.3.400", "255"},
		{"net 1.2.3.4/24", "1.2.3.4", "the network is 1.2.3.0"},
		{"net 1.2.3.0/33", "33", "up to 32"},
		{"net 2001:db8::1/32", "2001:db8::1", "the network is 2001:db8::"},
		{"host 1.2.3.0/24", "1.2.3.0", "write net"},
		{"tcp host 1.2.3.4", "1.2.3.4", "no addresses"},
		{"ip host ::1", "::1", "IPv4"},
		{"host 0:1:2:3:4:5", "0:1:2:3:4:5", "ether host"},
		{"ether host 1.2.3.4", "1.2.3.4", "hardware address"},
		{"ip proto tcp", "tcp", `proto \tcp`},
		{"ip proto \\foo", `\foo`, "no protocol"},
		{"ip port 80", "80", "no ports"},
		{"tcp[13 & 2 != 0", "[", "nothing closes"},
		{"tcp[13)] = 0", ")", "does not close"},
		{"(tcp", "(", "nothing closes"},
		{"tcp)", ")", "nothing opens"},
		{"tcp[0:3] = 0", "3", "1, 2 or 4"},
		{"tcp[13]", "", "is missing"},
		{"len-4 > 5", "len-4", "blanks"},
		{"len > 4294967296", "4294967296", "32 bits"},
		{"port 08", "08", "octal"},
		{"ip[0] / 0 = 1", "/", "zero"},
		{"ip[0] << 32 = 1", "<<", "31 bits"},
		{"len = 5 = 6", "=", "not expected"},
		{"tcp tcp", "tcp", "joined"},
		{"tcp and", "", "missing"},
		{"port", "", "missing"},
		{"vlan 4096", "4096", "4095"},
		{"mpls and vlan", "vlan", "behind mpls"},
		{"mpls and arp", "arp", "only IPv4 and IPv6"},
		{"inbound", "inbound", "direction"},
		{"gateway foo", "gateway", "host names"},
		{"ip protochain 6", "protochain", "loop"},
		{"geneve", "geneve", "not supported"},
		{"type mgt", "type", "802.11"},
		{"tcp; udp", ";", "character"},
		{"tcp é udp", "é", "character"},
		{"portrange 5-foo", "5-foo", "no port"},
		{"ether", "ether", "nothing by itself"},
		{"radio", "radio", "radio"},
		{"l1", "l1", "IS-IS"},
		{"src proto 6", "proto", "direction"},
		{"port 80 or (90 or tcp)", "tcp", "names, addresses and numbers"},
	} {
		_, err := Compile(c.expr, capture.LinkEthernet, 0)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v, want an *Error", c.expr, err)
			continue
		}
		if e.Word != c.word || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%q: the word %q: %s; want %q: … %s …", c.expr, e.Word, e.Msg, c.word, c.says)
		}
		if !strings.HasPrefix(c.expr[e.Offset:], e.Word) {
			t.Errorf("%q: %q is not at %d", c.expr, e.Word, e.Offset)
		}
	}
}

// Of link types whose headers are not known there are only lengths.
func TestUnknownLinkTypes(t *testing.T) {
	for _, e := range handWritten() {
		p, err := Compile(e, capture.Link80211, 0)
		if err == nil {
			for _, r := range p.Raw() {
				switch r.Op {
				case opLdW, opLdH, opLdB, opLdIW, opLdIH, opLdIB, opLdxMsh:
					t.Errorf("%q: reads the packet", e)
				}
			}
		} else if e == "tcp" && !strings.Contains(err.Error(), "802.11") {
			t.Errorf("%v: want the name of the link type", err)
		}
	}
	p, err := Compile("len > 5", capture.Link80211, 0)
	if err != nil || p.Match(nil, 5) || !p.Match(nil, 6) {
		t.Errorf("len > 5: %v", err)
	}
}

func TestEmptyExpressionKeepsAll(t *testing.T) {
	for _, e := range []string{"", " \t\n"} {
		p, err := Compile(e, capture.LinkEthernet, 96)
		if err != nil || !p.Match(nil, 0) {
			t.Errorf("%q: %v, %t", e, err, p.Match(nil, 0))
		}
		if r := p.Raw(); len(r) != 1 || r[0].K != 96 {
			t.Errorf("%q: %v: want one return of 96", e, r)
		}
	}
	if (Program{}).Match([]byte("any"), 3) {
		t.Error("the zero Program selects something")
	}
}

// What the program for the kernel says, the machine of another maker says, too.
func TestMatchAgreesWithAnotherMachine(t *testing.T) {
	pkts := sharedPackets(t)[capture.LinkEthernet]
	compared := 0
	for i, e := range handWritten() {
		p, err := Compile(e, capture.LinkEthernet, 0)
		if err != nil {
			continue
		}
		if strings.Contains(e, "len") || strings.Contains(e, "less") || strings.Contains(e, "greater") {
			continue // it knows the captured length only
		}
		var prog []xbpf.Instruction
		for _, r := range p.Raw() {
			prog = append(prog, r.Disassemble())
		}
		vm, err := xbpf.NewVM(prog)
		if err != nil {
			t.Errorf("%q: %v", e, err)
			continue
		}
		for j := i % 7; j < len(pkts); j += 7 {
			n, err := vm.Run(pkts[j].data)
			if err != nil {
				t.Fatalf("%q: %v", e, err)
			}
			if got := p.Match(pkts[j].data, int(pkts[j].wire)); got != (n > 0) {
				t.Errorf("%q: packet of %d bytes: Match %t, the other %d", e, len(pkts[j].data), got, n)
				break
			}
			compared++
		}
	}
	if compared < 100000 {
		t.Errorf("only %d comparisons", compared)
	}
}

// A big-endian machine writes the family of LinkNull the other way round.
func TestSwappedNull(t *testing.T) {
	little, big := []byte{2, 0, 0, 0, 0x45}, []byte{0, 0, 0, 2, 0x45}
	p, err := Compile("ip", capture.LinkNull, 0)
	if err != nil || !p.Match(little, 5) || p.Match(big, 5) {
		t.Errorf("%v: little-endian: %t %t", err, p.Match(little, 5), p.Match(big, 5))
	}
	if p, err = CompileSwapped("ip", capture.LinkNull, 0); err != nil || p.Match(little, 5) || !p.Match(big, 5) {
		t.Errorf("%v: big-endian: %t %t", err, p.Match(little, 5), p.Match(big, 5))
	}
}

func TestTooLargeIsAnError(t *testing.T) {
	e := "port 0"
	for i := range 3000 {
		e += fmt.Sprint(" or ", i*7)
	}
	for _, e := range []string{
		e, strings.Repeat("(", 2000) + "tcp" + strings.Repeat(")", 2000), strings.Repeat("not ", 10000) + "tcp",
		"tcp" + strings.Repeat(" and tcp", 40000/8*9), strings.Repeat("-", 9000) + "5 > len", strings.Repeat("x", maxExpr+1),
		"ip[" + strings.Repeat("ip[", 700) + "0" + strings.Repeat("]", 700) + "] = 0",
	} {
		p, err := Compile(e, capture.LinkEthernet, 0)
		if err == nil {
			t.Errorf("%.30q…: %d instructions, want an error", e, len(p.Raw()))
		} else if len(err.Error()) > 500 {
			t.Errorf("%.30q…: a message of %d bytes", e, len(err.Error()))
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	p, err := Compile("tcp port 80 or udp port 53 or tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420", capture.LinkEthernet, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkt := udpPacket(1234, 53)
	if n := testing.AllocsPerRun(100, func() {
		if !p.Match(pkt, len(pkt)) {
			t.Fatal("not selected")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCompile(f *testing.F) {
	for _, e := range handWritten() {
		f.Add(e, byte(1))
	}
	links := []capture.LinkType{capture.LinkEthernet, capture.LinkRaw, capture.LinkNull, capture.LinkSLL, capture.LinkSLL2, capture.LinkPPP,
		capture.LinkPPPHDLC, capture.LinkPPPEther, capture.LinkCHDLC, capture.LinkIPv4, capture.LinkIPv6, capture.LinkLoop, capture.Link80211}
	pkt := udpPacket(53, 80)
	f.Fuzz(func(t *testing.T, expr string, link byte) {
		l := links[int(link)%len(links)]
		p, err := Compile(expr, l, 0)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is no *Error", err)
			}
			if e.Offset < 0 || e.Offset+len(e.Word) > len(expr) {
				t.Fatalf("%v: outside of the expression", err)
			}
			return
		}
		if len(p.Raw()) > maxCode {
			t.Fatalf("%d instructions", len(p.Raw()))
		}
		for i, r := range p.Raw() { // what the kernel checks
			far := 0
			switch {
			case r.Op == opJa:
				far = int(r.K)
			case r.Op&7 == opJa:
				far = int(max(r.Jt, r.Jf))
			}
			if i+1+far >= len(p.Raw()) && r.Op != opRet {
				t.Fatalf("%q: instruction %d leads out of the program", expr, i)
			}
		}
		for n := 0; n <= len(pkt); n += 3 {
			p.Match(pkt[:n], len(pkt))
		}
		p.InKernel()
	})
}

func BenchmarkMatch(b *testing.B) {
	pkts := sharedPackets(b)[capture.LinkEthernet]
	for _, e := range []string{"tcp", "port 53", "host 10.0.0.1 and tcp port 80", "not port 22", "tcp[tcpflags] & tcp-syn != 0"} {
		p, err := Compile(e, capture.LinkEthernet, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.ReplaceAll(e, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d := &pkts[i%len(pkts)]
				p.Match(d.data, int(d.wire))
			}
		})
	}
}

// The machine of x/net, for comparison.
func BenchmarkOtherMachine(b *testing.B) {
	pkts := sharedPackets(b)[capture.LinkEthernet]
	p, err := Compile("host 10.0.0.1 and tcp port 80", capture.LinkEthernet, 0)
	if err != nil {
		b.Fatal(err)
	}
	var prog []xbpf.Instruction
	for _, r := range p.Raw() {
		prog = append(prog, r.Disassemble())
	}
	vm, err := xbpf.NewVM(prog)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		vm.Run(pkts[i%len(pkts)].data)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile("host 10.0.0.1 and (tcp port 80 or 443) and not net 192.168.0.0/16", capture.LinkEthernet, 0); err != nil {
			b.Fatal(err)
		}
	}
}
