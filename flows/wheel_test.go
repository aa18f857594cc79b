package flows

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

// A flow that only carries a tunnel, or was only quoted, has no packets of
// its own: it is looked at before its time-out, and must wait for the rest of
// it in a later slot of the wheel.
func TestTunnelOutlivesTheFirstLook(t *testing.T) {
	d, _ := NewDispatcher(&Config{Limits: limits(), Want: allKinds(), Workers: 1})
	defer d.Close()
	d.begin(NewWork(1))
	d.started, d.wheelSec = true, 1
	k := key{lo: events.Addr4([4]byte{10, 0, 0, 1}), hi: events.Addr4([4]byte{10, 0, 0, 2}), loPort: 4789, hiPort: 4789, proto: events.ProtoUDP}
	n, _ := d.lookup(&k, &op{})
	r := d.table.at(n)
	r.state |= stTunnel
	for sec := 1; sec <= idleUnheard; sec++ {
		d.advance(events.Time(sec * 1e9))
		if d.live != 1 {
			t.Fatalf("ended after %d s of silence, want more than %d", sec, idleUnheard)
		}
	}
	d.advance(events.Time((idleUnheard + 2) * 1e9))
	if d.live != 0 {
		t.Fatal("not ended after its time-out")
	}
}
