package web

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/witness"
)

type connKey struct{}

// Serve runs net/http's server on a port of a host until Close. Every response
// bears the date of the world, so that no capture bears that of the machine.
func (w *World) Serve(h *simnet.Host, port, software string, handler http.Handler) error {
	l, err := w.Listen(h, port)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.serve(rw, r, software, handler)
		}),
		ErrorLog:    log.New(io.Discard, "", 0), // errors show at the client
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	w.OnClose(func() {
		_ = srv.Close() // closing twice does no harm
		<-done
	})
	return nil
}

// serve notes what the handler does.
func (w *World) serve(rw http.ResponseWriter, r *http.Request, software string, handler http.Handler) {
	t := &transfer{method: r.Method, url: RequestURL(r), asked: tell(r.Header)}
	if conn, ok := r.Context().Value(connKey{}).(*witness.Conn); ok {
		w.ledger.addServer(conn, t)
	}
	rw.Header().Set("Date", w.Now().UTC().Format(http.TimeFormat))
	rw.Header().Set("Server", software)
	out := &responseWriter{ResponseWriter: rw, w: w, t: t}
	handler.ServeHTTP(out, r)
	if out.t.status == 0 {
		out.WriteHeader(http.StatusOK)
	}
	w.ledger.fill(func() { t.bytes, t.sha256 = out.content.bytes, out.content.digest() })
}

// RequestURL is what a client asked for, whether it speaks to a proxy or not.
func RequestURL(r *http.Request) string {
	if r.URL.IsAbs() {
		return r.URL.String()
	}
	return "http://" + r.Host + r.URL.RequestURI()
}

// responseWriter keeps what the handler sends.
type responseWriter struct {
	http.ResponseWriter
	w       *World
	t       *transfer
	content content
}

func (o *responseWriter) WriteHeader(status int) {
	o.w.ledger.fill(func() {
		o.t.status, o.t.mediaType, o.t.answered = status, o.Header().Get("Content-Type"), tell(o.Header())
		o.t.ready = o.w.Net.Now().Std()
	})
	o.ResponseWriter.WriteHeader(status)
}

func (o *responseWriter) Write(b []byte) (int, error) {
	if o.t.status == 0 {
		o.WriteHeader(http.StatusOK)
	}
	n, err := o.ResponseWriter.Write(b)
	if o.t.method != http.MethodHead {
		o.content.add(b[:n])
	}
	return n, err
}

// Unwrap lets http.ResponseController flush.
func (o *responseWriter) Unwrap() http.ResponseWriter { return o.ResponseWriter }
