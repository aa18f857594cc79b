package page

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// slack is how late a busy machine may make a host.
const slack = 500 * time.Millisecond

func play(t *testing.T, p scenarios.Params) *scenarios.Result {
	t.Helper()
	before := runtime.NumGoroutine()
	r, err := Scenario.Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
	return r
}

// segment is the little of a recorded packet that these tests look at.
type segment struct {
	time     events.Time
	udp      bool
	src, dst netip.AddrPort
	seq      uint32
	flags    byte
	payload  []byte
}

func segments(t *testing.T, r simnet.Recording) []segment {
	t.Helper()
	var out []segment
	for i, p := range r.Packets {
		ip := p.Data[14:]
		l4 := ip[int(ip[0]&15)*4:]
		addr := func(a []byte, port int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a)), binary.BigEndian.Uint16(l4[port:]))
		}
		s := segment{time: p.Time, src: addr(ip[12:16], 0), dst: addr(ip[16:20], 2)}
		switch ip[9] {
		case 6:
			s.seq, s.flags, s.payload = binary.BigEndian.Uint32(l4[4:]), l4[13], l4[int(l4[12]>>4)*4:]
		case 17:
			s.udp, s.payload = true, l4[8:]
		default:
			t.Fatalf("packet %d: IP protocol %d", i, ip[9])
		}
		out = append(out, s)
	}
	return out
}

func TestPage(t *testing.T) {
	for _, p := range []scenarios.Params{
		{RTT: 8 * time.Millisecond, Seed: 1, At: simnet.AtClient},
		{RTT: 8 * time.Millisecond, Seed: 2, At: simnet.AtMiddle},
		{RTT: 20 * time.Millisecond, Seed: 3, At: simnet.AtServer},
	} {
		t.Run(p.At.String(), func(t *testing.T) {
			r := play(t, p)
			checkMessages(t, r, p)
			checkCapture(t, r, p)
		})
	}
}

// checkMessages checks the truth by itself.
func checkMessages(t *testing.T, r *scenarios.Result, p scenarios.Params) {
	kinds := map[truth.Kind]int{}
	bodies := map[string]bool{}
	for i, m := range r.Truth.Messages {
		kinds[m.Kind]++
		rtt := p.RTT
		if m.Transport == "udp" {
			rtt = p.RTT / resolverNearer
		}
		s, e := m.Sender, m.Receiver
		if s.End.Before(s.Start) || e.End.Before(e.Start) {
			t.Errorf("message %d ends before it starts: %+v", i, m)
		}
		if d := e.Start.Sub(s.Start); d < rtt/2 || d > rtt/2+slack {
			t.Errorf("message %d (%s) took %s to arrive, the way is %s", i, m.Kind, d, rtt/2)
		}
		if s.Start.Before(simnet.Epoch) || s.Start.After(simnet.Epoch.Add(time.Minute)) {
			t.Errorf("message %d: sent at %s", i, s.Start)
		}
		if i > 0 && s.Start.Before(r.Truth.Messages[i-1].Sender.Start) {
			t.Errorf("message %d: out of order", i)
		}
		if !m.Client.IsValid() || !m.Server.IsValid() || s.Host == "" || e.Host == "" || s.Host == e.Host {
			t.Errorf("message %d: ends are not known: %+v", i, m)
		}
		if m.Kind == truth.HTTPResponse {
			if m.HTTP.Status != 200 || m.HTTP.BodyBytes == 0 || len(m.HTTP.SHA256) != hex.EncodedLen(32) {
				t.Errorf("message %d: %+v", i, *m.HTTP)
			}
			bodies[m.HTTP.SHA256] = true
			if m.HTTP.ContentType == "image/png" && (m.HTTP.BodyBytes < smallest || m.HTTP.BodyBytes > largest) {
				t.Errorf("%s has %d bytes", m.HTTP.URL, m.HTTP.BodyBytes)
			}
		}
	}
	want := map[truth.Kind]int{truth.DNSQuery: 1, truth.DNSResponse: 1, truth.HTTPRequest: 1 + images, truth.HTTPResponse: 1 + images}
	for k, n := range want {
		if kinds[k] != n {
			t.Errorf("%d of %s, want %d", kinds[k], k, n)
		}
	}
	if len(bodies) != 1+images {
		t.Errorf("%d different bodies, want %d", len(bodies), 1+images)
	}
	a := r.Truth.Messages[1].DNS
	if a == nil || len(a.Answer) != 1 || a.Answer[0].Data != webAddr.String() || a.Answer[0].Name != siteName+"." || a.Rcode != "NOERROR" {
		t.Errorf("answer: %+v", a)
	}
	if len(r.Truth.Connections) != connections {
		t.Errorf("%d connections, want %d", len(r.Truth.Connections), connections)
	}
	if len(r.Truth.Drops) != 0 {
		t.Errorf("drops: %+v", r.Truth.Drops)
	}
}

// checkCapture checks the capture against the truth with nothing but offsets.
func checkCapture(t *testing.T, r *scenarios.Result, p scenarios.Params) {
	segs := segments(t, r.Recording)
	var last events.Time
	type way struct{ src, dst netip.AddrPort }
	first, end := map[way]uint32{}, map[way]uint32{} // sequence numbers of payload
	fins := map[way]bool{}
	syns := map[netip.AddrPort]events.Time{}
	type gap struct{ synAck, ack events.Time }
	shakes := map[netip.AddrPort]*gap{}
	var datagrams []segment
	for i, s := range segs {
		if s.time < last {
			t.Fatalf("packet %d: time goes back", i)
		}
		last = s.time
		if s.udp {
			datagrams = append(datagrams, s)
			continue
		}
		w := way{s.src, s.dst}
		if s.flags&0x02 != 0 {
			first[w], end[w] = s.seq+1, s.seq+1
		} else if n := uint32(len(s.payload)); n > 0 && int32(s.seq+n-end[w]) > 0 {
			end[w] = s.seq + n // of payload: a FIN has a number too
		}
		switch {
		case s.flags&0x12 == 0x02:
			syns[s.src] = s.time
		case s.flags&0x12 == 0x12:
			shakes[s.dst] = &gap{synAck: s.time}
		default:
			if g := shakes[s.src]; g != nil && g.ack == 0 {
				g.ack = s.time
			}
		}
		if s.flags&0x01 != 0 {
			fins[w] = true
		}
		if s.flags&0x04 != 0 {
			t.Errorf("packet %d: a reset", i)
		}
	}
	if len(datagrams) != 2 || len(datagrams[0].payload) != r.Truth.Messages[0].DNS.Size || len(datagrams[1].payload) != r.Truth.Messages[1].DNS.Size {
		t.Errorf("%d datagrams, or not of the size in the truth", len(datagrams))
	}
	if len(fins) != 2*connections {
		t.Errorf("FIN on %v, want %d", fins, 2*connections)
	}
	for _, c := range r.Truth.Connections {
		if w := (way{c.Client, c.Server}); int64(end[w]-first[w]) != c.ClientBytes {
			t.Errorf("%s sent %d bytes, the capture has %d", c.Client, c.ClientBytes, end[w]-first[w])
		}
		if w := (way{c.Server, c.Client}); int64(end[w]-first[w]) != c.ServerBytes {
			t.Errorf("%s was sent %d bytes, the capture has %d", c.Client, c.ServerBytes, end[w]-first[w])
		}
		g := shakes[c.Client]
		if g == nil {
			t.Errorf("%s: no handshake", c.Client)
			continue
		}
		if rtt := time.Duration(g.ack - syns[c.Client]); rtt < p.RTT || rtt > p.RTT+slack {
			t.Errorf("%s: handshake in %s, the RTT is %s", c.Client, rtt, p.RTT)
		}
		if d := c.ConnectEnd.Sub(c.ConnectStart); d < p.RTT || d > p.RTT+slack {
			t.Errorf("%s: connected in %s, the RTT is %s", c.Client, d, p.RTT)
		}
		for what, order := range map[string][2]time.Time{
			"accepted before the dial":    {c.ConnectStart, c.Accepted},
			"closed before it was opened": {c.ConnectEnd, c.ClientClosed},
			"server closed before client": {c.ClientClosed, c.ServerClosed},
		} {
			if order[1].Before(order[0]) {
				t.Errorf("%s: %s", c.Client, what)
			}
		}
	}
	var packets uint64
	for _, path := range r.Truth.Paths {
		packets += path.Packets
	}
	if packets != uint64(len(segs)) {
		t.Errorf("the network carried %d packets, the capture has %d", packets, len(segs))
	}
	points := map[simnet.Position]int{simnet.AtClient: 1, simnet.AtMiddle: 2, simnet.AtServer: 2}[p.At]
	if len(r.Recording.Interfaces) != points {
		t.Errorf("capture points: %v, want %d", r.Recording.Interfaces, points)
	}
}

// The same seed gives the same site, identifiers and ports.
func TestSeed(t *testing.T) {
	type said struct {
		kind   truth.Kind
		client netip.AddrPort
		id     uint16
		sha256 string
	}
	tell := func(seed uint64) map[said]bool {
		out := map[said]bool{}
		for _, m := range play(t, scenarios.Params{RTT: 2 * time.Millisecond, Seed: seed}).Truth.Messages {
			s := said{kind: m.Kind}
			if m.DNS != nil {
				s.client, s.id = m.Client, m.DNS.ID
			} else { // which connection an image takes is a race, as in life
				s.sha256 = m.HTTP.SHA256
			}
			out[s] = true
		}
		return out
	}
	a, b, c := tell(5), tell(5), tell(6)
	for s := range a {
		if !b[s] {
			t.Errorf("the second run has no %+v", s)
		}
		if s.kind != truth.HTTPRequest && c[s] {
			t.Errorf("another seed has %+v too", s)
		}
	}
}

func TestCancel(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Scenario.Run(ctx, scenarios.Params{RTT: 5 * time.Second}); err == nil {
		t.Error("no error")
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %s to give up", d)
	}
	for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
