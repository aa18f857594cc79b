package witness

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
)

// ends is a dialled and an accepted connection over the loopback interface,
// with a clock that ticks at every look.
func ends(t *testing.T) (client, server *Side, c, s net.Conn) {
	t.Helper()
	var clock events.Time
	tick := func() events.Time { clock++; return clock } // one goroutine at a time in these tests
	client, server = &Side{Now: tick}, &Side{Now: tick}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback interface: ", err)
	}
	l := server.Listener(inner)
	t.Cleanup(func() { l.Close() })
	var d net.Dialer
	if c, err = client.Dial(d.DialContext)(context.Background(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if s, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return client, server, c, s
}

func say(t *testing.T, from, to net.Conn, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if _, err := io.WriteString(from, p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, len(p))); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTurns(t *testing.T) {
	client, server, c, s := ends(t)
	say(t, c, s, "first ", "request")
	say(t, s, c, "response")
	say(t, c, s, "second request")
	c.Close()
	c.Close()

	pairs, err := Join(client, server)
	if err != nil || len(pairs) != 1 {
		t.Fatal(len(pairs), err)
	}
	for _, end := range []struct {
		name  string
		conn  *Conn
		first bool // writes first
	}{{"client", pairs[0].Client, true}, {"server", pairs[0].Server, false}} {
		runs := end.conn.Account().Runs
		if len(runs) != 3 {
			t.Fatalf("%s: %d runs: %+v", end.name, len(runs), runs)
		}
		for i, bytes := range []int{len("first request"), len("response"), len("second request")} {
			r := runs[i]
			if r.Written != (end.first == (i%2 == 0)) || r.Bytes != int64(bytes) || r.End.Before(r.Start) {
				t.Errorf("%s: run %d: %+v, want %d bytes", end.name, i, r, bytes)
			}
			if i > 0 && !r.Start.After(runs[i-1].End) {
				t.Errorf("%s: run %d begins before the last one is over", end.name, i)
			}
		}
	}
	told := pairs[0].Connection(4)
	if told.ID != 4 || told.ClientBytes != 27 || told.ServerBytes != 8 || told.ClientClosed.IsZero() || !told.ServerClosed.IsZero() ||
		told.Client.String() != c.LocalAddr().String() || told.Server.String() != c.RemoteAddr().String() {
		t.Errorf("%+v", told)
	}
}

func TestJoinMissesAnEnd(t *testing.T) {
	client, server, _, _ := ends(t)
	if _, err := Join(client, &Side{Now: client.Now}); err == nil || !strings.Contains(err.Error(), "never accepted") {
		t.Errorf("dialled only: %v", err)
	}
	if _, err := Join(&Side{Now: client.Now}, server); err == nil || !strings.Contains(err.Error(), "never dialled") {
		t.Errorf("accepted only: %v", err)
	}
}
