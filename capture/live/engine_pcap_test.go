//go:build libpcap

package live

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/wiretale/wiretale/capture"
)

// loopback is the name of the loopback interface.
func loopback(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return i.Name
		}
	}
	t.Skip("there is no loopback interface that is up")
	return ""
}

// What is said over the loopback interface is captured, once.
func TestLibpcap(t *testing.T) {
	everything, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0x40000}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Interface: loopback(t), Filter: everything})
	if errors.Is(err, ErrPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	here, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	word := []byte("wiretale says this once")
	if _, err := here.WriteTo(word, here.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	var b capture.Batch
	found, packets := 0, uint64(0)
	for stopped := false; ; {
		err := s.Next(&b)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			if bytes.HasSuffix(p.Data, word) {
				found++
			}
		}
		packets += uint64(len(b.Packets))
		b.Release()
		if found > 0 && !stopped {
			stopped = true
			s.Stop()
		}
	}
	if st := s.Stats(); found != 1 || st.Delivered != packets {
		t.Errorf("found %d times; %d packets, %+v", found, packets, st)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Interface: "nowhere0"}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("%v", err)
	}
	if err := s.Next(&b); err != io.EOF && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
