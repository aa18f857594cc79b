package replay_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

// What a scenario does not heed is refused by name, with what it takes.
func TestNotHeeded(t *testing.T) {
	for _, c := range []struct {
		name string
		o    replay.Options
		want []string
	}{
		{"page", replay.Options{TLS: true}, []string{"page does not use --tls", "--rtt", "--loss"}},
		{"smtp", replay.Options{TimeScale: 2}, []string{"smtp does not use --time-scale"}},
		{"dash", replay.Options{TLS: true}, []string{"dash does not use --tls", "--time-scale"}},
		{"h3-loss", replay.Options{MTU: 1000}, []string{"h3-loss needs an MTU of 1248"}},
		{"ftp-active", replay.Options{MTU: 1279}, []string{"ftp-active needs an MTU of 1280"}},

		{"h3-loss", replay.Options{Real: true}, []string{"h3-loss", "simulated network only", "lost datagram"}},
		{"page", replay.Options{Real: true, RTT: time.Second}, []string{"--rtt goes without --real", "loopback"}},
		{"page", replay.Options{Real: true, Loss: 0.1}, []string{"--loss goes without --real"}},
		{"page", replay.Options{Real: true, At: "server"}, []string{"--at goes without --real"}},
		{"page", replay.Options{Real: true, Out: new(bytes.Buffer)}, []string{"sudo wiretale sniff -i lo -w FILE"}},
	} {
		err := replay.Run(t.Context(), c.name, c.o)
		if !errors.Is(err, replay.ErrOptions) {
			t.Errorf("%s %+v: %v", c.name, c.o, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %q", c.name, want, err)
			}
		}
	}
}

// On real sockets the hosts do the same, and the truth has the addresses and
// the clock of the packets. (That the packets say the same is tested in
// internal/replaytest, for root.)
func TestReal(t *testing.T) {
	if testing.Short() {
		t.Skip("opens sockets and plays in real time")
	}
	n := 0
	for _, s := range replay.Names() {
		switch {
		case s.Simulated != "":
			continue
		case !everything() && strings.HasPrefix(s.Name, "dns-cache"), !everything() && strings.HasPrefix(s.Name, "bt-"), !everything() && s.Name == "http-conditional":
			continue // seconds each
		}
		n++
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel() // then many find their ports taken, and take others
			var plan, told, summary bytes.Buffer
			before := time.Now()
			if err := replay.Run(t.Context(), s.Name, replay.Options{Real: true, Seed: 5, Plan: &plan, Truth: &told, Summary: &summary}); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"capture filter host 127.", "display filter ip.addr in {127.", "waits at "} {
				if !strings.Contains(plan.String(), want) {
					t.Errorf("no %q in the plan:\n%s", want, &plan)
				}
			}
			if want := "wiretale replay " + s.Name + " --real --seed 5"; !strings.Contains(summary.String(), want) {
				t.Errorf("no %q in the summary:\n%s", want, &summary)
			}
			got, err := truth.Read(&told)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Messages) == 0 || len(got.Paths) != 0 || len(got.Drops) != 0 || got.At != "loopback" {
				t.Errorf("%d messages, %d paths, %d drops, at %s", len(got.Messages), len(got.Paths), len(got.Drops), got.At)
			}
			at := map[netip.Addr]bool{}
			for _, h := range got.Hosts {
				for _, a := range h.Addrs {
					at[a] = true
				}
			}
			after := time.Now()
			moment := func(what string, x time.Time) {
				if x.Before(before) || x.After(after) {
					t.Errorf("%s: at %s, played from %s to %s", what, x, before, after)
				}
			}
			for _, c := range got.Connections {
				if !at[c.Client.Addr()] || !at[c.Server.Addr()] || !c.Client.Addr().IsLoopback() {
					t.Errorf("connection %s to %s is of no host", c.Client, c.Server)
				}
				moment("connection", c.ConnectStart)
			}
			for _, m := range got.Messages {
				if !at[m.Client.Addr()] || !at[m.Server.Addr()] || !m.Client.Addr().IsLoopback() {
					t.Errorf("%s %s to %s is of no host", m.Kind, m.Client, m.Server)
				}
				moment(string(m.Kind), m.Sender.Start)
				moment(string(m.Kind), m.Receiver.End)
			}
		})
	}
	if n < 25 {
		t.Errorf("only %d scenarios", n)
	}
}
