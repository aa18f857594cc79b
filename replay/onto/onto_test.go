package onto

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
)

// file is a capture of frames with these times and lengths.
func file(t *testing.T, link capture.LinkType, packets ...capture.Packet) *capture.Source {
	t.Helper()
	var buf bytes.Buffer
	w := capture.NewPcapngWriter(&buf, capture.Info{})
	if _, err := w.AddInterface(capture.Interface{Link: link, Resolution: 9}); err != nil {
		t.Fatal(err)
	}
	for _, k := range packets {
		if err := w.WritePacket(0, k); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pcapng")
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// mockPort takes frames up to most bytes.
type mockPort struct {
	most  int
	sent  [][]byte
	times []time.Time
}

func (m *mockPort) send(frames [][]byte) (int, error) {
	for i, f := range frames {
		if len(f) > m.most {
			return i, errTooLong
		}
		m.sent, m.times = append(m.sent, bytes.Clone(f)), append(m.times, time.Now())
	}
	return len(frames), nil
}

func (*mockPort) close() error { return nil }

func at(ms int, bytes int) capture.Packet {
	d := make([]byte, bytes)
	d[0] = byte(ms)
	return capture.Packet{Data: d, Time: events.Time(ms) * 1e6}
}

func TestPaces(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		pace Pace
		want []time.Duration // after the first, at least
	}{
		{Pace{}, []time.Duration{0, 10 * ms, 10 * ms, 30 * ms}}, // the third bears an earlier time
		{Pace{Speed: 2}, []time.Duration{0, 5 * ms, 5 * ms, 15 * ms}},
		{Pace{PPS: 100}, []time.Duration{0, 10 * ms, 20 * ms, 30 * ms}},
		{Pace{Mbps: 1}, []time.Duration{0, 8 * ms, 16 * ms, 24 * ms}},
		{Pace{Max: true}, []time.Duration{0, 0, 0, 0}},
	} {
		m := &mockPort{most: 2000}
		src := file(t, capture.LinkEthernet, at(5, 1000), at(15, 1000), at(8, 1000), at(35, 1000))
		begin := time.Now()
		st, err := play(t.Context(), m, src, c.pace)
		if err != nil || st.Packets != 4 || st.Bytes != 4000 || len(m.sent) != 4 {
			t.Fatalf("%+v: %+v, %v", c.pace, st, err)
		}
		for i, want := range c.want {
			if got := m.times[i].Sub(begin); got < want { // how late is up to the machine
				t.Errorf("%+v: packet %d after %s, want %s", c.pace, i, got, want)
			}
		}
		t.Logf("%+v: mean %s late, at most %s", c.pace, st.Late, st.Latest)
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	cut := at(2, 100)
	cut.Wire = 200
	m := &mockPort{most: 500}
	st, err := play(t.Context(), m, file(t, capture.LinkEthernet, at(1, 100), cut, at(3, 10), at(4, 600)), Pace{Max: true})
	if err != nil || st.Packets != 1 || st.Cut != 1 || st.Foreign != 1 || st.TooLong != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := play(t.Context(), m, file(t, 101, at(1, 100)), Pace{}); !errors.Is(err, ErrNothing) || st.Foreign != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if st, err := play(ctx, m, file(t, capture.LinkEthernet, at(1, 100), capture.Packet{Data: make([]byte, 60), Time: 3600e9}), Pace{}); !errors.Is(err, context.DeadlineExceeded) || st.Packets != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	for _, p := range []Pace{{Speed: 1, PPS: 1}, {Speed: -1}, {PPS: 1, Max: true}} {
		if p.check() == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if _, err := Run(t.Context(), "no-such-interface", nil, Pace{}); err == nil {
		t.Error("an interface that is not there")
	}
}

func TestParseSpeed(t *testing.T) {
	for s, want := range map[string]Pace{"2x": {Speed: 2}, "0.5X": {Speed: 0.5}, "3": {Speed: 3}, "max": {Max: true}} {
		if got, err := ParseSpeed(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "fast", "0x", "-1x", "NaN"} {
		if _, err := ParseSpeed(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}
