package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/analyzers"
	questions "github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/analyzers/httpconnections"
	"github.com/wiretale/wiretale/analyzers/httptransaction"
	"github.com/wiretale/wiretale/analyzers/rtt"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	pageCapture = "../../pcaps/page.pcapng"
	pageTruth   = "../../pcaps/page.json"
)

// late is how late a host may be in noting what it did, and a packet at the
// capture point: hosts run in real time.
const late = time.Millisecond

// page is what is said of the page, and what is true.
type page struct {
	truth *truth.Truth
	stats Stats

	dns         []*dnstransaction.Transaction
	http        []*httptransaction.Transaction
	connections []*httpconnections.Usage
	rtts        []rtt.Value
	said        map[turn]*exchange
	flowEnds    map[string]*events.FlowEnd // by client
}

// turn is the n-th exchange, from 1, of the connection of a client's port.
type turn struct {
	client string
	n      int
}

// exchange is one HTTP exchange as the events tell it.
type exchange struct {
	requestFirst, requestLast events.Time
	first, last               events.Time // of the response
	body                      events.HTTPBody
}

func readPage(t *testing.T) *page {
	t.Helper()
	f, err := os.Open(pageTruth)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &page{said: map[turn]*exchange{}, flowEnds: map[string]*events.FlowEnd{}}
	if p.truth, err = truth.Read(f); err != nil {
		t.Fatal(err)
	}
	c := all(Config{Paths: []string{pageCapture}, Hash: true})
	requests, responses := map[string]int{}, map[string]int{}
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			end, _ := e.Flow.Ends()
			client := end.String()
			switch b := e.Body.(type) {
			case *events.HTTPRequest:
				requests[client]++
				p.said[turn{client, requests[client]}] = &exchange{requestFirst: b.FirstTime, requestLast: e.Time}
			case *events.HTTPResponse:
				responses[client]++
				x := p.said[turn{client, responses[client]}]
				if x == nil {
					return fmt.Errorf("frame %d: a response before its request", e.Pos.Frame)
				}
				x.first, x.last = b.FirstTime, e.Time
			case *events.HTTPBody:
				x := p.said[turn{client, responses[client]}]
				x.body, x.last = *b, e.Time
			case *events.FlowEnd:
				p.flowEnds[client] = new(events.FlowEnd)
				*p.flowEnds[client] = *b
			case *events.FlowGap, *events.FlowViolation, *events.FlowLimit:
				return fmt.Errorf("frame %d: %s: %+v", e.Pos.Frame, b.Kind(), b)
			}
		}
		return nil
	}
	c.Rows = func(rows []analyzers.Row) error {
		for _, r := range rows {
			switch v := r.Value.(type) {
			case *dnstransaction.Transaction:
				p.dns = append(p.dns, v)
			case *httptransaction.Transaction:
				p.http = append(p.http, v)
			case *httpconnections.Usage:
				p.connections = append(p.connections, v)
			case rtt.Value:
				p.rtts = append(p.rtts, v)
			}
		}
		return nil
	}
	if p.stats, err = Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return p
}

// near fails t where got is not within late of want.
func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if d := got - want; d < -late || d > late {
		t.Errorf("%s: %v, in truth %v", what, got, want)
	}
}

// at fails t where a packet's time is not within late of what a host noted.
func at(t *testing.T, what string, got events.Time, want time.Time) {
	t.Helper()
	if d := got.Std().Sub(want); d < -late || d > late {
		t.Errorf("%s: %v, in truth %v", what, got.Std(), want)
	}
}

func find(msgs []truth.Message, match func(*truth.Message) bool) *truth.Message {
	for i := range msgs {
		if match(&msgs[i]) {
			return &msgs[i]
		}
	}
	return &truth.Message{DNS: &truth.DNS{}, HTTP: &truth.HTTP{}}
}

// count is how many messages in truth are of kind.
func (p *page) count(kind truth.Kind) (n int) {
	for _, m := range p.truth.Messages {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// delay is the configured round trip between two hosts.
func (p *page) delay(a, b string) (d time.Duration) {
	for _, way := range p.truth.Paths {
		if way.From == a && way.To == b || way.From == b && way.To == a {
			d += way.Delay.Std()
		}
	}
	return d
}

func TestPageDNS(t *testing.T) {
	p := readPage(t)
	if len(p.dns) != p.count(truth.DNSQuery) {
		t.Fatalf("%d rows, %d queries in truth", len(p.dns), p.count(truth.DNSQuery))
	}
	for _, v := range p.dns {
		kind := func(k truth.Kind) *truth.Message {
			return find(p.truth.Messages, func(m *truth.Message) bool { return m.Kind == k && m.DNS.ID == v.ID })
		}
		q, a := kind(truth.DNSQuery), kind(truth.DNSResponse)
		if len(q.DNS.Question) != 1 {
			t.Fatalf("no query in truth has the id of %+v", v)
		}
		want := q.DNS.Question[0]
		if v.Status != dnstransaction.Answered || v.Name != want.Name || v.Type != want.Type || v.Class != want.Class || v.Rcode != a.DNS.Rcode {
			t.Errorf("%+v\nin truth %+v\n%+v", v, q.DNS, a.DNS)
		}
		if v.Client != q.Client.Addr().String() || v.Server != q.Server.Addr().String() || v.Transport != q.Transport {
			t.Errorf("from %s to %s over %s, in truth %v, %v, %s", v.Client, v.Server, v.Transport, q.Client, q.Server, q.Transport)
		}
		if v.QueryBytes != q.DNS.Size || v.ResponseBytes != a.DNS.Size || v.Answers == nil || *v.Answers != len(a.DNS.Answer) {
			t.Errorf("%+v\nin truth %+v\n%+v", v, q.DNS, a.DNS)
		}
		if v.Latency == nil {
			t.Fatal("no latency")
		}
		near(t, "latency", v.Latency.Std(), a.Receiver.End.Sub(q.Sender.Start))
		near(t, "latency", v.Latency.Std(), p.delay("client", "dns"))
	}
	// The answer itself, from the events.
	var got []events.DNSRecord
	c := Config{Paths: []string{pageCapture}, Limits: events.DefaultLimits(), Want: events.SetOf(events.KindDNSMessage)}
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			got = append(got, e.Body.(*events.DNSMessage).Answer...)
		}
		return nil
	}
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	var want []events.DNSRecord
	for _, m := range p.truth.Messages {
		if m.DNS != nil {
			for _, r := range m.DNS.Answer {
				want = append(want, events.DNSRecord(r))
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestPageHTTP(t *testing.T) {
	p := readPage(t)
	if n := p.count(truth.HTTPRequest); len(p.http) != n || len(p.said) != n {
		t.Fatalf("%d rows, %d exchanges, %d requests in truth", len(p.http), len(p.said), n)
	}
	for _, v := range p.http {
		kind := func(k truth.Kind) *truth.Message {
			return find(p.truth.Messages, func(m *truth.Message) bool {
				return m.Kind == k && m.Client.String() == v.Client && m.HTTP.Ordinal == v.Number
			})
		}
		q, a := kind(truth.HTTPRequest), kind(truth.HTTPResponse)
		if v.Outcome != httptransaction.Complete || v.Method != q.HTTP.Method || v.URL != q.HTTP.URL || v.Status != a.HTTP.Status ||
			v.ContentType != a.HTTP.ContentType || v.ResponseBodyBytes != a.HTTP.BodyBytes || v.Server != q.Server.String() {
			t.Errorf("%+v\nin truth %+v\n%+v", v, q.HTTP, a.HTTP)
			continue
		}
		if want := map[bool]httptransaction.Connection{true: httptransaction.ConnectionNew, false: httptransaction.ConnectionReused}[v.Number == 1]; v.Connection != want {
			t.Errorf("%s: connection %s, want %s", v.URL, v.Connection, want)
		}
		x := p.said[turn{v.Client, v.Number}]
		if b := &x.body; b.Bytes != a.HTTP.BodyBytes || b.SHA256 != a.HTTP.SHA256 || !b.Complete || b.Missing != 0 {
			t.Errorf("%s: body %+v, in truth %+v", v.URL, b, a.HTTP)
		}
		// The capture point is at the client.
		at(t, v.URL+": first byte of the request", x.requestFirst, q.Sender.Start)
		at(t, v.URL+": last byte of the request", x.requestLast, q.Sender.End)
		at(t, v.URL+": first byte of the response", x.first, a.Receiver.Start)
		at(t, v.URL+": last byte of the response", x.last, a.Receiver.End)
		if v.ResponseTime == nil || v.Total == nil || v.Phases.Wait == nil || v.Phases.Receive == nil || v.Phases.Send == nil {
			t.Errorf("%s: times are missing: %+v", v.URL, v)
			continue
		}
		near(t, v.URL+": response time", v.ResponseTime.Std(), a.Receiver.End.Sub(q.Sender.End))
		near(t, v.URL+": wait", v.Phases.Wait.Std(), a.Receiver.Start.Sub(q.Sender.End))
		near(t, v.URL+": receive", v.Phases.Receive.Std(), a.Receiver.End.Sub(a.Receiver.Start))
		start := q.Sender.Start
		if v.Number == 1 {
			c := p.truth.Connections[*q.Connection]
			start = c.ConnectStart
			if v.Phases.Connect == nil {
				t.Errorf("%s: no connect time", v.URL)
			} else {
				near(t, v.URL+": connect", v.Phases.Connect.Std(), c.ConnectEnd.Sub(c.ConnectStart))
			}
		}
		near(t, v.URL+": total", v.Total.Std(), a.Receiver.End.Sub(start))
	}
}

func TestPageConnections(t *testing.T) {
	p := readPage(t)
	if len(p.connections) != 1 {
		t.Fatalf("%d sites: %+v", len(p.connections), p.connections)
	}
	v := p.connections[0]
	objects := map[int]int{}
	for _, m := range p.truth.Messages {
		if m.Kind == truth.HTTPRequest {
			objects[*m.Connection]++
		}
	}
	reused := 0
	for _, n := range objects {
		if n > 1 {
			reused++
		}
	}
	n := p.count(truth.HTTPRequest)
	if v.Objects != n || v.Complete != n || v.Connections != len(p.truth.Connections) || v.ConnectionsReused != reused ||
		v.Mode != httpconnections.Persistent || v.Parallel != len(p.truth.Connections) || v.PipelinedRequests != 0 {
		t.Errorf("%+v\nin truth %d objects over %v", v, n, objects)
	}
	if v.RTT == nil {
		t.Fatal("no rtt")
	}
	near(t, "rtt", v.RTT.Std(), p.truth.RTT.Std())
	if o := v.RTTsPerObject; o == nil || o.Opened == nil || o.Reused == nil || *o.Opened < 1.95 || *o.Opened > 2.05 || *o.Reused < 0.95 || *o.Reused > 1.05 {
		t.Errorf("round trips: %+v; an object that opens its connection takes two, another one takes one", o)
	}
	for _, c := range p.truth.Connections {
		e := p.flowEnds[c.Client.String()]
		if e == nil || e.ClientBytes != uint64(c.ClientBytes) || e.ServerBytes != uint64(c.ServerBytes) || e.Why != events.EndFIN || e.Protocol != "http1" {
			t.Errorf("%s: %+v, in truth %+v", c.Client, e, c)
		}
	}
	var packets uint64
	for _, way := range p.truth.Paths {
		packets += way.Packets
	}
	if p.stats.Packets != packets || p.stats.NotIP+p.stats.Malformed+p.stats.UnknownLink+p.stats.CutBySnaplen != 0 {
		t.Errorf("%+v, in truth %d packets", p.stats, packets)
	}
}

// The handshake's round trips to both sides of the capture point add up to the
// configured delay.
func TestPageHandshake(t *testing.T) {
	p := readPage(t)
	sum := map[string]time.Duration{}
	for _, v := range p.rtts {
		sum[v.Client] += v.Handshake.Std()
		if v.Vantage != p.truth.At {
			t.Errorf("%s: vantage %s, in truth %s", v.Client, v.Vantage, p.truth.At)
		}
	}
	if len(sum) != len(p.truth.Connections) {
		t.Errorf("%v, in truth %d connections", sum, len(p.truth.Connections))
	}
	for _, c := range p.truth.Connections {
		near(t, c.Client.String()+": handshake", sum[c.Client.String()], p.truth.RTT.Std())
	}
}

// queries is a capture of n DNS queries, each from a port of its own.
func queries(n int) []byte {
	ps := make([]capture.Packet, n)
	for i := range ps {
		ps[i] = dnsTalk()[0]
		binary.BigEndian.PutUint16(ps[i].Data[20:], uint16(1024+i%60000))
		binary.BigEndian.PutUint16(ps[i].Data[28:], uint16(i))
	}
	return pcapOf(ps...)
}

// Rows whose memory is used again are the rows that may be kept.
func TestLent(t *testing.T) {
	var ps []capture.Packet
	for i := range 10_000 {
		for dir, p := range dnsTalk() {
			binary.BigEndian.PutUint16(p.Data[20+2*dir:], uint16(1024+i%60000))
			binary.BigEndian.PutUint16(p.Data[28:], uint16(i))
			if i%7 > 0 || dir == 0 { // some have no answer
				ps = append(ps, p)
			}
		}
	}
	b := pcapOf(ps...)
	var kept, lent bytes.Buffer
	c := all(Config{Paths: []string{"-"}, Stdin: bytes.NewReader(b), Workers: 1})
	if _, err := record(t.Context(), c, io.Discard, &kept); err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Lent = bytes.NewReader(b), true
	if _, err := record(t.Context(), c, io.Discard, &lent); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(kept.Bytes(), []byte(`"dns.transaction"`)); n < 5000 || !bytes.Equal(kept.Bytes(), lent.Bytes()) {
		t.Errorf("%d transactions; %d bytes kept, %d lent", n, kept.Len(), lent.Len())
	}
}

// Who cancels gets the answers up to there, then the error.
func TestCancelled(t *testing.T) {
	const n = 100_000
	file := filepath.Join(t.TempDir(), "queries.pcap")
	if err := os.WriteFile(file, queries(n), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := Config{Paths: []string{file}, Workers: 2, Limits: events.DefaultLimits(), Want: events.SetOf(events.KindDNSMessage), Questions: questions.Questions()}
	var frames uint64
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			if e.Body.Kind() == events.KindDNSMessage {
				if frames++; e.Pos.Frame != frames {
					return fmt.Errorf("frame %d after %d", e.Pos.Frame, frames-1)
				}
			}
		}
		if frames > 5000 {
			cancel()
		}
		return nil
	}
	var asked uint64
	c.Rows = func(rows []analyzers.Row) error {
		for _, r := range rows {
			if v, ok := r.Value.(*dnstransaction.Transaction); ok {
				asked += 1 + uint64(len(v.Retries)+v.LeftOff)
			}
		}
		return nil
	}
	stats, err := Run(ctx, c)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if frames < 5000 || frames >= n {
		t.Errorf("%d of %d messages", frames, n)
	}
	if stats.Packets != frames || asked != frames {
		t.Errorf("%d packets, %d messages, %d of them in rows", stats.Packets, frames, asked)
	}
}

// An error of the consumer ends the run.
func TestConsumerFails(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	c := all(Config{Paths: []string{"-"}, Stdin: bytes.NewReader(queries(50_000)), Workers: 2})
	c.Events = func([]*events.Event) error { calls++; return enough }
	c.Rows = func([]analyzers.Row) error { t.Error("rows after the error"); return nil }
	if _, err := Run(t.Context(), c); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	c.Stdin, calls = bytes.NewReader(queries(50_000)), 0
	c.Events, c.Rows = nil, func([]analyzers.Row) error { calls++; return enough }
	if _, err := Run(t.Context(), c); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%v after %d calls for rows", err, calls)
	}
}

// A panic of ours, wherever it is, ends the run with a fault.
func TestFault(t *testing.T) {
	c := all(Config{Paths: []string{"-"}, Stdin: &broken{b: queries(10_000)}, Workers: 2})
	frames := uint64(0)
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			frames = max(frames, e.Pos.Frame)
		}
		return nil
	}
	_, err := Run(t.Context(), c)
	var fault *Fault
	if !errors.As(err, &fault) || fault.Value != "broken" || !strings.Contains(err.Error(), "internal fault") || frames == 0 {
		t.Errorf("%v after frame %d", err, frames)
	}
}

// broken panics at its end.
type broken struct{ b []byte }

func (r *broken) Read(b []byte) (int, error) {
	if len(r.b) == 0 {
		panic("broken")
	}
	n := copy(b[:min(len(b), 64<<10)], r.b)
	r.b = r.b[n:]
	return n, nil
}

// What is said in a live pipe is heard before the pipe ends.
func TestLive(t *testing.T) {
	r, w := io.Pipe()
	heard := make(chan uint64)
	c := Config{Paths: []string{"-"}, Stdin: r, Workers: 2, Limits: events.DefaultLimits(), Want: events.SetOf(events.KindDNSMessage)}
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			heard <- e.Pos.Frame
		}
		return nil
	}
	over := make(chan error)
	go func() {
		_, err := Run(t.Context(), c)
		over <- err
	}()
	b := queries(3)
	const head = 24
	one := (len(b) - head) / 3
	w.Write(b[:head])
	for i := range 3 {
		w.Write(b[head+i*one : head+(i+1)*one])
		select {
		case frame := <-heard:
			if frame != uint64(i+1) {
				t.Errorf("frame %d, want %d", frame, i+1)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is heard")
		}
	}
	w.Close()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// lines are what is said of a capture: messages and rows, by kind.
type lines struct {
	messages []string
	rows     int
	stats    Stats
	err      error
}

// listen runs over a file; messages are those of protocols, without what a
// loss may change.
func listen(t *testing.T, path string, workers int) *lines {
	t.Helper()
	var evs, rows bytes.Buffer
	out := new(lines)
	out.stats, out.err = record(t.Context(), all(Config{Paths: []string{path}, Workers: workers}), &evs, &rows)
	if out.err != nil {
		checkError(t, []string{path}, out.err)
	}
	for line := range strings.Lines(evs.String()) {
		if strings.Contains(line, `"kind":"dns.`) || strings.Contains(line, `"kind":"http.`) {
			out.messages = append(out.messages, line)
		}
	}
	out.rows = strings.Count(rows.String(), "\n")
	return out
}

// blocks are where the blocks of a pcapng file in our byte order end, and how
// many packets there are up to there.
func blocks(t *testing.T, b []byte) (ends []int, packets map[int]int) {
	t.Helper()
	packets = map[int]int{}
	n := 0
	for at := 0; at < len(b); {
		kind, size := binary.LittleEndian.Uint32(b[at:]), int(binary.LittleEndian.Uint32(b[at+4:]))
		if size < 12 || at+size > len(b) {
			t.Fatalf("block at %d has %d bytes", at, size)
		}
		if at += size; kind == 6 {
			n++
		}
		ends = append(ends, at)
		packets[at] = n
	}
	return ends, packets
}

// A file that was cut off anywhere: what is before the cut is answered, then
// comes the error.
func TestCutOff(t *testing.T) {
	whole, err := os.ReadFile(pageCapture)
	if err != nil {
		t.Fatal(err)
	}
	ends, packets := blocks(t, whole)
	full := listen(t, pageCapture, 2)
	path := filepath.Join(t.TempDir(), "cut.pcapng")
	for n := 997; n < len(whole); n += 997 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		got := listen(t, path, 2)
		at, border := slices.BinarySearch(ends, n)
		last := 0 // where the last whole block ends
		if border {
			last = n
		} else if at > 0 {
			last = ends[at-1]
		}
		if got.stats.Packets != uint64(packets[last]) {
			t.Errorf("cut at %d: %d packets, want %d", n, got.stats.Packets, packets[last])
		}
		if len(got.messages) > len(full.messages) || len(got.messages) < inFrames(full.messages, packets[last]) {
			t.Errorf("cut at %d: %d messages of %d", n, len(got.messages), len(full.messages))
		}
		for i, m := range got.messages {
			// The end of the capture may close a body that was under way.
			if m != full.messages[i] && !strings.Contains(m, `"complete":false`) {
				t.Errorf("cut at %d: %s\nin the whole %s", n, m, full.messages[i])
				break
			}
		}
		if packets[last] > 0 && got.rows == 0 {
			t.Errorf("cut at %d: no rows", n)
		}
		var e *capture.Error
		switch {
		case border && got.err != nil:
			t.Errorf("cut at %d, between two blocks: %v", n, got.err)
		case !border && (!errors.As(got.err, &e) || e.File != path || e.Offset < int64(last) || e.Offset > int64(n)):
			t.Errorf("cut at %d, in the block after %d: %v", n, last, got.err)
		}
	}
}

// inFrames is how many messages are of the first n frames.
func inFrames(messages []string, n int) (count int) {
	for _, m := range messages {
		var e struct{ Frame int }
		if json.Unmarshal([]byte(m), &e) == nil && e.Frame <= n {
			count++
		}
	}
	return count
}

// A file with wrong bytes anywhere: no fault, an error that tells the place,
// and the same for any number of workers.
func TestWrongBytes(t *testing.T) {
	whole, err := os.ReadFile(pageCapture)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(997, 1))
	path := filepath.Join(t.TempDir(), "wrong.pcapng")
	errs := 0
	for range 150 {
		b := bytes.Clone(whole)
		for range 1 << rnd.IntN(12) {
			b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := Config{Paths: []string{path}, Workers: 1, Hash: true}
		want := digestOf(t, c)
		c.Workers = 3
		if got := digestOf(t, c); got != want {
			t.Errorf("three workers: %+v\none: %+v", got, want)
		}
		if want.Err != "" {
			errs++
			if !strings.HasPrefix(want.Err, path+": at byte ") {
				t.Error(want.Err)
			}
		}
	}
	if errs == 0 {
		t.Error("no wrong byte was noticed")
	}
}

// Loss never invents: whatever packets are missing, each message was said in
// the whole capture too, or follows a gap of its stream.
func TestLossNeverInvents(t *testing.T) {
	ps := packetsOf(t, pageCapture)
	full := map[string]int{}
	said(t, ps, func(m message) { full[m.text]++ })
	if len(full) < 30 {
		t.Fatalf("%d different messages in the whole", len(full))
	}
	heard := 0
	for n := 2; n <= 40; n++ {
		for first := 0; first < n; first += max(1, n/8) {
			var kept []capture.Packet
			for i, p := range ps {
				if i%n != first {
					kept = append(kept, p)
				}
			}
			left := maps.Clone(full)
			said(t, kept, func(m message) {
				heard++
				if left[m.text]--; left[m.text] < 0 && !m.afterGap {
					t.Errorf("without every %d. packet from %d on, invented: %s", n, first, m.text)
				}
			})
		}
	}
	t.Logf("%d messages after losses", heard)
}

// message is a message of a protocol without frames and times.
type message struct {
	text     string
	afterGap bool
}

// packetsOf are copies of all packets of a capture.
func packetsOf(t *testing.T, path string) (ps []capture.Packet) {
	t.Helper()
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var b capture.Batch
	for {
		switch err := src.Next(&b); err {
		case nil:
		case io.EOF:
			return ps
		default:
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			ps = append(ps, p)
		}
		b.Release()
	}
}

// writeAll writes the packets of one interface.
func writeAll(t *testing.T, w capture.Writer, ps []capture.Packet) {
	t.Helper()
	if _, err := w.AddInterface(capture.Interface{Link: ps[0].Link}); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if err := w.WritePacket(0, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// said tells what is said in packets.
func said(t *testing.T, ps []capture.Packet, tell func(message)) {
	t.Helper()
	var file bytes.Buffer
	writeAll(t, capture.NewPcapWriter(&file, ps[0].Link, 262144, true), ps)
	gaps := map[events.StreamKey]bool{}
	c := all(Config{Paths: []string{"-"}, Stdin: &file, Workers: 2, Hash: true})
	c.Questions = nil
	var enc events.Encoder
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			switch e.Body.Kind() {
			case events.KindFlowGap:
				gaps[e.Key()] = true
			case events.KindDNSMessage, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody:
				tell(message{text: timeless(t, enc.AppendEvent(nil, e)), afterGap: gaps[e.Key()]})
			}
		}
		return nil
	}
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// timeless is a line of JSON without frames, times and stream numbers.
func timeless(t *testing.T, line []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"frame", "sub", "time", "stream"} {
		delete(v, k)
	}
	if _, err := netip.ParseAddrPort(fmt.Sprint(v["client"])); err != nil {
		t.Error(err)
	}
	body := v["body"].(map[string]any)
	for _, k := range []string{"first_frame", "request_frame"} {
		delete(body, k)
	}
	b, err := json.Marshal(v) // maps are written in the order of their keys
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
