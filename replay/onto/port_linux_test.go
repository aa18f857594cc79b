package onto

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

// Two interfaces joined by a cable in a network namespace of this test's own:
// what is put on one comes out of the other, byte for byte.
func TestOntoAnInterface(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may make a network namespace")
	}
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("ip(8) is not installed")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	for _, args := range [][]string{
		{"link", "add", "wt0", "type", "veth", "peer", "name", "wt1"},
		{"link", "set", "wt0", "addrgenmode", "none", "up"},
		{"link", "set", "wt1", "addrgenmode", "none", "up"},
	} {
		if out, err := exec.CommandContext(t.Context(), ip, args...).CombinedOutput(); err != nil {
			t.Skipf("no veth can be made here: %v: %s", err, out)
		}
	}
	overCable(t)
}

func overCable(t *testing.T) {
	const path = "../../pcaps/page.pcapng"
	out, err := openPort("wt1") // only to learn its number
	if err != nil {
		t.Fatal(err)
	}
	to := out.(*packetSocket).to
	out.close()
	all := uint16(unix.ETH_P_ALL)
	to.Protocol = all<<8 | all>>8 // network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &to); err != nil {
		t.Fatal(err)
	}

	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	st, err := Run(t.Context(), "wt0", src, Pace{Speed: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packets in %s, on the mean %s late, at most %s", st.Packets, st.Took, st.Late, st.Latest)

	again, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	buf := make([]byte, 1<<16)
	var frames uint64
	var b capture.Batch
	for again.Next(&b) == nil {
		for _, k := range b.Packets {
			for end := time.Now().Add(10 * time.Second); ; { // the kernel may say things of its own
				n, _, err := unix.Recvfrom(fd, buf, 0)
				if err == unix.EINTR {
					continue
				}
				if err != nil || time.Now().After(end) {
					t.Fatalf("frame %d never came: %v", frames+1, err)
				}
				if bytes.Equal(buf[:n], k.Data) {
					break
				}
			}
			frames++
		}
		b.Release()
	}
	if frames == 0 || frames != st.Packets || st.Cut+st.Foreign+st.TooLong != 0 {
		t.Errorf("%d frames came, %+v", frames, st)
	}
}
