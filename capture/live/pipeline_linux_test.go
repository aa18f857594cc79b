//go:build !libpcap

package live

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

// recorder is an Input that also writes what it gives to a file.
type recorder struct {
	capture.Input
	w capture.Writer
}

func (r *recorder) Next(b *capture.Batch) error {
	err := r.Input.Next(b)
	if err != nil {
		return err
	}
	for _, p := range b.Packets {
		if err := r.w.WritePacket(int(p.Iface), p); err != nil {
			return err
		}
	}
	return nil
}

// The events of an interface are those of a file of its packets.
func TestPipelineOnAnInterface(t *testing.T) {
	cable(t)
	for _, rings := range []int{1, 2} {
		s := open(t, Config{Interface: "lo", Fanout: rings})
		var file bytes.Buffer
		w := capture.NewPcapngWriter(&file, capture.Info{})
		if _, err := w.AddInterface(s.Interfaces()[0]); err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello ", r.URL.Path) }))
		var runErr error
		var live []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			live, runErr = lines(t.Context(), pipeline.Config{Input: &recorder{s, w}})
		}()
		// The connections are made here, in this goroutine's namespace.
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer(t, web.Listener.Addr().String())}}
		for i := range 10 {
			r, err := client.Get(fmt.Sprintf("%s/%d", web.URL, i))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		web.Close()
		s.Stop()
		<-done
		if runErr != nil {
			t.Fatal(runErr)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "same.pcapng")
		if err := os.WriteFile(path, file.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		want, err := lines(t.Context(), pipeline.Config{Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(live, want) || len(want) < 40 {
			t.Errorf("%d events, of the file %d", len(live), len(want))
		}
	}
}

// dialer connects at once, in the caller's namespace: the dialer of net/http
// does so in a goroutine of its own, which is in another.
func dialer(t *testing.T, addr string) func(context.Context, string, string) (net.Conn, error) {
	var ready []net.Conn
	for range 10 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		ready = append(ready, c)
	}
	next := make(chan net.Conn, len(ready))
	for _, c := range ready {
		next <- c
	}
	return func(context.Context, string, string) (net.Conn, error) { return <-next, nil }
}

func lines(ctx context.Context, c pipeline.Config) ([]string, error) {
	var out bytes.Buffer
	e := report.NewEventLines(&out)
	c.Limits = events.DefaultLimits()
	c.Want = events.SetOf(events.Kinds()...)
	c.Events = func(list []*events.Event) error {
		for _, ev := range list {
			if err := e.Event(ev); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := pipeline.Run(ctx, c)
	if err == nil {
		err = e.Flush()
	}
	var all []string
	for l := range bytes.Lines(out.Bytes()) {
		all = append(all, string(l))
	}
	return all, err
}

// A run that is canceled ends though no packet comes.
func TestPipelineCanceled(t *testing.T) {
	cable(t)
	s := open(t, Config{Interface: "wl0"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := lines(ctx, pipeline.Config{Input: s})
		done <- err
	}()
	cancel()
	if err := <-done; err != context.Canceled {
		t.Error(err)
	}
}
