// Package metrics counts what a live run does, and serves the counters in the
// text format of Prometheus (version 0.0.4). It must not hold anything that
// grows with traffic.
package metrics

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/events"
)

// bounds are the upper ends of the histograms' buckets, in seconds.
var bounds = [...]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// histogram counts durations in buckets.
type histogram struct {
	buckets [len(bounds) + 1]uint64
	sum     float64
	count   uint64
}

func (h *histogram) add(seconds float64) {
	i := 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.buckets[i]++
	h.sum += seconds
	h.count++
}

// Meter holds the counters. Its methods may be called by any goroutine.
type Meter struct {
	mu                                      sync.Mutex
	packets, bytes, received, kernel, queue uint64
	started, ended                          uint64
	kinds                                   map[events.Kind]uint64
	limits                                  map[string]uint64
	rtt, dns                                histogram
}

// New makes a Meter.
func New() *Meter { return &Meter{kinds: map[events.Kind]uint64{}, limits: map[string]uint64{}} }

// Want are the kinds of events that are counted: all of them.
func (m *Meter) Want() events.KindSet { return events.SetOf(events.Kinds()...) }

// Events counts events; they are not kept.
func (m *Meter) Events(evs []*events.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range evs {
		m.kinds[e.Body.Kind()]++
		switch b := e.Body.(type) {
		case *events.FlowStart:
			m.started++
		case *events.FlowEnd:
			m.ended++
		case *events.FlowLimit:
			m.limits[b.Limit]++ // names of this program: few
		case *events.TCPRTT:
			m.rtt.add(float64(b.RTT) / 1e9)
		}
	}
}

// Rows counts answers; they are not kept.
func (m *Meter) Rows(rows []analyzers.Row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range rows {
		switch v := rows[i].Value.(type) {
		case *dnstransaction.Transaction:
			if v.Latency != nil {
				m.dns.add(float64(*v.Latency) / 1e9)
			}
		case analyzers.LimitReached:
			m.limits[v.Limit] += v.Count
		}
	}
}

// Capture sets the figures of the capture itself: packets and bytes given to
// the run, packets received from the kernel, dropped by it, and not written
// because the queue of -w was full.
func (m *Meter) Capture(packets, bytes, received, kernel, queue uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packets, m.bytes, m.received, m.kernel, m.queue = packets, bytes, received, kernel, queue
}

// WriteTo writes all figures.
func (m *Meter) WriteTo(w io.Writer) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b []byte
	head := func(name, kind, help string) {
		b = fmt.Appendf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	counter := func(name, help string, n uint64) {
		head(name, "counter", help)
		b = fmt.Appendf(b, "%s %d\n", name, n)
	}
	counter("wiretale_packets_total", "Packets analysed.", m.packets)
	counter("wiretale_bytes_total", "Bytes of these packets on the wire.", m.bytes)
	counter("wiretale_received_packets_total", "Packets that the kernel had, after the filter.", m.received)
	head("wiretale_dropped_packets_total", "counter", "Packets lost, by where.")
	b = fmt.Appendf(b, "wiretale_dropped_packets_total{by=\"kernel\"} %d\nwiretale_dropped_packets_total{by=\"queue\"} %d\n", m.kernel, m.queue)
	counter("wiretale_flows_total", "Flows begun.", m.started)
	head("wiretale_flows_open", "gauge", "Flows that are not over.")
	b = fmt.Appendf(b, "wiretale_flows_open %d\n", m.started-min(m.ended, m.started))
	head("go_goroutines", "gauge", "Goroutines of this process.")
	b = fmt.Appendf(b, "go_goroutines %d\n", runtime.NumGoroutine())
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	head("go_gc_heap_live_bytes", "gauge", "Heap that lived when it was last collected.")
	b = fmt.Appendf(b, "go_gc_heap_live_bytes %d\n", live[0].Value.Uint64())
	head("wiretale_events_total", "counter", "Events, by kind.")
	for _, k := range events.Kinds() {
		if n := m.kinds[k]; n > 0 {
			b = fmt.Appendf(b, "wiretale_events_total{kind=%q} %d\n", k.String(), n)
		}
	}
	head("wiretale_limits_reached_total", "counter", "Limits on memory that were reached, by name.")
	for _, l := range events.AllLimits() {
		if n := m.limits[l.Name]; n > 0 {
			b = fmt.Appendf(b, "wiretale_limits_reached_total{limit=%q} %d\n", l.Name, n)
		}
	}
	for _, h := range []struct {
		name, help string
		*histogram
	}{
		{"wiretale_tcp_rtt_seconds", "Round-trip times of TCP, as the rows of rtt count them.", &m.rtt},
		{"wiretale_dns_latency_seconds", "From a DNS query to its first answer.", &m.dns},
	} {
		head(h.name, "histogram", h.help)
		var sum uint64
		for i, n := range h.buckets {
			le := "+Inf"
			if i < len(bounds) {
				le = strconv.FormatFloat(bounds[i], 'g', -1, 64)
			}
			sum += n
			b = fmt.Appendf(b, "%s_bucket{le=%q} %d\n", h.name, le, sum)
		}
		b = fmt.Appendf(b, "%s_sum %g\n%s_count %d\n", h.name, h.sum, h.name, h.count)
	}
	n, err := w.Write(b)
	return int64(n), err
}

// Serve answers GET /metrics on l until it is closed.
func (m *Meter) Serve(l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.WriteTo(w)
	})
	s := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	s.Serve(l)
}
