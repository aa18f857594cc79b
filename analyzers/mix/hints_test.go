package mix_test

import (
	"testing"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/mix"
	"github.com/wiretale/wiretale/events"
)

// What is encrypted counts for what its hello says, else its port, else it
// could be anything; and the protocol keeps all of it.
func TestEncrypted(t *testing.T) {
	type flow struct {
		server   string
		sni      string
		alpn     []string
		category mix.Category
	}
	flows := []flow{
		{"192.0.2.1:443", "www.example.test", []string{"h2", "http/1.1"}, mix.Web},
		{"192.0.2.1:8443", "", nil, mix.Web},
		{"192.0.2.2:993", "imap.example.test", nil, mix.Mail},
		{"192.0.2.2:4433", "Imap.example.test", nil, mix.Mail},
		{"192.0.2.2:4434", "", []string{"imap"}, mix.Mail},
		{"192.0.2.3:853", "", nil, mix.Names},
		{"192.0.2.3:443", "dns.google", []string{"h2"}, mix.Names},
		{"192.0.2.4:443", "rr1---sn-abc.googlevideo.com", []string{"h3"}, mix.Streaming},
		{"192.0.2.5:443", "mail.example.test", []string{"h2"}, mix.Web}, // mail read in a browser
		{"192.0.2.6:9999", "notgooglevideo.com", nil, mix.Encrypted},
		{"192.0.2.7:990", "", nil, mix.Files},
	}
	var evs []*events.Event
	want := map[mix.Category]uint64{}
	var all uint64
	frame := uint64(0)
	for i, f := range flows {
		talk := foldtest.TCP(uint32(i), "10.0.0.1:50000", f.server)
		if len(f.alpn) == 1 && f.alpn[0] == "h3" {
			talk = foldtest.UDP(uint32(i), "10.0.0.1:50000", f.server)
		}
		bytes := uint64(1000 << i) // so that each sum is of one set of flows
		want[f.category] += bytes + 10
		all += bytes + 10
		frame += 4
		evs = append(evs,
			talk.Client(frame, at(0.5), &events.TLSClientHello{SNI: f.sni, ALPN: f.alpn}),
			talk.Client(frame+1, at(1), carried(0, "", 1, 1, 1, 1, 10)), // before it was known
			talk.Client(frame+2, at(2), carried(1, "tls", 5, 5, 100, 100, bytes)),
			talk.Client(frame+3, at(2.5), end("tls", frame, frame+3)))
	}
	rows := foldtest.Rows(t, mix.Question, evs...)
	for c, wire := range want {
		v := foldtest.Value[mix.Value](t, rows, "category "+string(c))
		if v.WireBytes != wire {
			t.Errorf("%s: %d bytes, want %d", c, v.WireBytes, wire)
		}
	}
	v := foldtest.Value[mix.Value](t, rows, "protocol tls")
	if v.WireBytes != all || v.Flows != uint64(len(flows)) || v.Category != mix.Encrypted {
		t.Errorf("%+v", v)
	}
	if f := foldtest.Value[mix.Value](t, rows, "category mail").Filter; f != "tls && (tcp.port in {993, 4433, 4434} || udp.port in {993, 4433, 4434})" {
		t.Errorf("filter %s", f)
	}
	series := map[mix.Category]uint64{}
	for _, b := range foldtest.Value[mix.Value](t, rows, "time").Series {
		for _, p := range b.Categories {
			series[p.Category] += p.WireBytes
		}
	}
	for c, wire := range want {
		if series[c] != wire {
			t.Errorf("%s over time: %d bytes, want %d", c, series[c], wire)
		}
	}
}
