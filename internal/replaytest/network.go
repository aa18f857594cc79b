package replaytest

import (
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

// CheckRTT fails when the median RTT of the handshakes between two hosts, as
// wiretale's tcp.rtt says, is not the sum of the two configured delays within
// 1 ms or 2 %. It does nothing unless WIRETALE_TIMING=1, nor where the network
// was asked for a rate, jitter or loss.
func (r *Recording) CheckRTT(t testing.TB) {
	t.Helper()
	if os.Getenv("WIRETALE_TIMING") != "1" || r.Truth.Rate != 0 || r.Truth.Jitter != 0 || r.Truth.Loss != 0 || r.Truth.Reorder != 0 {
		return
	}
	type ends struct{ client, server string }
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
	samples := map[ends][]time.Duration{}
	for k, p := range parts {
		if p[0] != 0 && p[1] != 0 {
			samples[of[k]] = append(samples[of[k]], p[0]+p[1])
		}
	}
	for who, s := range samples {
		want, ok := r.delay(who.client, who.server)
		if !ok {
			continue // through a router
		}
		slices.Sort(s)
		median := s[len(s)/2]
		if diff := (median - want).Abs(); diff > max(time.Millisecond, want/50) {
			t.Errorf("%s to %s: the median RTT of %d handshakes is %s, configured are %s", who.client, who.server, len(s), median, want)
		}
	}
	if len(samples) == 0 && len(r.Truth.Connections) > 0 {
		t.Error("no handshake gave an RTT")
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

// delay is the configured time from one host to the other and back.
func (r *Recording) delay(a, b string) (time.Duration, bool) {
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
		return 0, false
	}
	return there.Delay.Std() + back.Delay.Std(), true
}
