// Package filter compiles capture filters, in the language of tcpdump
// (pcap-filter(7)), to classic BPF: for the kernel, and for packets that are in
// memory. What it does not know is an error that names the word and its place;
// what it accepts selects the packets that libpcap selects, its oddities
// included. It resolves no names of hosts and reads no files.
package filter

import (
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
)

// Bounds of what is compiled. The kernel takes 4,096 instructions.
const (
	maxExpr  = 64 << 10 // bytes of an expression
	maxDepth = 500      // brackets within brackets
	maxConds = 32 << 10 // conditions, before those that say the same are joined
	maxCode  = 4096     // instructions (BPF_MAXINSNS)
)

// defaultSnaplen is what libpcap takes for "all of it".
const defaultSnaplen = 262144

// Error says what is wrong with an expression, and where.
type Error struct {
	Expr   string
	Offset int    // byte in the expression where Word begins; its length at the end
	Word   string // empty at the end of the expression, and where all of it is meant
	Msg    string
}

func (e *Error) Error() string {
	switch {
	case e.Word == "" && e.Offset == 0: // all of it
		return fmt.Sprintf("filter %q: %s", e.Expr, e.Msg)
	case e.Word == "":
		return fmt.Sprintf("filter %q: at its end: %s", e.Expr, e.Msg)
	}
	return fmt.Sprintf("filter %q: at character %d, %q: %s", e.Expr, e.Offset+1, e.Word, e.Msg)
}

// Program is a compiled filter. It is not changed after Compile, so that any
// number of goroutines may use it. The zero Program matches nothing.
type Program struct {
	raw      []bpf.RawInstruction
	vm       []step
	portable bool // to the kernel: see InKernel
}

// Compile compiles expr for packets of one link type. The program gives snaplen
// for packets to keep, all of them when snaplen is 0 or less. An empty
// expression keeps all packets. Its errors are *Error.
func Compile(expr string, link capture.LinkType, snaplen int) (Program, error) {
	return compile(expr, link, snaplen, false)
}

// CompileSwapped is Compile for captures that a big-endian machine wrote: the
// header of LinkNull is in the byte order of the file.
func CompileSwapped(expr string, link capture.LinkType, snaplen int) (Program, error) {
	return compile(expr, link, snaplen, true)
}

// Check reports what is wrong with an expression before link types are known:
// nil if it can be said of one of them at least.
func Check(expr string) error {
	_, err := Compile(expr, capture.LinkEthernet, 0)
	for _, l := range []capture.LinkType{capture.LinkSLL, capture.LinkSLL2, capture.LinkRaw, capture.LinkPPP} {
		if err == nil {
			return nil
		}
		if _, other := Compile(expr, l, 0); other == nil {
			return nil
		}
	}
	return err
}

func compile(expr string, link capture.LinkType, snaplen int, bigEndian bool) (Program, error) {
	if snaplen <= 0 {
		snaplen = defaultSnaplen
	}
	root, err := parse(expr, link, bigEndian)
	if err != nil {
		return Program{}, err
	}
	nodes, entry := simplify(flatten(root))
	raw := assemble(nodes, entry, uint32(snaplen))
	if len(raw) > maxCode {
		return Program{}, &Error{Expr: shorten(expr), Msg: fmt.Sprintf("it needs %d instructions, and the kernel takes %d; use fewer terms, or ranges and networks", len(raw), maxCode)}
	}
	return Program{raw: raw, vm: load(raw), portable: portable(nodes)}, nil
}

// shorten keeps messages about long expressions readable.
func shorten(expr string) string {
	if len(expr) > 60 {
		return expr[:57] + "…"
	}
	return expr
}

// Raw is the program as the kernel takes it (struct sock_filter, for
// SO_ATTACH_FILTER): not to be changed. See InKernel.
func (p Program) Raw() []bpf.RawInstruction { return p.raw }

// Match reports whether packet is selected. wireLen is its length on the wire,
// which may be more than was captured. A packet too short for what the filter
// must read is not selected, as in libpcap, not even by "not". It allocates
// nothing.
func (p Program) Match(packet []byte, wireLen int) bool {
	return run(p.vm, packet, uint32(wireLen)) != 0
}
