package metrics

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/events"
)

func TestMeter(t *testing.T) {
	m := New()
	latency := events.Duration(20e6)
	m.Events([]*events.Event{
		{Body: &events.FlowStart{}}, {Body: &events.FlowStart{}}, {Body: &events.FlowEnd{}},
		{Body: &events.TCPRTT{RTT: 1e6}}, {Body: &events.TCPRTT{RTT: 60e9}},
		{Body: &events.FlowLimit{Limit: "flows"}},
	})
	m.Rows([]analyzers.Row{
		{Value: &dnstransaction.Transaction{Latency: &latency}}, {Value: &dnstransaction.Transaction{}},
		{Value: analyzers.LimitReached{Limit: "fold-keys", Count: 7}},
	})
	m.Capture(10, 1000, 12, 2, 1)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no socket: %v", err)
	}
	go m.Serve(l)
	defer l.Close()
	r, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := "\n" + string(body)
	for _, want := range []string{
		"wiretale_packets_total 10", "wiretale_bytes_total 1000", "wiretale_received_packets_total 12",
		`wiretale_dropped_packets_total{by="kernel"} 2`, `wiretale_dropped_packets_total{by="queue"} 1`,
		"wiretale_flows_total 2", "wiretale_flows_open 1",
		`wiretale_events_total{kind="tcp.rtt"} 2`, `wiretale_limits_reached_total{limit="flows"} 1`, `wiretale_limits_reached_total{limit="fold-keys"} 7`,
		`wiretale_tcp_rtt_seconds_bucket{le="0.0005"} 0`, `wiretale_tcp_rtt_seconds_bucket{le="0.001"} 1`,
		`wiretale_tcp_rtt_seconds_bucket{le="10"} 1`, `wiretale_tcp_rtt_seconds_bucket{le="+Inf"} 2`, "wiretale_tcp_rtt_seconds_count 2",
		`wiretale_dns_latency_seconds_bucket{le="0.01"} 0`, `wiretale_dns_latency_seconds_bucket{le="0.025"} 1`, "wiretale_dns_latency_seconds_count 1",
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
}
