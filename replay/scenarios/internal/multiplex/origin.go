package multiplex

//lint:file-ignore SA1019 golang.org/x/net/http2 is the reference that this scenario runs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// sealing is what lies between an origin's HTTP and the network.
type sealing uint8

const (
	clear   sealing = iota // TCP, HTTP/2 with prior knowledge (RFC 9113 section 3.3)
	overTLS                // TCP, TLS, HTTP/2
	inQUIC                 // HTTP/3
)

// Origin is a web server of one name on a host of its own.
type Origin struct {
	Host *simnet.Host
	Name string // DNS name
	// Pushes are paths that the server pushes with a path (RFC 9113 section 8.4).
	Pushes map[string][]string
	// Think is how long the server needs until a response is ready; nil: no
	// time at all.
	Think func(path string) time.Duration
	// Slice is how many bytes the server writes at a time; 0: so few that
	// streams take turns often. What it has written waits for its turn; what it
	// has not is not waiting yet.
	Slice int

	w        *World
	addr     netip.Addr
	contents map[string]Content
	sealing  sealing

	client, server witness.Side // TCP connections, at the browser and here
	socket         *witness.PacketConn

	mu    sync.Mutex
	conns []*Conn
	// layouts are of the connections in clear that carry HTTP/2.
	layouts []*layout
	hellos  []hello // as they came in
	fault   error   // of the server
}

// hello is a client's hello as the server read it.
type hello struct {
	from netip.AddrPort
	name string
	alpn []string
}

// port is where an origin listens.
func (o *Origin) port() uint16 {
	if o.sealing == clear {
		return 80
	}
	return 443
}

// Addr is where the origin listens.
func (o *Origin) Addr() netip.AddrPort { return netip.AddrPortFrom(o.addr, o.port()) }

// URL is that of a path on the origin.
func (o *Origin) URL(path string) string {
	if o.sealing == clear {
		return "http://" + o.Name + path
	}
	return "https://" + o.Name + path
}

// Origin adds a web server's host and its link to the browser.
func (w *World) Origin(host, name string, addr netip.Addr, there, back simnet.Path, contents map[string]Content) (*Origin, error) {
	h, err := w.Host(host, "web server of "+name, addr)
	if err != nil {
		return nil, err
	}
	if err := w.Net.Connect(w.Browser, h, there, back); err != nil {
		return nil, err
	}
	o := &Origin{Host: h, Name: name, w: w, addr: h.Addrs()[0], contents: contents}
	o.client.Now, o.server.Now = w.Net.Now, w.Net.Now
	w.origins = append(w.origins, o)
	return o, nil
}

// ServeHTTP2 runs golang.org/x/net/http2 on the origin until the end of the
// run, under TLS or with prior knowledge. scheduler is nil for the library's
// own choice.
func (o *Origin) ServeHTTP2(secure bool, scheduler func() http2.WriteScheduler) error {
	var config *tls.Config
	if secure {
		o.sealing = overTLS
		var err error
		if config, err = o.tlsConfig("h2"); err != nil {
			return err
		}
	}
	l, err := o.Host.Listen("tcp", ":"+strconv.Itoa(int(o.port())))
	if err != nil {
		return err
	}
	listener := o.server.Listener(l)
	srv := &http2.Server{NewWriteScheduler: scheduler}
	base := &http.Server{ErrorLog: log.New(io.Discard, "", 0)} // errors show at the client
	var wg sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		ends, err := endsOf(conn, true)
		if err != nil {
			o.failed(err)
			return
		}
		if config != nil {
			t := tls.Server(conn, config)
			if err := t.Handshake(); err != nil {
				o.failed(fmt.Errorf("%s: %w", o.Name, err))
				return
			}
			conn = t
		} else {
			l := &layout{Conn: conn}
			o.mu.Lock()
			o.layouts = append(o.layouts, l)
			o.mu.Unlock()
			conn = l
		}
		srv.ServeConn(conn, &http2.ServeConnOpts{BaseConfig: base, Handler: o.handler(ends)})
	}
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(conn) })
		}
	})
	o.w.onEnd(func() {
		_ = l.Close()
		for _, c := range o.server.Conns() {
			_ = c.Close()
		}
		wg.Wait()
	})
	return nil
}

func (o *Origin) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fault = errors.Join(o.fault, err)
}

// endsOf are the addresses of a TCP connection.
func endsOf(c net.Conn, server bool) (ends, error) {
	l, lok := c.LocalAddr().(*net.TCPAddr)
	r, rok := c.RemoteAddr().(*net.TCPAddr)
	if !lok || !rok {
		return ends{}, errors.New("multiplex: no TCP connection")
	}
	e := ends{addrPort(l.AddrPort()), addrPort(r.AddrPort())}
	if server {
		e.client, e.server = e.server, e.client
	}
	return e, nil
}

// tlsConfig is that of a server which speaks one protocol.
func (o *Origin) tlsConfig(alpn string) (*tls.Config, error) {
	cert, err := o.w.authority.Issue(o.Name)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{alpn}, Time: o.w.Now, MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			in := hello{name: h.ServerName, alpn: append([]string(nil), h.SupportedProtos...)}
			switch a := h.Conn.RemoteAddr().(type) {
			case *net.TCPAddr:
				in.from = addrPort(a.AddrPort())
			case *net.UDPAddr:
				in.from = addrPort(a.AddrPort())
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			o.hellos = append(o.hellos, in)
			return nil, nil
		},
	}, nil
}

// defaultSlice is less than HTTP/2 puts into a frame.
const defaultSlice = 4096

// handler answers the requests of one connection.
func (o *Origin) handler(e ends) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { o.answer(e, rw, r) })
}

func (o *Origin) answer(e ends, rw http.ResponseWriter, r *http.Request) {
	w := o.w
	j := &w.journal
	now := w.Now()
	j.mu.Lock()
	call := j.call(o, r.Method, o.URL(r.URL.RequestURI()))
	s := &call.server
	if !s.opened { // else it is the server's own request
		s.opened, s.ends, s.asked = true, e, at(o.Host.Name(), now)
	}
	j.mu.Unlock()

	if o.Think != nil {
		time.Sleep(o.Think(r.URL.Path))
	}
	status := http.StatusOK
	c, ok := o.contents[r.URL.Path]
	if !ok {
		status, c = http.StatusNotFound, Content{Type: "text/plain", Body: []byte("not found\n")}
	}
	ready := w.Now()
	o.push(e, rw, r.URL.Path)

	h := rw.Header()
	// The network's date: no file carries the one of this machine.
	h.Set("Date", now.Format(http.TimeFormat))
	h.Set("Server", "wiretale-replay")
	h.Set("Content-Type", c.Type)
	h.Set("Content-Length", strconv.Itoa(len(c.Body)))
	h.Set("Cache-Control", "max-age=3600")
	start := w.Now()
	rw.WriteHeader(status)
	size := o.Slice
	if size == 0 {
		size = defaultSlice
	}
	for part := range slices.Chunk(c.Body, size) {
		if _, err := rw.Write(part); err != nil {
			return // the client sees it missing
		}
	}
	if f, ok := rw.(http.Flusher); ok {
		f.Flush()
	}
	end := w.Now()
	call.with(func() {
		s.ready, s.said = ready, truth.End{Host: o.Host.Name(), Start: start, End: end}
		s.status, s.mediaType, s.bytes, s.sum, s.done = status, c.Type, int64(len(c.Body)), digest(c.Body), true
	})
}

// push promises what goes with a path.
func (o *Origin) push(e ends, rw http.ResponseWriter, path string) {
	p, ok := rw.(http.Pusher)
	if !ok {
		return
	}
	for _, target := range o.Pushes[path] {
		j := &o.w.journal
		start := o.w.Now()
		j.mu.Lock()
		call := j.call(o, http.MethodGet, o.URL(target))
		s := &call.server
		s.opened, s.ends, s.asked = true, e, at(o.Host.Name(), start)
		call.pushed = true
		j.mu.Unlock()
		if err := p.Push(target, nil); err != nil {
			o.failed(fmt.Errorf("push of %s: %w", target, err))
		}
		call.with(func() { s.asked.End = o.w.Now() })
	}
}
