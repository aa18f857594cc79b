package replaytest

import (
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// CheckHellos fails where what TLS hellos said, as the truth has it, is not
// what wiretale read.
func (r *Recording) CheckHellos(t testing.TB) {
	t.Helper()
	told, n := map[string]truth.TLS{}, 0
	key := func(flow string, side string) string { return flow + " " + side }
	for _, m := range r.Truth.Messages {
		if m.TLS != nil {
			told[key(m.Transport+" "+m.Client.String()+" "+m.Server.String(), m.TLS.Hello)] = *m.TLS
			n++
		}
	}
	if n == 0 || n != len(told) {
		t.Errorf("%d hellos in the truth, of %d kinds", n, len(told))
	}
	for _, e := range r.Events {
		client, server := e.Flow.Ends()
		flow := e.Flow.Transport() + " " + client.String() + " " + server.String()
		switch b := e.Body.(type) {
		case *events.TLSClientHello:
			k := key(flow, "client")
			want, ok := told[k]
			delete(told, k)
			if !ok || b.Random != want.Random || b.SNI != want.ServerName || !slices.Equal(b.ALPN, want.ALPN) {
				t.Errorf("frame %d: client hello for %q, ALPN %v, random %s; the truth has %+v", e.Pos.Frame, b.SNI, b.ALPN, b.Random, want)
			}
		case *events.TLSServerHello:
			k := key(flow, "server")
			want, ok := told[k]
			delete(told, k)
			if !ok || b.Version != want.Version || !strings.EqualFold(b.CipherSuite, want.CipherSuite) {
				t.Errorf("frame %d: server hello, %s %s; the truth has %+v", e.Pos.Frame, b.Version, b.CipherSuite, want)
			}
		}
	}
	for k := range told {
		t.Errorf("not read: hello of %s", k)
	}
}

// CheckDecrypted has tshark read the capture with the keys in it, and fails
// when the values of a field are not those wanted, in any order.
func (r *Recording) CheckDecrypted(t testing.TB, filter, field string, want ...string) {
	t.Helper()
	var got []string
	for _, line := range r.Tshark(t, "-Y", filter, "-T", "fields", "-e", field) {
		got = append(got, strings.Split(line, ",")...)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("with the keys, tshark finds %v of %s, want %v", got, field, want)
	}
}
