package http2

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

const (
	fromClient = events.FromClient
	fromServer = events.FromServer
)

// peer writes as one side does, by another implementation than the one under
// test: golang.org/x/net/http2 makes its frames and its header blocks.
type peer struct {
	from  events.Dir
	buf   bytes.Buffer
	frame *http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func newPeer(from events.Dir) *peer {
	p := &peer{from: from}
	p.frame = http2.NewFramer(&p.buf, nil)
	p.frame.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.block)
	return p
}

// hpack encodes "name: value" lines.
func (p *peer) hpack(fields ...string) []byte {
	p.block.Reset()
	for _, f := range fields {
		name, value, _ := strings.Cut(f[1:], ": ")
		p.enc.WriteField(hpack.HeaderField{Name: f[:1] + name, Value: value, Sensitive: name == "uthorization"})
	}
	return bytes.Clone(p.block.Bytes())
}

// says is all that write wrote, as one chunk.
func (p *peer) says(write ...func()) dt.Chunk {
	p.buf.Reset()
	for _, w := range write {
		w()
	}
	return dt.Chunk{From: p.from, Bytes: bytes.Clone(p.buf.Bytes())}
}

func (p *peer) preface() func() { return func() { p.buf.WriteString(prefaceText) } }

func (p *peer) settings(s ...http2.Setting) func() {
	return func() { p.frame.WriteSettings(s...) }
}

func (p *peer) ack() func() { return func() { p.frame.WriteSettingsAck() } }

// headers writes a whole block; end sets END_STREAM.
func (p *peer) headers(id uint32, end bool, fields ...string) func() {
	return func() {
		p.frame.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.hpack(fields...), EndStream: end, EndHeaders: true})
	}
}

// split writes a block in HEADERS and CONTINUATIONs of n bytes.
func (p *peer) split(id uint32, end bool, n int, fields ...string) func() {
	return func() {
		b := p.hpack(fields...)
		p.frame.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:n], EndStream: end})
		for b = b[n:]; len(b) > n; b = b[n:] {
			p.frame.WriteContinuation(id, false, b[:n])
		}
		p.frame.WriteContinuation(id, true, b)
	}
}

func (p *peer) data(id uint32, end bool, b string) func() {
	return func() { p.frame.WriteData(id, end, []byte(b)) }
}

func (p *peer) padded(id uint32, end bool, b string, pad int) func() {
	return func() { p.frame.WriteDataPadded(id, end, []byte(b), make([]byte, pad)) }
}

func (p *peer) push(id, promised uint32, fields ...string) func() {
	return func() {
		p.frame.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: promised, BlockFragment: p.hpack(fields...), EndHeaders: true})
	}
}

func (p *peer) window(id, n uint32) func() { return func() { p.frame.WriteWindowUpdate(id, n) } }

func (p *peer) reset(id uint32, code http2.ErrCode) func() {
	return func() { p.frame.WriteRSTStream(id, code) }
}

func (p *peer) raw(t frameType, flags byte, id uint32, b string) func() {
	return func() { p.frame.WriteRawFrame(http2.FrameType(t), http2.Flags(flags), id, []byte(b)) }
}

// lines are the events of a tape, one short line each: what a reader of the
// RFC would say happened.
func lines(tape *dt.Tape) string {
	var b strings.Builder
	for _, r := range tape.Records {
		fmt.Fprintf(&b, "%d %c ", r.Frame, r.From.String()[0])
		switch e := r.Body.(type) {
		case *events.HTTP2Frame:
			fmt.Fprintf(&b, "%s %d (%d)", e.Type, e.HTTPStream, e.Length)
			for _, f := range e.Flags {
				b.WriteString(" " + f)
			}
			for _, s := range e.Settings {
				fmt.Fprintf(&b, " %s=%d", s.Name, s.Value)
			}
			if e.WindowIncrement > 0 {
				fmt.Fprintf(&b, " +%d", e.WindowIncrement)
			}
			if e.PromisedStream > 0 {
				fmt.Fprintf(&b, " promises %d", e.PromisedStream)
			}
			if e.Weight > 0 {
				fmt.Fprintf(&b, " on %d weight %d %v", e.DependsOn, e.Weight, e.Exclusive)
			}
			if e.ErrorCode != "" {
				b.WriteString(" " + e.ErrorCode)
			}
			if e.LastStream != nil {
				fmt.Fprintf(&b, " last %d", *e.LastStream)
			}
			if e.Padding > 0 {
				fmt.Fprintf(&b, " pad %d", e.Padding)
			}
			if e.PrioritizedStream > 0 {
				fmt.Fprintf(&b, " of %d", e.PrioritizedStream)
			}
			for _, s := range append(e.Origins, e.Value, e.Opaque, e.Debug) {
				if s != "" {
					b.WriteString(" " + s)
				}
			}
			if e.Undecodable {
				b.WriteString(" undecodable")
			}
		case *events.HTTPRequest:
			fmt.Fprintf(&b, "> %d %s %s %s %s HTTP/%s", e.HTTPStream, e.Method, e.Scheme, e.Host, e.Target, e.Version)
			if e.HasBody {
				b.WriteString(" +body")
			}
			headers(&b, e.Headers)
		case *events.HTTPResponse:
			fmt.Fprintf(&b, "< %d %d for %d", e.HTTPStream, e.Status, e.RequestFrame)
			if e.Interim {
				b.WriteString(" interim")
			}
			if e.HasBody {
				b.WriteString(" +body")
			}
			headers(&b, e.Headers)
		case *events.HTTPBody:
			fmt.Fprintf(&b, "body %d of %s for %d: %d/%d", e.HTTPStream, e.Of, e.RequestFrame, e.Bytes, e.WireBytes)
			if e.ContentType != "" {
				b.WriteString(" " + e.ContentType)
			}
			if !e.Complete {
				b.WriteString(" incomplete")
			}
			if e.Missing > 0 {
				fmt.Fprintf(&b, " missing %d", e.Missing)
			}
			if e.DecodedBytes > 0 {
				fmt.Fprintf(&b, " decoded %d %.8s", e.DecodedBytes, e.SHA256)
			}
			headers(&b, e.Trailers)
		case *events.GRPCMessage:
			fmt.Fprintf(&b, "grpc %d of %s %d", e.HTTPStream, e.Of, e.Length)
			if e.Compressed {
				b.WriteString(" compressed")
			}
			if !e.Complete {
				b.WriteString(" incomplete")
			}
		case *events.FlowViolation:
			fmt.Fprintf(&b, "! %s", e.Reason)
		case *events.FlowLimit:
			fmt.Fprintf(&b, "limit %s", e.Limit)
		case *events.FlowGap:
			fmt.Fprintf(&b, "gap %d", e.Bytes)
		default:
			b.WriteString(r.Kind)
			if n, ok := r.What.(decoders.Next); ok {
				fmt.Fprintf(&b, " %q", n.Protocol)
			}
		}
		if r.Truncated {
			b.WriteString(" truncated")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func headers(b *strings.Builder, hs []events.Header) {
	for _, h := range hs {
		fmt.Fprintf(b, " | %s=%s", h[0], h[1])
	}
}

// without drops the lines of frames: what is left are the messages.
func without(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		words := strings.Fields(line)
		if len(words) > 2 && frameNames[words[2]] && !strings.Contains(line, "undecodable") {
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}

var frameNames = func() map[string]bool {
	m := map[string]bool{}
	for _, r := range rules {
		m[r.name] = r.name != ""
	}
	return m
}()
