package rerun_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/internal/rerun"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
)

// filtered is a capture with the packets that keep keeps, numbered from 1.
func filtered(t *testing.T, file string, keep func(n int, frame []byte) bool) string {
	t.Helper()
	src, err := capture.Open([]string{file}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	name := filepath.Join(t.TempDir(), "damaged.pcapng")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	out := capture.NewPcapngWriter(f, capture.Info{})
	iface, err := out.AddInterface(capture.Interface{Link: capture.LinkEthernet, Resolution: 9})
	if err != nil {
		t.Fatal(err)
	}
	var b capture.Batch
	n := 0
	for {
		err := src.Next(&b)
		for _, k := range b.Packets {
			if n++; keep(n, k.Data) {
				if err := out.WritePacket(iface, k); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.Release()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// fromServer reports whether a frame of Ethernet and IPv4 or IPv6 comes from a
// port under 1024, as those of servers.
func fromServer(frame []byte) bool {
	ip := frame[14:]
	l4 := ip[40:]
	if ip[0]>>4 == 4 {
		l4 = ip[int(ip[0]&15)*4:]
	}
	return l4[0] < 4
}

// What is damaged is played as far as it can be, told where it cannot, and what
// is played arrives.
func TestDamaged(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, d := range []struct {
		name string
		make func(t *testing.T, file string) string
	}{
		{"cut off", func(t *testing.T, file string) string {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(t.TempDir(), "cut.pcapng")
			if err := os.WriteFile(name, b[:len(b)/2], 0o666); err != nil {
				t.Fatal(err)
			}
			return name
		}},
		{"client only", func(t *testing.T, file string) string {
			return filtered(t, file, func(_ int, b []byte) bool { return !fromServer(b) })
		}},
		{"server only", func(t *testing.T, file string) string {
			return filtered(t, file, func(_ int, b []byte) bool { return fromServer(b) })
		}},
		{"one packet of 17 lost", func(t *testing.T, file string) string {
			return filtered(t, file, func(n int, _ []byte) bool { return n%17 != 9 })
		}},
		{"joined later", func(t *testing.T, file string) string {
			return filtered(t, file, func(n int, _ []byte) bool { return n > 12 })
		}},
	} {
		for _, x := range []struct {
			name string
			as   web.Version
		}{{"page", ""}, {"page", web.HTTP2}, {"h2-multiplex", web.HTTP3}, {"ftp-passive", ""}, {"imap", ""}, {"smtp-mime", ""}} {
			t.Run(d.name+"/"+x.name+" "+string(x.as), func(t *testing.T) {
				t.Parallel()
				before, err := rerun.Read(t.Context(), x.as, d.make(t, "../../pcaps/"+x.name+".pcapng"))
				if err != nil {
					t.Fatal(err)
				}
				if before.Conversations == nil && len(rerun.Compare(before, before)) == 1 {
					err := before.Run(t.Context(), "damaged", replay.Options{}, time.Millisecond)
					if !errors.Is(err, rerun.ErrNothing) || !strings.Contains(err.Error(), " × ") {
						t.Errorf("nothing is played, and the reason is not told: %v", err)
					}
					return
				}
				name := filepath.Join(t.TempDir(), "again.pcapng")
				f, err := os.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := before.Run(t.Context(), "damaged", replay.Options{Out: f, RTT: 4 * time.Millisecond}, 2*time.Millisecond); err != nil {
					t.Fatal(err)
				}
				after, err := rerun.Read(t.Context(), x.as, name)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, before, after)
				table := text(t, before, after)
				t.Logf("\n%s", table)
				said := false
				for _, note := range []string{"left out", "one-sided", "up to a place", "up to a break"} {
					said = said || strings.Contains(table, note)
				}
				if !said {
					t.Error("the table does not say what is missing")
				}
			})
		}
	}
}
