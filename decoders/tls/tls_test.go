package tls

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

func all(t testing.TB) []dt.Conversation {
	return []dt.Conversation{full12(t), resumed12(), plain13(), retry13(), early13(), refused(), oldForm(), split(), inQUIC()}
}

func TestLaws(t *testing.T) {
	dt.Laws(t, Proto, all(t)...)
	dt.StrictLoss(t, Proto, all(t)...)
}

func TestGolden(t *testing.T) {
	for _, c := range all(t) {
		dt.Golden(t, strings.ReplaceAll(c.Name, " ", "_"), dt.Run(t, Proto, c))
	}
}

func one[B events.Body](t *testing.T, c dt.Conversation) B {
	t.Helper()
	all := dt.Of[B](dt.Run(t, Proto, c))
	if len(all) != 1 {
		t.Fatalf("%s: %d of them", c.Name, len(all))
	}
	return all[0]
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("- want, + got:\n%s", d)
	}
}

func TestHellos(t *testing.T) {
	ch := one[*events.TLSClientHello](t, full12(t))
	equal(t, ch, &events.TLSClientHello{
		Version: "1.2", SNI: "www.example.com", ALPN: []string{"h2", "http/1.1"},
		CipherSuites: []string{"GREASE", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"},
		Extensions:   []string{"server_name", "application_layer_protocol_negotiation", "supported_groups", "ec_point_formats", "session_ticket"},
		Groups:       []string{"GREASE", "x25519", "secp256r1"},
		Random:       hex.EncodeToString([]byte(clientRandom)),
		JA3Full:      "771,49199-255,0-16-10-11-35,29-23,0",
		JA3:          md5Hex("771,49199-255,0-16-10-11-35,29-23,0"),
		JA4:          "t12d0205h2_" + hash12("00ff,c02f") + "_" + hash12("000a,000b,0023"), FirstFrame: 1,
	})
	sh := one[*events.TLSServerHello](t, full12(t))
	equal(t, sh, &events.TLSServerHello{
		Version: "1.2", CipherSuite: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ALPN: "h2",
		Extensions: []string{"renegotiation_info", "application_layer_protocol_negotiation"},
		SessionID:  "deadbeef", Random: hex.EncodeToString([]byte(serverRandom)),
		JA3SFull: "771,49199,65281-16", JA3S: md5Hex("771,49199,65281-16"), RequestFrame: 1, FirstFrame: 2,
	})
	ch = one[*events.TLSClientHello](t, plain13())
	if ch.Version != "1.3" || !ch.ECH || ch.Resumes || strings.Join(ch.SupportedVersions, " ") != "GREASE 1.3 1.2" || !strings.HasPrefix(ch.JA4, "t13i0203") {
		t.Errorf("%+v", ch)
	}
	sh = one[*events.TLSServerHello](t, plain13())
	if sh.Version != "1.3" || sh.Group != "x25519" || sh.Resumed {
		t.Errorf("%+v", sh)
	}
	tape := dt.Run(t, Proto, retry13())
	if r := dt.Of[*events.TLSServerHello](tape); len(r) != 2 || !r[0].Retry || r[0].Group != "secp384r1" || r[1].Retry || r[1].RequestFrame != 3 {
		t.Errorf("%v", tape.Records)
	}
	if ch := one[*events.TLSClientHello](t, early13()); !ch.EarlyData || !ch.Resumes {
		t.Errorf("%+v", ch)
	}
	ch = one[*events.TLSClientHello](t, oldForm())
	equal(t, ch, &events.TLSClientHello{Version: "1.0", CipherSuites: []string{"TLS_RSA_WITH_RC4_128_SHA", "SSL_CK_RC4_128_WITH_MD5"},
		Extensions: []string{}, Random: hex.EncodeToString([]byte(clientRandom[:16])), FirstFrame: 1})
	if ch := one[*events.TLSClientHello](t, inQUIC()); ch.SNI != "q.example" || !strings.HasPrefix(ch.JA4, "q13d0104h3_") || ch.FirstFrame != 1 {
		t.Errorf("%+v", ch)
	}
}

func hash12(s string) string { return string(appendHash12(nil, []byte(s))) }

// The round trips are those of RFC 8446 figures 1, 3 and 4, and of RFC 5246
// figures 1 and 2. Each chunk is a millisecond.
func TestHandshake(t *testing.T) {
	ms := events.Duration(1e6)
	for _, tc := range []struct {
		c    dt.Conversation
		want events.TLSHandshake
	}{
		{full12(t), events.TLSHandshake{Done: true, RoundTrips: 2, Version: "1.2", Ticket: true, ClientAuth: true, Duration: 3 * ms, FirstFrame: 1}},
		{resumed12(), events.TLSHandshake{Done: true, RoundTrips: 1, Version: "1.2", Resumed: true, Duration: 2 * ms, FirstFrame: 1}},
		{plain13(), events.TLSHandshake{Done: true, RoundTrips: 1, Version: "1.3", Duration: 3 * ms, FirstFrame: 1}},
		{retry13(), events.TLSHandshake{Done: true, RoundTrips: 2, Version: "1.3", Duration: 4 * ms, FirstFrame: 1}},
		{early13(), events.TLSHandshake{Done: true, RoundTrips: 0, Version: "1.3", EarlyData: true, Resumed: true, Duration: 2 * ms, FirstFrame: 1}},
		{refused(), events.TLSHandshake{RoundTrips: 0, Duration: 1 * ms, FirstFrame: 1}},
		{oldForm(), events.TLSHandshake{Done: true, RoundTrips: 2, Version: "1.0", Duration: 3 * ms, FirstFrame: 1}},
		{split(), events.TLSHandshake{RoundTrips: 1, Version: "1.2", Duration: 5 * ms, FirstFrame: 1}},
		{dt.Talk("false start", // RFC 7918
			dt.Client(handshake(hello(0x0303, "", []int{0xc02f}))),
			dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0xc02f), msg(14, ""))),
			dt.Client(handshake(msg(16, "key"))+ccs+finished+data),
			dt.Server(ccs+finished)), events.TLSHandshake{Done: true, RoundTrips: 1, Version: "1.2", Duration: 3 * ms, FirstFrame: 1}},
		{dt.Talk("ticket without a session ID", // RFC 5077 section 3.4
			dt.Client(handshake(hello(0x0303, "", []int{0xc02f}, ext(35, "ticket")))),
			dt.Server(handshake(helloOfServer(0x0303, serverRandom, "", 0xc02f))+ccs+finished),
			dt.Client(ccs+finished)), events.TLSHandshake{Done: true, RoundTrips: 1, Version: "1.2", Resumed: true, Duration: 2 * ms, FirstFrame: 1}},
		{dt.Talk("1.3 with a retry, change_cipher_spec when each side likes", // RFC 8446 appendix D.4
			dt.Client(handshake(hello(0x0303, sessionID, []int{0x1301}, versions13))),
			dt.Server(handshake(helloOfServer(0x0303, retryRandom, sessionID, 0x1301, chosen13, ext(51, u16s(24))))),
			dt.Client(ccs), dt.Server(ccs),
			dt.Client(handshake(hello(0x0303, sessionID, []int{0x1301}, versions13, ext(44, vec(2, "cookie"))))),
			dt.Server(handshake(helloOfServer(0x0303, serverRandom, sessionID, 0x1301, chosen13))+data),
			dt.Client(data)), events.TLSHandshake{Done: true, RoundTrips: 2, Version: "1.3", Duration: 6 * ms, FirstFrame: 1}},
		{dt.Talk("closed in the midst",
			dt.Client(handshake(hello(0x0303, "", []int{0xc02f}))),
			dt.Over(events.FromServer, events.EndReset), dt.Over(events.FromClient, events.EndReset)),
			events.TLSHandshake{FirstFrame: 1}},
	} {
		equal(t, one[*events.TLSHandshake](t, tc.c), &tc.want)
	}
	// The capture ended first: that is no failure.
	tape := dt.Run(t, Proto, dt.Talk("", dt.Client(handshake(hello(0x0303, "", []int{0xc02f})))))
	if r := tape.Records[len(tape.Records)-1]; r.Kind != "tls.handshake" || !r.Truncated {
		t.Error(r)
	}
}

func TestAlerts(t *testing.T) {
	equal(t, dt.Of[*events.TLSAlert](dt.Run(t, Proto, refused())), []*events.TLSAlert{{Level: "warning", Description: "unrecognized_name"}, {Level: "fatal", Description: "handshake_failure"}})
	equal(t, dt.Of[*events.TLSAlert](dt.Run(t, Proto, full12(t))), []*events.TLSAlert{{Encrypted: true}, {Encrypted: true}})
}

func TestCertificate(t *testing.T) {
	equal(t, one[*events.TLSCertificate](t, full12(t)), &events.TLSCertificate{
		Subject: "CN=www.example.com,O=Example", Issuer: "CN=Example CA",
		Names:     []string{"www.example.com", "*.example.com", "192.0.2.1", "2001:db8::1", "a@example.com", "spiffe://x/y"},
		NotBefore: "2026-01-02T03:04:05Z", NotAfter: "2052-01-02T03:04:05Z", Serial: "0badcafe", KeyType: "ECDSA P-256",
		SHA256: "1887b3fefe77a0ef06ebbee6ae65abe4a49cf68d6c6d418d0a2c3026364b1f30", Bytes: 411, FirstFrame: 2,
	})
}

// A broken certificate gives what stands before the break.
func TestBrokenCertificate(t *testing.T) {
	whole := leaf(t)
	want, err := certificate([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		got, err := certificate([]byte(whole[:n]))
		if err == nil {
			t.Errorf("%d bytes: no error", n)
		}
		for _, f := range [][2]string{{got.Serial, want.Serial}, {got.Issuer, want.Issuer}, {got.NotBefore, want.NotBefore}, {got.NotAfter, want.NotAfter}, {got.Subject, want.Subject}} {
			if f[0] != "" && f[0] != f[1] {
				t.Errorf("%d bytes: %q, want %q", n, f[0], f[1])
			}
		}
	}
	if got, _ := certificate([]byte(whole[:200])); got.Subject != want.Subject || got.NotAfter != want.NotAfter || got.Issuer != want.Issuer || got.Serial != want.Serial {
		t.Errorf("%+v", got)
	}
	tape := dt.Run(t, Proto, split())
	if v := dt.Of[*events.FlowViolation](tape); len(v) != 1 || !strings.HasPrefix(v[0].Reason, "certificate 0: ") {
		t.Errorf("%v", tape.Records)
	}
}

func TestLimits(t *testing.T) {
	c := full12(t)
	l := events.DefaultLimits()
	l.TLSHandshake, l.TLSCertificates = 300, 1
	c.Env.Limits = &l
	tape := dt.Run(t, Proto, c)
	if x := dt.Of[*events.FlowLimit](tape); len(x) != 1 || x[0].Limit != "tls-handshake" || len(dt.Of[*events.TLSCertificate](tape)) != 0 || !one[*events.TLSHandshake](t, c).Done {
		t.Errorf("%v", tape.Records)
	}
	c.Chunks = []dt.Chunk{dt.Client(handshake(hello(0x0303, "", []int{1}))), dt.Server(handshake(helloOfServer(0x0303, serverRandom, "", 1), chain("a", "b")))}
	tape = dt.Run(t, Proto, c)
	if x := dt.Of[*events.FlowLimit](tape); len(x) != 1 || x[0].Limit != "tls-certificates" || len(dt.Of[*events.TLSCertificate](tape)) != 1 {
		t.Errorf("%v", tape.Records)
	}
}

// Behind a gap a record is believed when another follows it.
func TestGaps(t *testing.T) {
	kinds := func(chunks ...dt.Chunk) string {
		c := resumed12()
		c.Chunks = append(c.Chunks, chunks...)
		return strings.Join(dt.Run(t, Proto, c).Kinds()[3:], " ")
	}
	lost := dt.Lost(events.FromServer, 777)
	noise := strings.Repeat("\x17\x03\x03\x00\x10xyz", 20)
	for _, tc := range []struct {
		what   string
		chunks []dt.Chunk
		want   string
	}{
		{"inside a record", []dt.Chunk{dt.Server(data[:50]), dt.Lost(events.FromServer, 20), dt.Server(data[70:] + closing)}, "flow.gap tls.alert"},
		{"over a record's end", []dt.Chunk{dt.Server(data[:50]), lost, dt.Server("noise" + data + data + closing)}, "flow.gap tls.alert"},
		{"nothing to be sure of", []dt.Chunk{lost, dt.Server(noise + closing)}, "flow.gap"},
		{"another connection's hello", []dt.Chunk{lost, dt.Server(strings.Repeat("n", 9) + handshake(helloOfServer(0x0303, serverRandom, sessionID, 5)) + closing)}, "flow.gap tls.server_hello tls.alert"},
		{"too much noise", []dt.Chunk{lost, dt.Server(strings.Repeat("n", searched) + "n"), dt.Server(data + data + closing)}, "flow.gap"},
	} {
		if got := kinds(tc.chunks...); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, got, tc.want)
		}
	}
}

func TestNotTLS(t *testing.T) {
	for _, b := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x03\xff\xff", "\x80\x05\x02zz", "\x16\x04\x00\x00\x01"} {
		if tape := dt.Run(t, Proto, dt.Talk("", dt.Client(b))); tape.Err == nil {
			t.Errorf("%q: %v", b, tape.Records)
		}
	}
	// Back to clear text (RFC 4217 section 12.3): what follows is not read.
	tape := dt.Run(t, Proto, dt.Talk("", append(resumed12().Chunks, dt.Client("PORT 1,2,3,4,5,6\r\n"), dt.Client("LIST\r\n"))...))
	if v := dt.Of[*events.FlowViolation](tape); len(v) != 1 || tape.Err != nil {
		t.Error(tape.Records)
	}
}

func TestProbe(t *testing.T) {
	const c, s = events.FromClient, events.FromServer
	ch, sh := handshake(hello(0x0303, "", []int{1})), handshake(helloOfServer(0x0303, serverRandom, "", 1))
	old := string(oldForm().Chunks[0].Bytes)
	for _, tc := range []struct {
		what string
		from events.Dir
		b    string
		v    decoders.Verdict
		who  events.Dir
	}{
		{"ClientHello", s, ch, decoders.Yes, c},
		{"front of a ClientHello", c, ch[:10], decoders.Maybe, c},
		{"ServerHello", c, sh, decoders.Yes, s},
		{"SSL 2 form", s, old, decoders.Yes, c},
		{"SSL 2 form that does not fit", c, "\x80\x2f" + old[2:], decoders.No, c},
		{"SSL 2's server", c, "\x80\x2e\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00", decoders.No, c},
		{"alert", s, record(21, "\x02\x28"), decoders.Yes, s},
		{"alert that is none", s, record(21, "\x02\xf0"), decoders.No, s},
		{"encrypted alert", s, record(21, strings.Repeat("\xa1", 22)), decoders.Yes, s},
		{"encrypted alert, more behind", s, record(21, strings.Repeat("\xa1", 22)) + "noise", decoders.No, s},
		{"encrypted alert, too short", s, record(21, strings.Repeat("\xa1", 12)), decoders.Maybe, s},
		{"two records midway", c, data + data[:5], decoders.Yes, c},
		{"one record midway", c, data[:60], decoders.Maybe, c},
		{"record, then noise", c, data + "noise", decoders.No, c},
		{"too long", c, "\x16\x03\x01\xff\xff\x01\x00\xff\xfb\x03\x03", decoders.No, c},
		{"text", c, "GET / HTTP/1.1\r\n", decoders.No, c},
		{"nothing", c, "", decoders.Maybe, c},
	} {
		if v, who := probe(tc.from, []byte(tc.b)); v != tc.v || who != tc.who {
			t.Errorf("%s: %d %s, want %d %s", tc.what, v, who, tc.v, tc.who)
		}
	}
	for _, whole := range []string{ch, sh, old, data + data} {
		for i := range whole {
			if v, _ := probe(c, []byte(whole[:i])); v == decoders.No {
				t.Errorf("No after %d bytes of %x", i, whole)
			}
		}
	}
}

func FuzzTLS(f *testing.F) { dt.Fuzz(f, Proto, all(f)...) }

func FuzzCertificate(f *testing.F) {
	f.Add([]byte(leaf(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, _ := certificate(b); e.Bytes != len(b) {
			t.Error(e)
		}
	})
}
