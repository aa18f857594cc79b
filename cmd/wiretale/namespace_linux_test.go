package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name: it is gone once its file is
// closed and no program is left in it, however the test ends.
type namespace struct{ file *os.File }

func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making a network namespace is for root only")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip(8) is not installed")
	}
	n := &namespace{}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.file, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	t.Cleanup(func() { n.file.Close() })
	return n
}

// in calls f in the namespace: sockets that f opens and programs that it starts
// belong there. f must not leave that to another goroutine.
func (n *namespace) in(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	defer func() {
		// A thread that cannot go home stays locked, and ends with its goroutine.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

// run runs a program in the namespace to its end.
func (n *namespace) run(c *exec.Cmd) (out []byte, err error) {
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := n.in(c.Start); err != nil {
		return nil, err
	}
	if err := c.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, stderr.String())
	}
	return []byte(stdout.String()), nil
}

func (n *namespace) ip(args string) ([]byte, error) {
	return n.run(exec.Command("ip", strings.Fields(args)...))
}

// serve starts a server in the namespace, which ends with the test, and waits
// until it takes connections at an address. The namespace asks for itself: no
// cable sees that.
func (n *namespace) serve(t *testing.T, at string, c *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.in(c.Start); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		c.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		c.Process.Kill()
		<-ended
	})
	for range 600 {
		conn, err := n.dial("tcp", at)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", c.Path, said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not listen at %s", c.Path, at)
}

func (n *namespace) dial(network, at string) (c net.Conn, err error) {
	err = n.in(func() error {
		c, err = net.Dial(network, at)
		return err
	})
	return c, err
}

func (n *namespace) listen(t *testing.T, at string) (l net.Listener) {
	t.Helper()
	if err := n.in(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (n *namespace) listenPacket(t *testing.T, at string) (c net.PacketConn) {
	t.Helper()
	if err := n.in(func() (err error) {
		c, err = net.ListenPacket("udp", at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return c
}

// cable joins two hosts, a namespace each. Nobody says a word on it but the
// programs of a test: there is no IPv6, and both know the other's address.
type cable struct{ client, server *namespace }

const (
	clientEnd, clientMAC, clientIP = "wc0", "02:00:00:00:00:0a", "192.0.2.1"
	serverEnd, serverMAC, serverIP = "ws0", "02:00:00:00:00:0b", "192.0.2.2"
)

func newCable(t *testing.T) *cable {
	t.Helper()
	c := &cable{newNamespace(t), newNamespace(t)}
	pair := fmt.Sprintf("link add %s address %s type veth peer name %s address %s netns /proc/%d/fd/%d",
		clientEnd, clientMAC, serverEnd, serverMAC, os.Getpid(), c.server.file.Fd())
	if _, err := c.client.ip(pair); err != nil {
		t.Skipf("no veth can be made here: %v", err)
	}
	t.Cleanup(func() {
		if _, err := c.client.ip("link del " + clientEnd); err != nil {
			t.Error(err)
		}
	})
	for _, h := range []struct {
		*namespace
		end, addr, other, otherMAC string
	}{{c.client, clientEnd, clientIP, serverIP, serverMAC}, {c.server, serverEnd, serverIP, clientIP, clientMAC}} {
		err := h.in(func() error {
			err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
			if errors.Is(err, os.ErrNotExist) {
				return nil // a kernel without IPv6
			}
			return err
		})
		if err != nil {
			t.Skipf("no silent veth can be made here: %v", err)
		}
		for _, args := range []string{
			"link set lo up",
			"link set " + h.end + " up",
			"addr add " + h.addr + "/24 dev " + h.end,
			"neigh add " + h.other + " lladdr " + h.otherMAC + " nud permanent dev " + h.end,
		} {
			if _, err := h.ip(args); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// sent is how many packets were put on the cable so far, from both ends, by the
// counters of its interfaces.
func (c *cable) sent(t *testing.T) uint64 {
	t.Helper()
	type count struct{ Packets, Dropped uint64 }
	read := func(n *namespace, end string) (rx, tx count) {
		out, err := n.ip("-s -j link show dev " + end)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			Stats64 struct{ Rx, Tx count } `json:"stats64"`
		}
		if err := json.Unmarshal(out, &list); err != nil || len(list) != 1 {
			t.Fatalf("ip -s -j link: %v: %s", err, out)
		}
		return list[0].Stats64.Rx, list[0].Stats64.Tx
	}
	clientRx, clientTx := read(c.client, clientEnd)
	serverRx, serverTx := read(c.server, serverEnd)
	if lost := clientRx.Dropped + clientTx.Dropped + serverRx.Dropped + serverTx.Dropped; lost > 0 {
		t.Skipf("%d packets were dropped by the cable itself: the machine is busy", lost)
	}
	return clientTx.Packets + serverTx.Packets
}

// quiet waits until nothing more is sent: what is sent again or acknowledged
// late comes within 200 ms.
func (c *cable) quiet(t *testing.T) (sent uint64) {
	t.Helper()
	same := 0
	for range 300 {
		now := c.sent(t)
		if now == sent {
			if same++; same == 4 {
				return sent
			}
		} else {
			sent, same = now, 0
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the cable is never quiet")
	return 0
}
