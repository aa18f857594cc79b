package replaytest

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// Timing skips a test that asserts on times unless WIRETALE_TIMING=1: a busy
// machine makes hosts late.
func Timing(t testing.TB) {
	t.Helper()
	if os.Getenv("WIRETALE_TIMING") != "1" {
		t.Skip("asserts on times: set WIRETALE_TIMING=1 on an idle machine")
	}
}

// CheckRTT is CheckRTTs of this recording alone.
func (r *Recording) CheckRTT(t testing.TB) {
	t.Helper()
	CheckRTTs(t, r)
}

// ends are the names of two hosts.
type ends struct{ client, server string }

// CheckRTTs fails when the median RTT of the handshakes, as wiretale's tcp.rtt
// says, is not what is configured within 1 ms or 2 %: of all between hosts that
// are as far from each other; between two hosts with a link of its own rate,
// where most wait in its queue, the least RTT. The recordings are of the same
// scenario and options. It does nothing unless WIRETALE_TIMING=1, nor where the
// network was asked for a rate, jitter or loss.
func CheckRTTs(t testing.TB, recordings ...*Recording) {
	t.Helper()
	r := recordings[0]
	if os.Getenv("WIRETALE_TIMING") != "1" || r.Truth.Rate != 0 || r.Truth.Jitter != 0 || r.Truth.Loss != 0 || r.Truth.Reorder != 0 {
		return
	}
	samples := map[ends][]time.Duration{}
	connections := 0
	for _, r := range recordings {
		r.handshakes(samples)
		connections += len(r.Truth.Connections)
	}
	if len(samples) == 0 && connections > 0 {
		t.Error("no handshake gave an RTT")
	}
	check := func(what string, got, want time.Duration) {
		t.Helper()
		if diff := (got - want).Abs(); diff > max(time.Millisecond, want/50) {
			t.Errorf("%s is %s, configured are %s", what, got, want)
		}
	}
	apart := map[time.Duration][]time.Duration{}
	for who, s := range samples {
		switch want, queues, ok := r.delay(who.client, who.server); {
		case !ok: // through a router
		case queues:
			check(fmt.Sprintf("%s to %s: the least RTT of %d handshakes", who.client, who.server, len(s)), slices.Min(s), want)
		default:
			apart[want] = append(apart[want], s...)
		}
	}
	for want, s := range apart {
		slices.Sort(s)
		check(fmt.Sprintf("the median RTT of %d handshakes", len(s)), (s[(len(s)-1)/2]+s[len(s)/2])/2, want)
	}
}

// handshakes adds the RTTs of the handshakes between each two hosts.
func (r *Recording) handshakes(samples map[ends][]time.Duration) {
	parts := map[events.StreamKey][2]time.Duration{} // SYN to SYN-ACK, SYN-ACK to ACK
	of := map[events.StreamKey]ends{}
	for _, e := range r.Events {
		b, ok := e.Body.(*events.TCPRTT)
		if !ok || b.Of == events.RTTData {
			continue
		}
		p := parts[e.Key()]
		p[b.Of] = b.RTT.Std()
		parts[e.Key()] = p
		client, server := e.Flow.Ends()
		of[e.Key()] = ends{r.host(client.Addr()), r.host(server.Addr())}
	}
	for k, p := range parts {
		if p[0] != 0 && p[1] != 0 {
			samples[of[k]] = append(samples[of[k]], p[0]+p[1])
		}
	}
}

func (r *Recording) host(a netip.Addr) string {
	for _, h := range r.Truth.Hosts {
		if slices.Contains(h.Addrs, a) {
			return h.Name
		}
	}
	return a.String()
}

// synBytes is a frame of a handshake, with the options that hosts send.
const synBytes = 74

// delay is the configured time of a handshake: from one host to the other and
// back, with the sending of a small frame at each link's own rate, if it has one.
func (r *Recording) delay(a, b string) (sum time.Duration, queues, ok bool) {
	var there, back *truth.Path
	for i := range r.Truth.Paths {
		switch p := &r.Truth.Paths[i]; {
		case p.From == a && p.To == b:
			there = p
		case p.From == b && p.To == a:
			back = p
		}
	}
	if there == nil || back == nil {
		return 0, false, false
	}
	sum = there.Delay.Std() + back.Delay.Std()
	for _, p := range []*truth.Path{there, back} {
		if p.Rate > 0 {
			queues = true
			sum += time.Duration(synBytes * 8 * int64(time.Second) / p.Rate)
		}
	}
	return sum, queues, true
}
