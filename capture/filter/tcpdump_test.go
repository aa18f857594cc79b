package filter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
)

// tcpdumpNames are the names that tcpdump -y has for link types.
var tcpdumpNames = []struct {
	link capture.LinkType
	name string
}{
	{capture.LinkEthernet, "EN10MB"}, {capture.LinkRaw, "RAW"}, {capture.LinkNull, "NULL"}, {capture.LinkLoop, "LOOP"},
	{capture.LinkSLL, "LINUX_SLL"}, {capture.LinkSLL2, "LINUX_SLL2"}, {capture.LinkPPP, "PPP"}, {capture.LinkPPPHDLC, "PPP_SERIAL"},
	{capture.LinkPPPEther, "PPP_ETHER"}, {capture.LinkCHDLC, "C_HDLC"}, {capture.LinkIPv4, "IPV4"}, {capture.LinkIPv6, "IPV6"},
}

// verdict is what tcpdump makes of an expression.
type verdict struct {
	prog []step // nil: it refuses
	says string // why
	none bool   // its optimiser found that no packet can match
}

// askTcpdump compiles with tcpdump -ddd, or without its optimiser.
func askTcpdump(t testing.TB, name, expr string, optimise bool) verdict {
	t.Helper()
	args := []string{"-ddd", "-y", name, "--", expr}
	if !optimise {
		args = append([]string{"-O"}, args...)
	}
	cmd := exec.Command("tcpdump", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		says := strings.TrimSpace(errs.String())
		return verdict{says: says, none: strings.Contains(says, "rejects all packets")}
	}
	var n int
	if _, err := fmt.Fscan(&out, &n); err != nil {
		t.Fatalf("tcpdump -ddd %s %q: %v", name, expr, err)
	}
	raw := make([]bpf.RawInstruction, n)
	for i := range raw {
		if _, err := fmt.Fscan(&out, &raw[i].Op, &raw[i].Jt, &raw[i].Jf, &raw[i].K); err != nil {
			t.Fatalf("tcpdump -ddd %s %q: %v", name, expr, err)
		}
		if raw[i].Op == 0x87 || raw[i].Op == 0x07 || raw[i].Op == 0x84 || raw[i].Op == 0x8c {
			raw[i].K = 0
		}
	}
	return verdict{prog: load(raw)}
}

func needTcpdump(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
}

// tally is what a comparison found.
type tally struct {
	compared, accepted, refused, bothRefuse, none int
	matched                                       int // expressions that selected some packets and left some
	runs                                          int
	cut                                           int // verdicts on packets that are too short for the filter, and where it matters what is read first
	divisor                                       int // expressions refused by libpcap for a division by zero that is none
	differs                                       string
	refusals                                      map[string]int
}

func (c *tally) String() string {
	return fmt.Sprintf("%d expressions on link types: %d compiled by both (%d of them select some packets and leave some), %d that tcpdump says select nothing, refused by both %d, by us only %d; %d verdicts on packets compared, %d differ on packets that are too short for the filter; %d expressions that tcpdump refuses for a division by zero, or a shift too far, that is none",
		c.compared, c.accepted, c.matched, c.none, c.bothRefuse, c.refused, c.runs, c.cut, c.divisor)
}

// endsEarly reports whether a program of tcpdump without its optimiser reads
// beyond the end of p, or divides by zero. Such a packet is not selected; but
// what an optimiser finds needless is not read, and then it may be.
func endsEarly(prog []step, p *pkt) bool {
	told := slices.Clone(prog)
	for i := range told {
		if told[i].op == stepRet {
			told[i].k = 1
		}
	}
	return run(told, p.data, p.wire) == 0
}

// same compares one expression.
func (c *tally) same(t *testing.T, link capture.LinkType, name, expr string, pkts []pkt) {
	t.Helper()
	c.compared++
	ours, err := Compile(expr, link, 0)
	theirs := askTcpdump(t, name, expr, true)
	switch {
	case err != nil && theirs.prog == nil:
		c.bothRefuse++
		return
	case err != nil:
		c.refused++
		if c.refusals == nil {
			c.refusals = map[string]int{}
		}
		why := err.Error()[strings.LastIndex(err.Error(), ": ")+2:]
		c.refusals[why]++
		if os.Getenv("WIRETALE_VERBOSE") == "1" {
			t.Logf("refused by us only: %s %v", name, err)
		}
		return
	case theirs.prog == nil && strings.Contains(theirs.says, "by zero") || strings.Contains(theirs.says, "more than 31 bits"):
		// It takes the first number within a divisor for the divisor: "len / ip[0]".
		c.divisor++
		return
	case theirs.prog == nil && !theirs.none:
		t.Errorf("%s %q: we accept, tcpdump says: %s", name, expr, theirs.says)
		return
	case theirs.none:
		c.none++
	default:
		c.accepted++
	}
	var plain verdict
	yes, bad := 0, 0
	for i := range pkts {
		p := &pkts[i]
		got := ours.Match(p.data, int(p.wire))
		want := !theirs.none && run(theirs.prog, p.data, p.wire) != 0
		c.runs++
		if got {
			yes++
		}
		if got == want {
			continue
		}
		if plain.prog == nil {
			plain = askTcpdump(t, name, expr, false)
		}
		if plain.prog != nil && endsEarly(plain.prog, p) {
			if c.cut++; c.differs != expr && os.Getenv("WIRETALE_VERBOSE") == "1" {
				c.differs = expr
				t.Logf("cut: %s %q: packet of %d bytes of %s: tcpdump %t, we %t", name, expr, len(p.data), p.from, want, got)
			}
			continue
		}
		if bad++; bad <= 3 {
			t.Errorf("%s %q: packet of %d bytes (%d on the wire) of %s: we select it: %t, tcpdump: %t\n% x", name, expr, len(p.data), p.wire, p.from, got, want, p.data[:min(len(p.data), 80)])
		}
	}
	if yes > 0 && yes < len(pkts) {
		c.matched++
	}
}

func (c *tally) report(t *testing.T) {
	t.Helper()
	t.Log(c)
	var whys []string
	for w, n := range c.refusals {
		whys = append(whys, fmt.Sprintf("%4d × %s", n, w))
	}
	slices.Sort(whys)
	for _, w := range whys {
		t.Logf("refused by us only: %s", w)
	}
}

// compareAll compares expressions on Ethernet and on one more link type each,
// or on all.
func compareAll(t *testing.T, exprs []string) *tally {
	t.Helper()
	needTcpdump(t)
	shared := sharedPackets(t)
	all := os.Getenv("WIRETALE_CAPTURES") == "all"
	c := &tally{}
	for i, e := range exprs {
		for j, l := range tcpdumpNames {
			if all || j == 0 || j == 1+i%(len(tcpdumpNames)-1) {
				c.same(t, l.link, l.name, e, shared[l.link])
			}
		}
		if t.Failed() && !all && c.compared > 100 {
			break
		}
	}
	c.report(t)
	return c
}

func TestSelectsWhatTcpdumpSelects(t *testing.T) {
	exprs := handWritten()
	if len(exprs) < 300 {
		t.Errorf("only %d expressions", len(exprs))
	}
	c := compareAll(t, exprs)
	if c.cut > 0 {
		t.Errorf("%d verdicts on packets that are cut short differ", c.cut)
	}
	if c.matched < len(exprs)/3 {
		t.Errorf("only %d of %d comparisons tell packets apart: they show little", c.matched, c.compared)
	}
}

func TestSelectsWhatTcpdumpSelectsGenerated(t *testing.T) {
	n := 300
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		n = 3000
	}
	shared := sharedPackets(t)
	g := newGenerator(7, shared[capture.LinkEthernet])
	var exprs []string
	for range n {
		exprs = append(exprs, g.expression(3))
	}
	c := compareAll(t, exprs)
	if c.cut > c.runs/1000 {
		t.Errorf("%d of %d verdicts differ, on packets that are cut short", c.cut, c.runs)
	}
	if c.matched < n/5 {
		t.Errorf("only %d of %d comparisons tell packets apart: they show little", c.matched, c.compared)
	}
}

// Words in any order: what we accept, tcpdump accepts and understands alike.
func TestAcceptsNoMoreThanTcpdump(t *testing.T) {
	n := 600
	if os.Getenv("WIRETALE_CAPTURES") == "all" {
		n = 20000
	}
	shared := sharedPackets(t)
	g := newGenerator(11, shared[capture.LinkEthernet])
	hand := handWritten()
	needTcpdump(t)
	c := &tally{}
	for i := range n {
		var e string
		if i%2 == 0 {
			e = g.spoil(g.expression(2))
		} else {
			e = g.spoil(hand[g.rng.IntN(len(hand))])
		}
		c.same(t, capture.LinkEthernet, "EN10MB", e, shared[capture.LinkEthernet][:1000])
	}
	c.report(t)
	if c.bothRefuse < n/10 || c.accepted < n/10 {
		t.Errorf("of %d expressions %d are refused and %d accepted by both: they show little", n, c.bothRefuse, c.accepted)
	}
}

// generator makes expressions by the grammar.
type generator struct {
	rng  *rand.Rand
	pkts []pkt
}

func newGenerator(seed uint64, pkts []pkt) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 9)), pkts}
}

func (g *generator) of(s ...string) string { return s[g.rng.IntN(len(s))] }

func (g *generator) num(n int) int { return g.rng.IntN(n) }

// packetBytes are n bytes at off of some Ethernet packet with the type, so
// that filters find something.
func (g *generator) packetBytes(typ uint16, off, n int) []byte {
	for range 300 {
		p := g.pkts[g.num(len(g.pkts))].data
		if len(p) >= off+n && (typ == 0 || uint16(p[12])<<8|uint16(p[13]) == typ) {
			return p[off : off+n]
		}
	}
	return make([]byte, n)
}

func (g *generator) v4() string {
	b := g.packetBytes(etherIP, g.num(2)*4+26, 4)
	return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
}

func (g *generator) v6() string {
	b := g.packetBytes(etherIPv6, g.num(2)*16+22, 16)
	var s []string
	for i := 0; i < 16; i += 2 {
		s = append(s, fmt.Sprintf("%x", int(b[i])<<8|int(b[i+1])))
	}
	return strings.Join(s, ":")
}

func (g *generator) v4net() string {
	b := g.packetBytes(etherIP, g.num(2)*4+26, 4)
	switch g.num(5) {
	case 0:
		return fmt.Sprintf("%d", b[0])
	case 1:
		return fmt.Sprintf("%d.%d", b[0], b[1])
	case 2:
		return fmt.Sprintf("%d.%d.%d", b[0], b[1], b[2])
	case 3:
		return fmt.Sprintf("%d.%d.0.0 mask 255.255.0.0", b[0], b[1])
	}
	bits := g.num(33)
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v &= uint32(uint64(0xffffffff) << (32 - bits))
	return fmt.Sprintf("%d.%d.%d.%d/%d", v>>24, v>>16&255, v>>8&255, v&255, bits)
}

func (g *generator) mac() string {
	b := g.packetBytes(0, g.num(2)*6, 6)
	return fmt.Sprintf(g.of("%02x:%02x:%02x:%02x:%02x:%02x", "%x:%x:%x:%x:%x:%x", "%02x-%02x-%02x-%02x-%02x-%02x", "%02x%02x.%02x%02x.%02x%02x"), b[0], b[1], b[2], b[3], b[4], b[5])
}

func (g *generator) portNumber() string {
	if g.num(3) == 0 {
		b := g.packetBytes(etherIP, 34+2*g.num(2), 2)
		return fmt.Sprint(int(b[0])<<8 | int(b[1]))
	}
	return g.of("53", "80", "443", "25", "110", "143", "21", "6881", "0", "65535", "0x35", "http", "domain", "ssh", "ftp-data", "ntp")
}

func (g *generator) dir() string {
	return g.of("", "", "", "src ", "dst ", "src or dst ", "src and dst ", "dst or src ")
}

// expression is terms joined, at most depth brackets deep.
func (g *generator) expression(depth int) string {
	e := g.term(depth)
	for range g.num(3) {
		e += g.of(" and ", " or ", " && ", " || ", " and not ", " or !") + g.term(depth)
	}
	return e
}

func (g *generator) term(depth int) string {
	switch g.num(17) {
	case 0, 1:
		if depth > 0 {
			return g.of("", "not ", "! ") + "(" + g.expression(depth-1) + ")"
		}
	case 2:
		return g.of("tcp", "udp", "ip", "ip6", "arp", "icmp", "icmp6", "sctp", "rarp", "igmp", "pim", "ah", "esp", "vrrp", "stp", "ipx", "atalk", "aarp", "iso", "isis", "netbeui", "decnet", "pppoed")
	case 3, 4:
		s := g.of("", "", "tcp ", "udp ", "sctp ") + g.dir() + "port " + g.portNumber()
		for range g.num(3) {
			s += g.of(" or ", " or ", " and ", " or not ") + g.portNumber()
		}
		return s
	case 5:
		return g.of("", "tcp ", "udp ") + g.dir() + "portrange " + g.of("1-1023", "0-65535", "5-5", "1024-2048", "50-90", "90-50", "http-443", "53")
	case 6:
		s := g.of("", "", "ip ", "arp ") + g.dir() + "host " + g.v4()
		for range g.num(3) {
			s += g.of(" or ", " and ", " or not ") + g.v4()
		}
		return s
	case 7:
		return g.of("", "ip ", "arp ", "rarp ") + g.dir() + "net " + g.v4net()
	case 8:
		a := g.v6()
		return g.of("", "ip6 ") + g.dir() + g.of("host "+a, "net "+a, "net "+a[:strings.Index(a, ":")]+"::/16")
	case 9:
		return "ether " + g.of("host ", "src ", "dst ", "src and dst ", "src host ") + g.mac()
	case 10:
		return g.of("broadcast", "multicast", "ether broadcast", "ip broadcast", "ip multicast", "ip6 multicast", "inbound", "outbound")
	case 11:
		return g.of("less ", "greater ") + fmt.Sprint(g.num(200))
	case 12:
		return g.of("ip proto ", "ip6 proto ", "proto ", "ether proto ") + g.of("6", "17", "1", "58", `\tcp`, `\udp`, "0x800", "0x86dd", "44", "0", "66", "1500", "1501")
	case 13:
		return g.of("vlan", fmt.Sprintf("vlan %d", g.num(300)), "mpls", fmt.Sprintf("mpls %d", 16+g.num(20)), "pppoes", fmt.Sprintf("pppoes %d", g.num(20)), "vlan and vlan")
	}
	return g.value(2) + g.of(" = ", " == ", " != ", " < ", " <= ", " > ", " >= ", "=", ">") + g.value(g.num(2))
}

// value is a calculation.
func (g *generator) value(depth int) string {
	switch g.num(7) {
	case 0:
		return fmt.Sprint(g.num(300))
	case 1:
		return g.of("len", "0x1f", "tcp-syn", "(tcp-syn|tcp-ack)", "0", "1", "2", "0xffffffff", "(4)", "-1", "010", "icmp-echo")
	case 2, 3:
		if depth > 0 {
			return g.value(depth-1) + g.of(" + ", " - ", " * ", " / ", " % ", " & ", " | ", " ^ ", " << ", " >> ", " & ", " & ") + g.value(depth-1)
		}
	case 4:
		if depth > 0 {
			return g.of("(", "-(", "(") + "len + " + g.value(depth-1) + ")"
		}
	}
	index := fmt.Sprint(g.num(30))
	if depth > 0 && g.num(4) == 0 {
		index = g.value(depth - 1)
	}
	return g.of("ip", "tcp", "udp", "ether", "icmp", "ip6", "arp", "icmp6", "link", "sctp", "igmp") + "[" +
		g.of(index, index, "tcpflags", "icmptype", index+":1", index+":2", index+":4") + "]"
}

// spoil moves, drops, doubles or puts in words.
func (g *generator) spoil(e string) string {
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ", "[", " [ ", "]", " ] ").Replace(e))
	for range 1 + g.num(3) {
		if len(words) == 0 {
			break
		}
		i, j := g.num(len(words)), g.num(len(words))
		switch g.num(5) {
		case 0:
			words = slices.Delete(words, i, i+1)
		case 1:
			words = slices.Insert(words, j, words[i])
		case 2:
			words[i], words[j] = words[j], words[i]
		case 3:
			words = slices.Insert(words, j, g.of("not", "and", "or", "(", ")", "80", "1.2.3.4", "port", "host", "src", "tcp", "ip", "proto", "net", "/", "24",
				"mask", "ether", "len", "=", "+", "-", "::1", "1:2:3:4:5:6", "vlan", "mpls", "5", "8", "0x", "less", "[", "]", ":", "!", "&", "portrange", "6-8"))
		case 4:
			if i+1 < len(words) {
				words = slices.Replace(words, i, i+2, words[i]+words[i+1])
			}
		}
	}
	return strings.Join(words, " ")
}
