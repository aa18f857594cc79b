package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	//lint:ignore SA1019 nothing else upgrades from HTTP/1.1
	"golang.org/x/net/http2/h2c"
	"golang.org/x/net/http2/hpack"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// h2wire is what one connection carried, in order, as packets of one flow.
type h2wire struct {
	packets []capture.Packet
	seq     [2]uint32
	port    uint16
}

func newH2Wire(port uint16) *h2wire {
	w := &h2wire{port: port, seq: [2]uint32{1000, 2000}}
	w.say(false, 0x02, nil)
	w.say(true, 0x12, nil)
	w.say(false, 0x10, nil)
	return w
}

func (w *h2wire) say(back bool, flags byte, data []byte) {
	from, to := 0, 1
	if back {
		from, to = 1, 0
	}
	b := binary.BigEndian.AppendUint32(ports(back, w.port), w.seq[from])
	ack := w.seq[to]
	if flags&0x10 == 0 {
		ack = 0
	}
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	w.seq[from] += uint32(len(data)) + uint32(flags&1) + uint32(flags>>1&1)
	w.packets = append(w.packets, ip4(back, events.ProtoTCP, append(b, data...)))
}

func (w *h2wire) close() []capture.Packet {
	w.say(false, 0x11, nil)
	w.say(true, 0x11, nil)
	w.say(false, 0x10, nil)
	return w.packets
}

// recorder is a connection whose bytes are put on a wire as they pass.
type recorder struct {
	net.Conn
	wire *h2wire
}

func (r recorder) Write(b []byte) (int, error) {
	for p := b; len(p) > 0; p = p[min(1400, len(p)):] {
		r.wire.say(false, 0x18, p[:min(1400, len(p))])
	}
	return r.Conn.Write(b)
}

func (r recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b[:min(len(b), 1400)])
	if n > 0 {
		r.wire.say(true, 0x18, b[:n])
	}
	return n, err
}

// h2cServer is the server of golang.org/x/net: interim responses, trailers,
// bodies larger than a frame, pushes.
func h2cServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback:", err)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/hints":
			w.Header().Set("Link", "</s.css>; rel=preload")
			w.WriteHeader(103)
			w.Header().Del("Link")
		case "/push":
			if err := w.(http.Pusher).Push("/pushed", nil); err != nil {
				t.Error(err)
			}
		}
		w.Header().Set("Trailer", "X-Sum")
		w.Header()["Date"] = nil
		fmt.Fprintf(w, "%s read %d: ", r.URL.Path, len(got))
		io.WriteString(w, strings.Repeat("0123456789", 4000))
		w.Header().Set("X-Sum", "of it")
	})
	//lint:ignore SA1019 as above
	s := &http.Server{Handler: h2c.NewHandler(h, &http2.Server{})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

func bodyOf(path string, read int) string {
	return fmt.Sprintf("%s read %d: ", path, read) + strings.Repeat("0123456789", 4000)
}

// client is a client by hand, over the Framer of golang.org/x/net.
type client struct {
	t     *testing.T
	conn  recorder
	frame *http2.Framer
	block bytes.Buffer
	enc   *hpack.Encoder
}

func dial(t *testing.T, w *h2wire) *client {
	conn, err := net.Dial("tcp", h2cServer(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	c := &client{t: t, conn: recorder{conn, w}}
	c.frame = http2.NewFramer(c.conn, c.conn)
	c.frame.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.enc = hpack.NewEncoder(&c.block)
	return c
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hello(settings ...http2.Setting) {
	_, err := io.WriteString(c.conn, http2.ClientPreface)
	c.must(err)
	c.must(c.frame.WriteSettings(settings...))
	c.must(c.frame.WriteWindowUpdate(0, 1<<20))
}

func (c *client) ask(id uint32, end bool, method, path string) {
	c.block.Reset()
	for _, f := range [][2]string{{":method", method}, {":scheme", "http"}, {":authority", "h2.example"}, {":path", path}, {"cookie", "id=secret"}} {
		c.must(c.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	c.must(c.frame.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndStream: end, EndHeaders: true}))
}

// until reads to the end of as many streams.
func (c *client) until(streams int) {
	for streams > 0 {
		f, err := c.frame.ReadFrame()
		c.must(err)
		if s, ok := f.(*http2.SettingsFrame); ok && !s.IsAck() {
			c.must(c.frame.WriteSettingsAck())
		}
		if h := f.Header(); h.Flags.Has(http2.FlagDataEndStream) && (h.Type == http2.FrameData || h.Type == http2.FrameHeaders) {
			streams--
		}
	}
}

// messages are the HTTP events of packets, one short line each.
func messages(t *testing.T, ps []capture.Packet) string {
	t.Helper()
	var b strings.Builder
	c := all(Config{Paths: []string{"-"}, Stdin: bytes.NewReader(pcapOf(ps...)), Workers: 1, Hash: true, Limits: events.DefaultLimits()})
	c.Questions, c.Rows = nil, nil
	requests := map[uint64]string{}
	c.Events = func(list []*events.Event) error {
		for _, e := range list {
			layer := e.Layer[strings.LastIndexByte(e.Layer, '/')+1:]
			switch x := e.Body.(type) {
			case *events.HTTPRequest:
				requests[e.Pos.Frame<<16|x.HTTPStream] = x.Target
				fmt.Fprintf(&b, "%s %s > %d %s %s%s HTTP/%s cookie %s\n", layer, e.From, x.HTTPStream, x.Method, x.Host, x.Target, x.Version, events.Get(x.Headers, "cookie"))
			case *events.HTTPResponse:
				to := requests[x.RequestFrame<<16|x.HTTPStream]
				if to == "" { // the request that was upgraded has no number
					to = requests[x.RequestFrame<<16]
				}
				fmt.Fprintf(&b, "%s %s < %d %d to %s", layer, e.From, x.HTTPStream, x.Status, to)
				if x.Interim {
					b.WriteString(" interim")
				}
				b.WriteByte('\n')
			case *events.HTTPBody:
				fmt.Fprintf(&b, "%s %s body %d of %s %d %.8s complete %v trailers %d\n", layer, e.From, x.HTTPStream, x.Of, x.Bytes, x.SHA256, x.Complete, len(x.Trailers))
			case *events.FlowDetected:
				fmt.Fprintf(&b, "%s by %s\n", x.Protocol, x.By)
			case *events.FlowViolation, *events.FlowLimit, *events.FlowGap:
				fmt.Fprintf(&b, "%s %+v\n", x.Kind(), x)
			}
		}
		return nil
	}
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func sumOf(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:4])
}

// bodyLine is the http.body of a response of h2cServer.
func bodyLine(id int, path string, read int) string {
	s := bodyOf(path, read)
	return fmt.Sprintf("http2 server body %d of response %d %s complete true trailers 1\n", id, len(s), sumOf(s))
}

// The golden conversation of an upgrade to h2c (RFC 7540 section 3.2): the
// request of HTTP/1.1 is stream 1, is told once, and is paired with the
// response of HTTP/2.
func TestUpgradeToHTTP2(t *testing.T) {
	w := newH2Wire(8080)
	c := dial(t, w)
	settings := base64.RawURLEncoding.EncodeToString([]byte{0, 4, 0, 16, 0, 0})
	io.WriteString(c.conn, "GET /first HTTP/1.1\r\nHost: h2.example\r\nCookie: id=secret\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "+settings+"\r\n\r\n")
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
		if _, err := c.conn.Read(one); err != nil {
			t.Fatal(err)
		}
	}
	c.hello(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, http2.Setting{ID: http2.SettingEnablePush, Val: 0})
	c.until(1)
	c.ask(3, true, "GET", "/hints")
	c.until(1)
	c.ask(5, false, "POST", "/up")
	c.must(c.frame.WriteDataPadded(5, false, []byte("hello "), make([]byte, 20)))
	c.must(c.frame.WriteData(5, true, []byte("there")))
	c.until(1)
	const cookie = "id=<redacted:2bb80d53>" // sha256("secret")
	want := "http1 by content\n" +
		"http1 client > 0 GET h2.example/first HTTP/1.1 cookie " + cookie + "\n" +
		"http1 server < 0 101 to /first\n" +
		"http2 by named\n" +
		"http2 server < 1 200 to /first\n" + bodyLine(1, "/first", 0) +
		"http2 client > 3 GET h2.example/hints HTTP/2 cookie " + cookie + "\n" +
		"http2 server < 3 103 to /hints interim\n" +
		"http2 server < 3 200 to /hints\n" + bodyLine(3, "/hints", 0) +
		"http2 client > 5 POST h2.example/up HTTP/2 cookie " + cookie + "\n" +
		"http2 client body 5 of request 11 " + sumOf("hello there") + " complete true trailers 0\n" +
		"http2 server < 5 200 to /up\n" + bodyLine(5, "/up", 11)
	if got := messages(t, w.close()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Prior knowledge (RFC 9113 section 3.3), on a port that says nothing, with a
// push.
func TestPriorKnowledge(t *testing.T) {
	w := newH2Wire(39999)
	c := dial(t, w)
	c.hello(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	c.ask(1, true, "GET", "/push")
	c.until(2)
	got := messages(t, w.close())
	for _, want := range []string{
		"http2 by content\n",
		"http2 client > 1 GET h2.example/push HTTP/2 cookie id=<redacted:2bb80d53>\n",
		"http2 server > 2 GET h2.example/pushed HTTP/2 cookie \n",
		"http2 server < 2 200 to /pushed\n", bodyLine(2, "/pushed", 0),
		"http2 server < 1 200 to /push\n", bodyLine(1, "/push", 0),
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("not once: %sin\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 7 {
		t.Errorf("%d lines:\n%s", n, got)
	}
}
