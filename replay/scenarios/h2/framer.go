package h2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wiretale/wiretale/replay/scenarios/internal/multiplex"
	"github.com/wiretale/wiretale/replay/truth"
)

// client is a small HTTP/2 client over the library's Framer: it says
// priorities and takes pushes. It is used by one goroutine.
type client struct {
	*site
	conn    *multiplex.Conn
	framer  *http2.Framer
	out     bytes.Buffer // header blocks
	encoder *hpack.Encoder
	decoder *hpack.Decoder
	next    uint32 // stream
	open    map[uint32]*response
	calls   []*multiplex.Call
}

// response is one that is under way.
type response struct {
	call   *multiplex.Call
	status int
	body   []byte
}

// window is how much the server may send without being told of more: more
// than it has.
const window = 1 << 20

// dial connects and sends the preface (RFC 9113 section 3.4).
func (s *site) dial(ctx context.Context, push bool) (*client, error) {
	conn, err := s.origin.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &client{site: s, conn: conn, framer: http2.NewFramer(conn, conn), decoder: hpack.NewDecoder(4096, nil), next: 1, open: map[uint32]*response{}}
	c.encoder = hpack.NewEncoder(&c.out)
	c.framer.ReadMetaHeaders = c.decoder
	settings := []http2.Setting{{ID: http2.SettingEnablePush, Val: 0}, {ID: http2.SettingInitialWindowSize, Val: window}}
	if push {
		settings[0].Val = 1
	}
	_, err = io.WriteString(conn, http2.ClientPreface)
	if err := errors.Join(err, c.framer.WriteSettings(settings...), c.framer.WriteWindowUpdate(0, window)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// get asks for a path with a priority (RFC 7540 section 5.3).
func (c *client) get(path string, p http2.PriorityParam) error {
	call := c.Ask(c.origin, c.conn, http.MethodGet, c.origin.URL(path))
	c.out.Reset()
	scheme := "http"
	if c.Params.TLS {
		scheme = "https"
	}
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: http.MethodGet}, {Name: ":scheme", Value: scheme},
		{Name: ":authority", Value: siteName}, {Name: ":path", Value: path}, {Name: "user-agent", Value: "wiretale-replay"},
	} {
		if err := c.encoder.WriteField(f); err != nil {
			return err
		}
	}
	id := c.next
	c.next += 2
	c.open[id] = &response{call: call}
	c.calls = append(c.calls, call)
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: c.out.Bytes(), EndStream: true, EndHeaders: true, Priority: p})
	call.Sent()
	c.prefers(path, p)
	return err
}

// reprioritize changes the priority of a stream (RFC 7540 section 6.3).
func (c *client) reprioritize(stream uint32, path string, p http2.PriorityParam) error {
	c.prefers(path, p)
	return c.framer.WritePriority(stream, p)
}

// prefers notes a priority in the truth.
func (c *client) prefers(path string, p http2.PriorityParam) {
	if p.IsZero() {
		return
	}
	c.Chose(truth.Choice{Time: c.Now(), Host: c.Browser.Name(), What: "priority", Of: c.origin.URL(path),
		Why: fmt.Sprintf("weight %d, depends on stream %d", int(p.Weight)+1, p.StreamDep)})
}

// receive reads until the response on a stream is whole; 0: all responses.
func (c *client) receive(stream uint32) error {
	waits := func() bool {
		if stream == 0 {
			return len(c.open) > 0
		}
		return c.open[stream] != nil
	}
	for waits() {
		f, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		if err := c.frame(f); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) frame(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return c.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.PushPromiseFrame:
		return c.promise(f)
	case *http2.MetaHeadersFrame:
		r := c.open[f.StreamID]
		if r == nil {
			return fmt.Errorf("a head on stream %d", f.StreamID)
		}
		mediaType := ""
		for _, h := range f.RegularFields() {
			if h.Name == "content-type" {
				mediaType = h.Value
			}
		}
		if _, err := fmt.Sscan(f.PseudoValue("status"), &r.status); err != nil {
			return fmt.Errorf("stream %d: status: %w", f.StreamID, err)
		}
		r.call.Head(r.status, mediaType)
		return c.ended(f.StreamID, f.StreamEnded())
	case *http2.DataFrame:
		r := c.open[f.StreamID]
		if r == nil {
			return fmt.Errorf("data on stream %d", f.StreamID)
		}
		if len(f.Data()) > 0 {
			r.call.Got(len(f.Data()))
			r.body = append(r.body, f.Data()...)
		}
		return c.ended(f.StreamID, f.StreamEnded())
	case *http2.RSTStreamFrame:
		return fmt.Errorf("stream %d was reset: %s", f.StreamID, f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server went away: %s", f.ErrCode)
	}
	return nil
}

// promise takes a pushed request (RFC 9113 section 8.4.1).
func (c *client) promise(f *http2.PushPromiseFrame) error {
	if !f.HeadersEnded() {
		return errors.New("a promise in several frames")
	}
	fields, err := c.decoder.DecodeFull(f.HeaderBlockFragment())
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for _, h := range fields {
		byName[h.Name] = h.Value
	}
	call := c.Promised(c.origin, c.conn, byName[":method"], byName[":scheme"]+"://"+byName[":authority"]+byName[":path"])
	c.open[f.PromiseID] = &response{call: call}
	c.calls = append(c.calls, call)
	return nil
}

func (c *client) ended(stream uint32, over bool) error {
	if !over {
		return nil
	}
	r := c.open[stream]
	delete(c.open, stream)
	r.call.Done(r.body)
	if r.status != http.StatusOK {
		return fmt.Errorf("%s: status %d", r.call.URL(), r.status)
	}
	return nil
}

// bye ends the connection when the server has said goodbye too (RFC 9113
// section 6.8), so that nothing meets a closed socket.
func (c *client) bye(lastPushed uint32) error {
	err := c.framer.WriteGoAway(lastPushed, http2.ErrCodeNo, nil)
	for err == nil {
		var f http2.Frame
		if f, err = c.framer.ReadFrame(); err != nil {
			break
		}
		if _, ok := f.(*http2.GoAwayFrame); ok {
			break
		}
	}
	return errors.Join(err, c.conn.Close())
}

// weighs is a priority as people write it: weight 1 to 256.
func weighs(weight int, dependsOn uint32) http2.PriorityParam {
	return http2.PriorityParam{Weight: uint8(weight - 1), StreamDep: dependsOn}
}

// prioritize asks for the large object first, as if nothing else were needed,
// then for the small ones, and says that the large one may wait for them.
func (s *site) prioritize(ctx context.Context) error {
	c, err := s.dial(ctx, false)
	if err != nil {
		return err
	}
	const largeStream, styleStream, scriptStream, logoStream = 1, 3, 5, 7
	if err := errors.Join(
		c.get(largePath, weighs(16, 0)),
		// Nothing can be shown before the style sheet is there.
		c.get(stylePath, weighs(256, 0)),
		c.get(scriptPath, weighs(128, styleStream)),
		c.get(logoPath, weighs(64, scriptStream)),
		c.reprioritize(largeStream, largePath, weighs(1, logoStream)),
	); err != nil {
		return errors.Join(err, c.conn.Close())
	}
	if err := c.receive(0); err != nil {
		return errors.Join(err, c.conn.Close())
	}
	multiplex.Finished(s.World, c.calls)
	return c.bye(0)
}

// takePushes asks for the page, and when that is there for the large object
// that it shows. What else the page needs the server knew before.
func (s *site) takePushes(ctx context.Context) error {
	c, err := s.dial(ctx, true)
	if err != nil {
		return err
	}
	none := http2.PriorityParam{}
	steps := []func() error{
		func() error { return c.get(pagePath, none) },
		func() error { return c.receive(1) },
		func() error { return c.get(largePath, none) },
		func() error { return c.receive(0) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return errors.Join(err, c.conn.Close())
		}
	}
	multiplex.Finished(s.World, c.calls)
	return c.bye(uint32(2 * len(small)))
}
