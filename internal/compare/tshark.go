package compare

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// inOrder are the preferences that are set otherwise than by default, so that
// both sides look at the same: segments that came out of order are put in
// order, as we always do. With it tshark waits to the end for a segment that
// was lost, and shows nothing that comes behind it: streams with a gap are
// taken from a run with all preferences at their defaults.
var inOrder = []string{"tcp.reassemble_out_of_order:TRUE"}

// columns stand before the fields of the protocols.
var columns = []string{"frame.number", "frame.protocols", "tcp.stream", "udp.stream", "_ws.malformed"}

// between parts the values of one field: no text bears it, since tshark
// escapes control characters.
const between = "\x1f"

// theirs is what tshark says of a capture.
type theirs struct {
	values sheet
	frames map[uint64]frame
	// decoded are the streams on which it shows each protocol.
	decoded []map[events.StreamKey]bool
	outside []map[string]int // values outside of what is compared, by protocol and reason
}

// frame is what tshark says of a frame as a whole.
type frame struct {
	path   string // frame.protocols
	stream events.StreamKey
	ok     bool              // it has a stream
	broken bool              // tshark calls something in it malformed
	extra  map[string]string // protocol.extra, the last value of each (of later: all)
}

// runTshark is what tshark says of file. more are further arguments.
func runTshark(ctx context.Context, tshark, file string, ps []*protocol, preferences, more []string) (*theirs, error) {
	// -n: no names for addresses. One pass, as a user of tshark sees it.
	args := []string{"-n", "-r", file}
	for _, p := range preferences {
		args = append(args, "-o", p)
	}
	for _, p := range ps {
		args = append(args, p.args...)
	}
	args = append(args, more...)
	args = append(args, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator="+between)
	for _, c := range columns {
		args = append(args, "-e", c)
	}
	for _, p := range ps {
		for i := range p.fields {
			args = append(args, "-e", p.fields[i].name)
		}
		for _, e := range p.extra {
			args = append(args, "-e", e)
		}
	}
	cmd := exec.CommandContext(ctx, tshark, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	its := newTheirs(ps)
	lines := bufio.NewReaderSize(out, 1<<20)
	for err == nil {
		var line string
		if line, err = lines.ReadString('\n'); line != "" {
			its.line(strings.TrimSuffix(line, "\n"), ps)
		}
	}
	waited := cmd.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// A capture that breaks off ends in an error, after what could be read.
	if e := (*exec.ExitError)(nil); waited != nil && (!errors.As(waited, &e) || len(its.frames) == 0) {
		return nil, fmt.Errorf("tshark: %w: %s", waited, lastLine(stderr.String()))
	}
	return its, nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

func newTheirs(ps []*protocol) *theirs {
	t := &theirs{values: sheet{}, frames: map[uint64]frame{}}
	for range ps {
		t.decoded = append(t.decoded, map[events.StreamKey]bool{})
		t.outside = append(t.outside, map[string]int{})
	}
	return t
}

// take replaces what is said of the frames of some streams by what other says.
func (t *theirs) take(other *theirs, streams map[events.StreamKey]bool) {
	of := func(c cell) bool { f := t.frames[c.frame]; return f.ok && streams[f.stream] }
	maps.DeleteFunc(t.values, func(c cell, _ []string) bool { return of(c) })
	for c, vs := range other.values {
		if of(c) {
			t.values[c] = vs
		}
	}
	for i := range t.decoded {
		for k := range streams {
			t.decoded[i][k] = other.decoded[i][k]
		}
	}
}

// line takes one line of tshark's: a frame.
func (t *theirs) line(line string, ps []*protocol) {
	cols := strings.Split(line, "\t")
	n, err := strconv.ParseUint(cols[0], 10, 64)
	if err != nil {
		return
	}
	at := func(i int) string {
		if i < len(cols) {
			return cols[i]
		}
		return ""
	}
	f := frame{path: at(1), broken: at(4) != ""}
	f.stream, f.ok = innermostStream(f.path, at(2), at(3))
	path := strings.Split(f.path, ":")
	col := len(columns)
	for i, p := range ps {
		shown, outside := false, ""
		if p.outside != nil {
			outside = p.outside(path)
		}
		for j := range p.fields {
			if v := at(col); v != "" {
				vs := p.fields[j].split(v)
				if outside != "" {
					t.outside[i][outside] += len(vs)
				} else {
					shown = shown || !p.fields[j].told
					t.values[cell{n, i, j}] = vs
				}
			}
			col++
		}
		for _, e := range p.extra {
			if v := at(col); v != "" {
				if f.extra == nil {
					f.extra = map[string]string{}
				}
				if e != p.later {
					v = last(v)
				}
				f.extra[e] = v
			}
			col++
		}
		if shown && f.ok {
			t.decoded[i][f.stream] = true
		}
	}
	t.frames[n] = f
}

// split are the values that tshark shows of f in one frame, in our form.
func (f *field) split(v string) []string {
	if f.innermost {
		v = last(v)
	}
	vs := strings.Split(v, between)
	kept := vs[:0]
	for _, v := range vs {
		if f.wire != nil {
			v = f.wire(v)
		}
		if v != "" { // an empty value cannot be told from none
			kept = append(kept, v)
		}
	}
	return kept
}

// last is the last value of a field that may stand in a frame several times.
func last(v string) string { return v[strings.LastIndex(v, between)+1:] }

// innermostStream is the stream of the innermost TCP or UDP of a frame.
func innermostStream(path, tcp, udp string) (k events.StreamKey, ok bool) {
	k.Proto = events.ProtoTCP
	s := tcp
	if strings.LastIndex(path, ":udp") > strings.LastIndex(path, ":tcp") {
		k.Proto, s = events.ProtoUDP, udp
	}
	n, err := strconv.ParseUint(last(s), 10, 32)
	k.Stream = uint32(n)
	return k, err == nil
}
