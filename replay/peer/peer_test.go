package peer_test

import (
	"bytes"
	"context"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// A seed and a leecher that meet each other twice, at once: one connection
// stays, the file arrives, silence is broken by keep-alives, and both part in
// peace.
func TestTwoPeers(t *testing.T) {
	before := runtime.NumGoroutine()
	n, err := simnet.New(simnet.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	addrs := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
	var hosts []*simnet.Host
	for i, a := range addrs {
		h, err := n.AddHost([]string{"seed", "leecher"}[i], a)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	way := simnet.Path{Delay: 5 * time.Millisecond}
	if err := n.Connect(hosts[0], hosts[1], way, way); err != nil {
		t.Fatal(err)
	}
	tor, content := peer.NewTorrent("noise", 10_000, 2048, 1024, 1) // the last piece is short
	var peers []*peer.Peer
	for i, h := range hosts {
		c := peer.Config{
			Name: h.Name(), Network: h, Now: n.Now, Addr: netip.AddrPortFrom(addrs[i], 6881), ID: peer.Hash{byte(i)},
			NameOf: func(a netip.Addr) string { return map[netip.Addr]string{addrs[0]: "seed", addrs[1]: "leecher"}[a] },
			Seed:   uint64(i), Torrent: tor, TimeScale: 300, Exchange: true,
		}
		if i == 0 {
			c.Content = bytes.Clone(content)
		}
		p, err := peer.Start(c)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	peers[0].Meet([]netip.AddrPort{netip.AddrPortFrom(addrs[1], 6881)})
	peers[1].Meet([]netip.AddrPort{netip.AddrPortFrom(addrs[0], 6881)})

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-peers[1].Complete():
	case <-ctx.Done():
		t.Error("the leecher has not all pieces")
	}
	time.Sleep(time.Second) // five minutes of the peers' time
	done := make(chan struct{}, 2)
	for _, p := range peers {
		go func() {
			p.Quiesce()
			p.Stop(ctx)
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	for _, p := range peers {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}

	var tr truth.Truth
	if err := peer.Add(&tr, peers); err != nil {
		t.Fatal(err)
	}
	if n := len(tr.Connections); n != 1 && n != 2 {
		t.Errorf("%d connections", n)
	}
	types := map[string]int{}
	blocks := 0
	for _, m := range tr.Messages {
		types[m.Wire.Type]++
		if m.Receiver.Start.Before(m.Sender.Start) || m.Receiver.End.Before(m.Receiver.Start) || m.Sender.End.Before(m.Sender.Start) {
			t.Errorf("times of %s: %+v, %+v", m.Wire.Type, m.Sender, m.Receiver)
		}
		if m.Wire.Type == "piece" {
			blocks += *m.Wire.Length
		}
	}
	if types["keep_alive"] == 0 || types["handshake"] != 2*len(tr.Connections) || types["extended"] == 0 {
		t.Errorf("messages: %v", types)
	}
	if blocks != len(content) {
		t.Errorf("%d bytes of blocks for a file of %d", blocks, len(content))
	}
	if a := peers[1].Account(); a.Finished.IsZero() || a.Taken["seed"] != int64(len(content)) || a.Pieces[len(a.Pieces)-1].Pieces != "f8" {
		t.Errorf("the leecher's account: %+v", a)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
