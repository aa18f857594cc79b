package extract_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/extract"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// shared are captures that others made, next to the repository.
const shared = "../../../shared/captures"

// protocols are those of tshark's --export-objects.
var protocols = []string{"http", "imf", "ftp-data"}

// object is one exported object, of either side.
type object struct {
	protocol string
	name     string // in the form of plain
	bytes    []byte
	sum      string
	frame    uint64 // of the packet that completed it; 0: not known
	complete bool   // always, of tshark's: it does not say
	told     string // for a person
}

// count is what became of the objects of one protocol.
type count struct {
	theirs, ours, incomplete int // incomplete: of ours
	equal                    int
	// lastLine: equal when the line end of the last line, which tshark left
	// out, is put back.
	lastLine int
	other    int // the same object with other bytes, ours complete
	cut      int // the same object with other bytes, ours is said to be incomplete
	// Only tshark: not the same object as any of ours.
	segments int // without a message: a segment that tshark calls a continuation
	parts    int // lies within one of ours
	noStream int // of captures in which we find no object of the protocol
	only     int // the rest
	onlyOurs int // only wiretale, complete and not empty
	empty    int // only wiretale: empty, which tshark does not export
}

// accepted are captures in which the same object has other bytes, and how
// many at most; docs/wireshark-differences.md says why.
var accepted = map[string]struct{ other, cut int }{
	"SampleCaptures__aol.pcap":                  {10, 2}, // responses without a length on connections that go on
	"SampleCaptures__echi12.pcap":               {0, 4},  // segments after a RST
	"SampleCaptures__rrtacl.pcap":               {2, 0},  // a folded field
	"tests__pcap__smtp-decrypted.pcap":          {1, 0},  // a segment left out
	"tests__pcap__smtp-moloch-bof.pcap":         {1, 0},  // commands taken for the message
	"Pcap_Examples__SMTP - Auth Login.pcap":     {1, 0},  // segments taken twice, dots left stuffed
	"PCAPNG Examples__SMTP - Auth Login.pcapng": {1, 0},
}

// TestAgainstTshark checks that an object that tshark exports too has the
// same bytes, by default over every tenth capture that has objects, over all
// with WIRETALE_CAPTURES=all.
//
// Objects are matched by their SHA-256 first. Two of those that are left are
// the same object where both say that the same frame completed it, and, of
// names, none is another one than the other's. Tshark's files do not tell the
// frame: it is that of the n-th body with the same name, where tshark shows
// as many as it exports. Else they are where name and size are the same, and
// the name is that of no other that is left.
func TestAgainstTshark(t *testing.T) {
	if testing.Short() {
		t.Skip("short: runs tshark over many captures")
	}
	catalogue, err := os.ReadFile(filepath.Join(shared, "catalogue.tsv"))
	if err != nil {
		t.Skip("the shared captures are not here:", err)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	var files []string
	for line := range strings.Lines(string(catalogue)) {
		cols := strings.Split(line, "\t")
		if len(cols) > 2 && slices.ContainsFunc(strings.Fields(cols[2]), func(s string) bool {
			name, _, _ := strings.Cut(s, ":")
			return slices.Contains([]string{"http", "http2", "imf", "ftp", "ftp-data"}, name)
		}) {
			files = append(files, cols[0])
		}
	}
	if os.Getenv("WIRETALE_CAPTURES") != "all" {
		var some []string
		for i := 0; i < len(files); i += 10 {
			some = append(some, files[i])
		}
		files = some
	}
	total := map[string]*count{}
	for _, p := range protocols {
		total[p] = new(count)
	}
	compared := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	for range 2 {
		wg.Go(func() {
			for file := range next {
				compareObjects(t, tshark, file, &mu, total, &compared)
			}
		})
	}
	for _, f := range files {
		next <- f
	}
	close(next)
	wg.Wait()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ttshark\twiretale\tincomplete\tequal\tbut last line end\tother bytes\tcut here\tsegments\tparts\tnot read here\tonly tshark\tonly wiretale\tempty")
	for _, p := range protocols {
		c := total[p]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", p, c.theirs, c.ours, c.incomplete, c.equal, c.lastLine, c.other, c.cut, c.segments, c.parts, c.noStream, c.only, c.onlyOurs, c.empty)
	}
	w.Flush()
	t.Logf("%d captures\n%s", compared, &table)
	if total["http"].equal == 0 {
		t.Error("no object of HTTP was found by both")
	}
}

func compareObjects(t *testing.T, tshark, file string, mu *sync.Mutex, total map[string]*count, compared *int) {
	mine, err := ourObjects(t, filepath.Join(shared, file))
	if err != nil {
		if !errors.Is(err, capture.ErrFormat) {
			t.Errorf("%s: %v", file, err)
			return
		}
		mine = nil
	}
	theirs, err := theirObjects(t, tshark, filepath.Join(shared, file), inOrder)
	if err == nil && !alike(theirs, mine) {
		// With segments put in order, tshark shows nothing behind a gap, and
		// some objects it exports only without.
		var more []*object
		if more, err = theirObjects(t, tshark, filepath.Join(shared, file), nil); err == nil {
			theirs = join(theirs, more, mine)
		}
	}
	if err != nil {
		t.Errorf("%s: tshark: %v", file, err)
		return
	}
	mu.Lock()
	defer mu.Unlock()
	*compared++
	other, cut := 0, 0
	for _, p := range protocols {
		c := total[p]
		o, cu := c.take(of(p, theirs), of(p, mine), func(format string, args ...any) {
			if os.Getenv("WIRETALE_VERBOSE") != "" {
				t.Logf("%s: %s: %s", file, p, fmt.Sprintf(format, args...))
			}
		})
		other, cut = other+o, cut+cu
	}
	if a := accepted[accept(file)]; other > a.other || cut > a.cut {
		t.Errorf("%s: of objects that tshark exports too, %d have other bytes (%d are explained) and %d are incomplete (%d are explained); WIRETALE_VERBOSE=1 names them",
			file, other, a.other, cut, a.cut)
	}
}

// accept is the key of file in accepted: its name, with the folders that its
// source had left out.
func accept(file string) string {
	name := path.Base(file)
	for k := range accepted {
		if strings.HasSuffix(name, k) {
			return k
		}
	}
	return name
}

func of(protocol string, objects []*object) []*object {
	var list []*object
	for _, o := range objects {
		if o.protocol == protocol {
			list = append(list, o)
		}
	}
	return list
}

// alike: the same bytes on both sides.
func alike(a, b []*object) bool {
	sums := func(list []*object) (s []string) {
		for _, o := range list {
			if len(o.bytes) > 0 {
				s = append(s, o.protocol+o.sum)
			}
		}
		slices.Sort(s)
		return s
	}
	return slices.Equal(sums(a), sums(b))
}

// join adds what tshark exports with all preferences at their defaults to
// what it exports with segments in order. Only what equals one of ours is
// taken: the rest would be objects of which the other run has better bytes.
func join(a, b, ours []*object) []*object {
	have := map[string]int{}
	for _, o := range a {
		have[o.protocol+o.sum]++
	}
	wanted := map[string]bool{}
	for _, o := range ours {
		wanted[o.protocol+o.sum] = true
		if o.protocol == "imf" {
			wanted[o.protocol+withoutLineEnd(o)] = true
		}
	}
	for _, o := range b {
		if k := o.protocol + o.sum; wanted[k] {
			if have[k]--; have[k] < 0 {
				a = append(a, o)
			}
		}
	}
	return a
}

// withoutLineEnd is the sum of o without the line end of its last line.
func withoutLineEnd(o *object) string { return sumOf(bytes.TrimSuffix(o.bytes, []byte("\r\n"))) }

func sumOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// take matches the objects of one protocol in one capture.
func (c *count) take(theirs, ours []*object, tell func(string, ...any)) (other, cut int) {
	c.theirs += len(theirs)
	c.ours += len(ours)
	for _, o := range ours {
		if !o.complete {
			c.incomplete++
		}
	}
	empty := len(ours) == 0
	pair := func(counter *int, same func(a, b *object) bool) {
		theirs = slices.DeleteFunc(theirs, func(a *object) bool {
			i := slices.IndexFunc(ours, func(b *object) bool { return same(a, b) })
			if i >= 0 {
				*counter++
				ours = slices.Delete(ours, i, i+1)
			}
			return i >= 0
		})
	}
	pair(&c.equal, func(a, b *object) bool { return a.sum == b.sum && a.name == b.name })
	pair(&c.equal, func(a, b *object) bool { return a.sum == b.sum })
	pair(&c.lastLine, func(a, b *object) bool { return b.protocol == "imf" && a.sum == withoutLineEnd(b) })
	names := map[string]int{}
	for _, o := range slices.Concat(theirs, ours) {
		names[o.name]++
	}
	same := func(a, b *object) bool {
		if a.frame == 0 {
			return a.name == b.name && a.name != "" && names[a.name] == 2 && len(a.bytes) == len(b.bytes)
		}
		return a.frame != 0 && a.frame == b.frame && (a.name == b.name || a.name == "" || b.name == "")
	}
	pair(&other, func(a, b *object) bool {
		if !b.complete || !same(a, b) {
			return false
		}
		tell("other bytes: frame %d, %q: tshark %d bytes, wiretale %d (%s)", a.frame, a.told, len(a.bytes), len(b.bytes), b.told)
		return true
	})
	// What is cut is told by its name, too: an object that lacks its end is
	// completed by another frame.
	pair(&cut, func(a, b *object) bool {
		if b.complete || len(b.bytes) == 0 || !same(a, b) && !(a.name == b.name && bytes.HasPrefix(a.bytes, b.bytes)) {
			return false
		}
		tell("cut here: frame %d, %q: tshark %d bytes, wiretale %d (%s)", a.frame, a.told, len(a.bytes), len(b.bytes), b.told)
		return true
	})
	c.other += other
	c.cut += cut
	for _, a := range theirs {
		switch {
		case continuation.MatchString(a.told):
			c.segments++
		case empty:
			c.noStream++
			tell("only tshark, and nothing here: frame %d, %q, %d bytes", a.frame, a.told, len(a.bytes))
		case a.protocol == "imf" && slices.ContainsFunc(ours, func(b *object) bool { return bytes.Contains(b.bytes, a.bytes) }):
			c.parts++
		default:
			c.only++
			tell("only tshark: frame %d, %q, %d bytes", a.frame, a.told, len(a.bytes))
		}
	}
	for _, b := range ours {
		switch {
		case len(b.bytes) == 0:
			c.empty++
		case b.complete:
			c.onlyOurs++
			tell("only wiretale: frame %d, %q, %d bytes", b.frame, b.told, len(b.bytes))
		}
	}
	return other, cut
}

// ourObjects is what analyze --extract writes.
func ourObjects(t *testing.T, file string) (list []*object, err error) {
	dir := t.TempDir()
	l := events.DefaultLimits()
	// Tshark knows no such limits.
	l.HTTPHead, l.Waiting = 4<<20, 4<<20
	w, err := extract.New(dir, &l)
	if err != nil {
		return nil, err
	}
	_, err = pipeline.Run(context.Background(), pipeline.Config{
		Paths: []string{file}, Workers: 1, Limits: l, Want: extract.Kinds(),
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				if err := w.Event(e); err != nil {
					return err
				}
			}
			return nil
		},
	})
	err = errors.Join(err, w.Close())
	if e := (*capture.Error)(nil); errors.As(err, &e) && !errors.Is(err, capture.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // a capture that breaks off is compared up to there
	}
	if err != nil {
		return nil, err
	}
	index, err := os.ReadFile(filepath.Join(dir, extract.IndexName))
	if err != nil {
		return nil, err
	}
	var entries []extract.Entry
	if err := json.Unmarshal(index, &entries); err != nil {
		return nil, err
	}
	for _, e := range entries {
		o := &object{sum: e.SHA256, frame: e.Frame, complete: e.Complete, told: fmt.Sprintf("%s, %s:%d %s", e.Name, e.Transport, e.Stream, e.From)}
		switch {
		case e.Protocol == "http":
			o.protocol, o.name = "http", nameInURI(e.Name)
		case e.Protocol == "mail" && e.Type == "message/rfc822" && strings.HasSuffix(e.Name, ".eml"):
			o.protocol, o.name = "imf", plain(e.Name)
		case e.Protocol == "ftp":
			o.protocol, o.name = "ftp-data", plain(e.Name)
		default:
			continue
		}
		if o.bytes, err = os.ReadFile(filepath.Join(dir, e.File)); err != nil {
			return nil, err
		}
		if sumOf(o.bytes) != e.SHA256 || int64(len(o.bytes)) != e.Bytes {
			t.Errorf("%s: %s is not what the index says", file, e.File)
		}
		list = append(list, o)
	}
	return list, nil
}

// inOrder is set as for compare: both sides put segments in order.
var inOrder = []string{"tcp.reassemble_out_of_order:TRUE"}

// between parts the values of one field.
const between = "\x1f"

// theirObjects is what tshark exports.
func theirObjects(t *testing.T, tshark, file string, preferences []string) ([]*object, error) {
	dir := t.TempDir()
	args := []string{"-n", "-r", file, "-o", "gui.max_export_objects:1000000"}
	for _, p := range preferences {
		args = append(args, "-o", p)
	}
	for _, p := range protocols {
		args = append(args, "--export-objects", p+","+filepath.Join(dir, p))
	}
	args = append(args, "-Y", "http.file_data || imf", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator="+between,
		"-e", "frame.number", "-e", "http.request.uri", "-e", "http.response_for.uri", "-e", "imf.subject", "-e", "http.file_data")
	cmd := exec.Command(tshark, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	frames := map[string][]uint64{} // of bodies, by protocol and name
	lines := bufio.NewReaderSize(out, 1<<20)
	for err == nil {
		var line string
		if line, err = lines.ReadString('\n'); line == "" {
			break
		}
		cols := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		n, e := strconv.ParseUint(cols[0], 10, 64)
		if e != nil || len(cols) < 5 {
			continue
		}
		if cols[4] == "" {
			k := "imf" + plain(cols[3]+".eml")
			frames[k] = append(frames[k], n)
			continue
		}
		name := cols[1]
		if name == "" {
			name = cols[2]
		}
		for range strings.Count(cols[4], between) + 1 {
			k := "http" + nameInURI(name)
			frames[k] = append(frames[k], n)
		}
	}
	waited := cmd.Wait()
	// A capture that breaks off ends in an error, after what could be read.
	if e := (*exec.ExitError)(nil); waited != nil && !errors.As(waited, &e) {
		return nil, waited
	}
	var list []*object
	numbers := map[string]map[int]*object{}
	for _, p := range protocols {
		entries, err := os.ReadDir(filepath.Join(dir, p))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, p, e.Name()))
			if err != nil {
				return nil, err
			}
			o := &object{protocol: p, name: plain(e.Name()), bytes: b, sum: sumOf(b), complete: true, told: e.Name()}
			list = append(list, o)
			if m := continuation.FindStringSubmatch(e.Name()); m != nil {
				o.frame, _ = strconv.ParseUint(m[1], 10, 64)
				o.name = ""
				continue
			}
			n := 0
			if m := repeated.FindStringSubmatch(e.Name()); m != nil {
				n, _ = strconv.Atoi(m[1])
			}
			k := p + o.name
			if numbers[k] == nil {
				numbers[k] = map[int]*object{}
			}
			numbers[k][n] = o
		}
	}
	for k, objects := range numbers {
		if len(objects) != len(frames[k]) {
			continue
		}
		for n, o := range objects {
			if n < len(frames[k]) {
				o.frame = frames[k][n]
			}
		}
	}
	return list, nil
}

var (
	// continuation is a file that tshark has no name for: a body without a
	// request, and mostly without a head.
	continuation = regexp.MustCompile(`^object(\d+)(\..*)?$`)
	// repeated is what tshark puts before the extension of a name that it
	// used before.
	repeated = regexp.MustCompile(`\((\d+)\)(\.[^.]*)?$`)
)

// longestName is how much of names is compared: tshark cuts them.
const longestName = 80

// plain is a name in the form in which those of both are compared: the last
// part of a path, without escapes and without the number of a name that was
// used before.
func plain(name string) string {
	if s, err := url.PathUnescape(name); err == nil {
		name = s
	}
	if m := repeated.FindStringSubmatchIndex(name); m != nil {
		name = name[:m[0]] + name[m[3]+1:]
	}
	if s, err := url.PathUnescape(name); err == nil { // a URI's own
		name = s
	}
	if name = path.Base(name); name == "." {
		name = ""
	}
	return name[:min(len(name), longestName)]
}

// nameInURI is plain for a URI, or for a host with a path behind it.
func nameInURI(uri string) string {
	if i := strings.Index(uri, "://"); i >= 0 && !strings.Contains(uri[:i], "/") {
		uri = uri[i+3:]
	}
	if i := strings.IndexByte(uri, '/'); i >= 0 {
		uri = uri[i:]
	}
	return plain(uri)
}
