package stage

import (
	"context"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/truth"
)

func TestWhen(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	var s speech
	s.add([]byte("abc"), at(1), at(2))
	s.add(nil, at(3), at(3))
	s.add([]byte("de"), at(4), at(5))
	for _, c := range []struct{ a, b, start, end int }{{0, 1, 1, 2}, {0, 3, 1, 2}, {2, 4, 1, 5}, {3, 5, 4, 5}} {
		if start, end := s.when(c.a, c.b); !start.Equal(at(c.start)) || !end.Equal(at(c.end)) {
			t.Errorf("bytes %d to %d: from %s to %s", c.a, c.b, start, end)
		}
	}
	rest := s.behind(2)
	if start, end := rest.when(0, 3); string(rest.bytes) != "cde" || !start.Equal(at(1)) || !end.Equal(at(5)) {
		t.Errorf("behind 2: %q from %s to %s", rest.bytes, start, end)
	}
}

func TestNextLine(t *testing.T) {
	b := []byte("one\r\ntwo\nrest")
	line, next, ok := NextLine(b, 0)
	if line != "one" || next != 5 || !ok {
		t.Error(line, next, ok)
	}
	if line, next, ok = NextLine(b, next); line != "two" || next != 9 || !ok {
		t.Error(line, next, ok)
	}
	if _, _, ok = NextLine(b, next); ok {
		t.Error("a line without an end")
	}
}

// talk plays a question and its answer; with hang the server never answers.
func talk(ctx context.Context, p scenarios.Params, hang bool) (*scenarios.Result, error) {
	var client, server *Actor
	return Play(ctx, p, Limit(p, 10),
		func(st *Stage) (err error) {
			if client, err = st.Add("client", "asks", netip.MustParseAddr("10.0.0.1")); err != nil {
				return err
			}
			if server, err = st.Add("server", "answers", netip.MustParseAddr("10.0.0.2")); err != nil {
				return err
			}
			return st.Join(client, server, p.Path(p.RTT))
		},
		func(ctx context.Context) error {
			l, err := server.Listen(":7")
			if err != nil {
				return err
			}
			go func() {
				c, err := Lingering(l).Accept()
				if err != nil {
					return
				}
				io.ReadFull(c, make([]byte, 9))
				if hang {
					io.Copy(io.Discard, c)
				}
				io.WriteString(c, "answer\r\n")
				c.Close()
			}()
			c, err := client.Dial(ctx, "tcp", "10.0.0.2:7")
			if err != nil {
				return err
			}
			c = Linger(c)
			if _, err := io.WriteString(c, "question\n"); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, make([]byte, 8)); err != nil {
				return err
			}
			return c.Close()
		},
		func(r *Result) error {
			cs, err := r.Conversations(Talk{Client: client, Server: server})
			if err != nil {
				return err
			}
			for _, from := range []events.Dir{events.FromClient, events.FromServer} {
				m, err := cs[0].Message(truth.FTPCommand, from, 0, len(cs[0].Said(from)))
				if err != nil {
					return err
				}
				r.Truth.Messages = append(r.Truth.Messages, m)
			}
			if _, err := cs[0].Message(truth.FTPCommand, events.FromServer, 0, 100); err == nil {
				return io.ErrShortBuffer // there are no hundred bytes
			}
			return nil
		})
}

// leaves checks that no goroutine is left behind.
func leaves(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestPlay(t *testing.T) {
	before := runtime.NumGoroutine()
	r, err := talk(t.Context(), scenarios.Params{RTT: 10 * time.Millisecond, Seed: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	leaves(t, before)
	if len(r.Truth.Connections) != 1 || len(r.Truth.Messages) != 2 || len(r.Truth.Hosts) != 2 || len(r.Truth.Paths) != 2 {
		t.Fatalf("%+v", r.Truth)
	}
	c := r.Truth.Connections[0]
	if c.ClientBytes != 9 || c.ServerBytes != 8 || c.ServerClosed.IsZero() || c.ClientClosed.IsZero() {
		t.Errorf("%+v", c)
	}
	for _, m := range r.Truth.Messages {
		if m.Receiver.Start.Sub(m.Sender.Start) < 5*time.Millisecond {
			t.Errorf("arrived before the link allows it: %+v", m)
		}
	}
}

// A run that hangs ends with its context.
func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := talk(ctx, scenarios.Params{RTT: 10 * time.Millisecond}, true); err == nil {
		t.Error("no error")
	}
	leaves(t, before)
}
