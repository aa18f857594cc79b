package http1_test

import (
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// Every scenario of the family, from the definition of its method: how many
// connections, and how many requests on each.
var family = []struct {
	name        string
	connections []int
}{
	{"http1-nonpersistent", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
	{"http1-persistent", []int{11}},
	// The page and objects 1, 5, 9 share the first; 2, 6, 10 the second; …
	{"http1-parallel", []int{4, 3, 2, 2}},
	{"http1-pipelined", []int{11}},
}

func TestFamily(t *testing.T) {
	for i, c := range family {
		if testing.Short() && i > 0 {
			break
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, c.name, replay.Options{RTT: 20 * time.Millisecond, Seed: 3})
			r.Check(t)
			r.CheckRTT(t)
			checkConnections(t, r.Truth, c.connections)
		})
	}
}

// The captures that are kept pass the same checks.
func TestKept(t *testing.T) {
	for _, c := range family {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Open(t, "../../../pcaps/"+c.name+".pcapng", "../../../pcaps/"+c.name+".json")
			r.Check(t)
			r.CheckRTT(t)
			checkConnections(t, r.Truth, c.connections)
		})
	}
}

func checkConnections(t *testing.T, got *truth.Truth, want []int) {
	t.Helper()
	requests := make([]int, len(got.Connections))
	urls := map[string]bool{}
	for _, m := range got.Messages {
		if m.Kind != truth.HTTPRequest {
			continue
		}
		requests[*m.Connection]++
		if m.HTTP.Ordinal != requests[*m.Connection] && got.Scenario != "http1-pipelined" {
			t.Errorf("%s is request %d of its connection, numbered %d", m.HTTP.URL, requests[*m.Connection], m.HTTP.Ordinal)
		}
		urls[m.HTTP.URL] = true
	}
	if len(urls) != 11 {
		t.Errorf("%d different URLs, want 11", len(urls))
	}
	// Connections that were opened together come in any order.
	left := map[int]int{}
	for _, n := range want {
		left[n]++
	}
	for _, n := range requests {
		left[n]--
	}
	for n, k := range left {
		if k != 0 {
			t.Errorf("connections with so many requests: %v, want %v (%d: %+d)", requests, want, n, -k)
		}
	}
}

// A response is ready when it is made, and is sent when all before it are.
func TestPipelinedOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	t.Parallel()
	r := replaytest.Run(t, "http1-pipelined", replay.Options{RTT: 20 * time.Millisecond, Seed: 5})
	responses := map[int]truth.Message{}
	var first, lastRequest time.Time
	for _, m := range r.Truth.Messages {
		switch m.Kind {
		case truth.HTTPRequest:
			lastRequest = m.Sender.Start
		case truth.HTTPResponse:
			responses[m.HTTP.Ordinal] = m
			if m.HTTP.Ordinal == 2 {
				first = m.Receiver.Start
			}
		}
	}
	if !lastRequest.Before(first) {
		t.Error("the first object was received before the last request was sent")
	}
	for i := 1; i <= 11; i++ {
		m, ok := responses[i]
		if !ok || m.HTTP.Ready == nil {
			t.Fatalf("response %d: %+v", i, m.HTTP)
		}
		if m.Sender.Start.Before(*m.HTTP.Ready) {
			t.Errorf("response %d was sent before it was ready", i)
		}
		if i > 1 && m.Sender.Start.Before(responses[i-1].Sender.End) {
			t.Errorf("response %d was sent before the one before it", i)
		}
	}
	const slow = 1 + 3 // the page is 1
	if r.Truth.Facts["slow_object"] != responses[slow].HTTP.URL {
		t.Errorf("response %d is %s", slow, responses[slow].HTTP.URL)
	}
	replaytest.Timing(t)
	for i := slow + 1; i <= 11; i++ {
		if wait := responses[i].Sender.Start.Sub(*responses[i].HTTP.Ready); wait < 40*time.Millisecond {
			t.Errorf("response %d waited %s behind the slow one", i, wait)
		}
	}
}

// Each method costs the round trips of its definition. Objects are small, so
// what a link without a limit adds is little.
func TestRoundTrips(t *testing.T) {
	replaytest.Timing(t)
	const rtt = 100 * time.Millisecond
	for _, c := range []struct {
		name string
		rtts float64
	}{
		{"http1-nonpersistent", 2 * 11},
		{"http1-persistent", 2 + 10},
		// The page: 2. The first lane has 3 objects more, the others connect
		// first and have 3 or 2.
		{"http1-parallel", 2 + 1 + 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := replaytest.Run(t, c.name, replay.Options{RTT: rtt})
			r.CheckRTT(t)
			got, _ := r.Truth.Facts["page_seconds"].(float64)
			if n := got / rtt.Seconds(); n < c.rtts || n > c.rtts+1 {
				t.Errorf("took %.2f round trips, want %.0f", n, c.rtts)
			} else {
				t.Logf("%.2f round trips of %.0f", n, c.rtts)
			}
		})
	}
}
