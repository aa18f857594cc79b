package sniff

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/mix"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// counting is an input whose packets talkers count.
type counting struct {
	capture.Input
	talkers *Talkers
}

func (c *counting) Next(b *capture.Batch) error {
	err := c.Input.Next(b)
	if err == nil {
		c.talkers.Add(b.Packets, time.Now())
	}
	return err
}

// At the end of a capture, protocols and hosts have the bytes that mix says.
func TestProtocolsAreThoseOfMix(t *testing.T) {
	for _, name := range []string{"page", "page-h2", "page-h3", "dns-retry", "dash", "smtp", "ftp-active", "bt-swarm", "bt-dht"} {
		l := events.DefaultLimits()
		src, err := capture.Open([]string{"../../pcaps/" + name + ".pcapng"}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		k := NewTalkers(&l)
		want, hosts := map[string]uint64{}, map[string]uint64{}
		_, err = pipeline.Run(context.Background(), pipeline.Config{
			Input: &counting{src, k}, Workers: 1, Limits: l, Questions: []analyzers.Question{mix.Question}, Want: k.Want(),
			Events: func(evs []*events.Event) error { k.Events(evs); return nil },
			Rows: func(rows []analyzers.Row) error {
				for _, r := range rows {
					switch v, _ := r.Value.(mix.Value); v.What {
					case "protocol":
						want[v.Name] = v.WireBytes
					case "host":
						hosts[v.Name] = v.WireBytes
					}
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, gotHosts := map[string]uint64{}, map[string]uint64{}
		for n, p := range k.protocols.named {
			if p.bytes > 0 {
				got[n] = p.bytes
			}
		}
		for e, x := range k.talks {
			gotHosts[e.low.String()] += x.bytes
			gotHosts[e.high.String()] += x.bytes
		}
		if len(want) == 0 || !maps.Equal(got, want) {
			t.Errorf("%s: protocols %v, mix says %v", name, got, want)
		}
		if len(hosts) == 0 || !maps.Equal(gotHosts, hosts) {
			t.Errorf("%s: hosts %v, mix says %v", name, gotHosts, hosts)
		}
		if len(k.protocols.flows) != 0 {
			t.Errorf("%s: %d flows are held at the end", name, len(k.protocols.flows))
		}
	}
}
