package rerun

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
)

// visit is a conversation of a browser, made by hand: times in milliseconds.
type visit struct {
	exchanges []*exchange
	conns     map[int]*Conversation
}

// get adds a request on a connection, from when its first byte goes to when
// its response is over.
func (v *visit) get(conn, from, to int, target, contentType, referer string) *exchange {
	at := func(ms int) events.Time { return events.Time(ms) * events.Time(time.Millisecond) }
	if v.conns == nil {
		v.conns = map[int]*Conversation{}
	}
	c := v.conns[conn]
	if c == nil {
		f := events.Flow{Client: events.Addr4([4]byte{10, 0, 0, 1}), Server: events.Addr4([4]byte{10, 0, 0, 2}), ClientPort: uint16(conn), ServerPort: 80, Proto: 6}
		c = &Conversation{Proto: "tcp", stream: events.StreamKey{Stream: uint32(conn), Proto: 6}, gaps: [2]time.Duration{0, 10 * time.Millisecond}}
		c.Client, c.Server = f.Ends()
		c.Start = at(from - 10) // the handshake is a round trip before
		v.conns[conn] = c
	}
	n := &exchange{c: c, req: &events.HTTPRequest{Method: "GET", Target: target, Host: "h", Version: "1.1", FirstTime: at(from)},
		resp:  &events.HTTPResponse{Status: 200, Version: "1.1", FirstTime: at(from + 10), Headers: []events.Header{{"Content-Type", contentType}}},
		asked: at(from), answered: at(from + 10), over: at(to), first: len(c.exchanges) == 0, before: c.lastOf()}
	if referer != "" {
		n.req.Headers = append(n.req.Headers, events.Header{"Referer", referer})
	}
	c.exchanges = append(c.exchanges, n)
	n.decide()
	if _, err := n.build("http2"); err != nil {
		panic(err)
	}
	v.exchanges = append(v.exchanges, n)
	return n
}

// A page; two images at once, on its connection and a new one; a third that
// waits for a connection; a style sheet that names a font; a click when all is
// done; and an image that a page in progress names.
func TestDepend(t *testing.T) {
	var v visit
	page := v.get(1, 100, 150, "/", "text/html", "")
	one := v.get(1, 152, 180, "/1.png", "image/png", "")
	css := v.get(2, 163, 200, "/a.css", "text/css", "") // decided at 153
	three := v.get(1, 181, 210, "/3.png", "image/png", "")
	font := v.get(2, 205, 230, "/b.woff", "font/woff2", "")
	click := v.get(1, 900, 1000, "/next", "text/html", "")
	early := v.get(2, 950, 990, "/early.png", "image/png", "http://h/next")
	depend(v.exchanges)
	for _, x := range []struct {
		name     string
		n, after *exchange
		half     bool
		behind   *exchange
		thought  int
	}{
		{"page", page, nil, false, nil, 0},
		{"first image", one, page, false, nil, 2},
		{"style sheet, on a new connection", css, page, false, nil, 3},
		{"image behind the first", three, page, false, one, 2},
		{"font", font, css, false, nil, 5},
		{"click", click, font, false, nil, 670},
		{"image of a page in progress", early, click, true, nil, 40},
	} {
		if x.n.after != x.after || x.n.afterHalf != x.half || x.n.thought != time.Duration(x.thought)*time.Millisecond {
			after := "nothing"
			if x.n.after != nil {
				after = x.n.after.req.Target
			}
			t.Errorf("%s: after %s (in part: %t), thought %s", x.name, after, x.n.afterHalf, x.n.thought)
		}
		if (x.behind == nil) != (x.n.played.Behind == nil) || x.behind != nil && x.n.played.Behind != x.behind.played {
			t.Errorf("%s: behind %v", x.name, x.n.played.Behind)
		}
	}
}

// Whatever the clock of a capture does, nothing waits for itself or for what
// comes later.
func TestNoCircles(t *testing.T) {
	var v visit
	for i, x := range [][2]int{{100, 50}, {90, 95}, {90, 90}, {90, 80}, {200, 10}, {100, 100}} {
		v.get(i%2+1, x[0], x[1], "/", "text/html", "http://h/")
	}
	slices.SortStableFunc(v.exchanges, func(a, b *exchange) int { return cmp.Compare(a.decided, b.decided) })
	depend(v.exchanges)
	place := map[*exchange]int{}
	for i, n := range v.exchanges {
		place[n] = i
	}
	for i, n := range v.exchanges {
		if n.after != nil && place[n.after] >= i {
			t.Errorf("exchange %d waits for %d", i, place[n.after])
		}
	}
}
