package truth

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 1, time.UTC)
	id := 0
	want := &Truth{
		Scenario: "s", Seed: 1<<64 - 1, At: "client", RTT: Duration(40 * time.Millisecond), Epoch: at,
		Hosts:       []Host{{Name: "a", Role: "r", MAC: "02:00:00:00:00:01", Addrs: []netip.Addr{netip.MustParseAddr("2001:db8::1")}}},
		Paths:       []Path{{From: "a", To: "b", Delay: 1, Packets: 2, Bytes: 3}},
		Connections: []Connection{{Client: netip.MustParseAddrPort("10.0.0.1:2"), Server: netip.MustParseAddrPort("[::1]:3"), ConnectStart: at}},
		Messages: []Message{{Kind: HTTPResponse, Transport: "tcp", Connection: &id, Sender: End{Host: "b", Start: at, End: at},
			HTTP: &HTTP{Ordinal: 1, Method: "GET", URL: "http://x/?a=1&b=<2>", Status: 200, BodyBytes: 5, SHA256: "00"}}},
		Drops: []Drop{{Time: at, From: "a", Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Bytes: 40, Reason: "no route"}},
	}
	var b bytes.Buffer
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"rtt": 0.04,`, `"delay": 0.000000001,`, `"connection": 0,`, `a=1&b=<2>`, `"2026-01-01T00:00:00.000000001Z"`} {
		if !strings.Contains(b.String(), s) {
			t.Errorf("no %s in\n%s", s, b.String())
		}
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// An empty list says "none"; null would say "not known".
func TestNoneIsNotNull(t *testing.T) {
	var b bytes.Buffer
	if err := new(Truth).Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"connections", "messages", "drops"} {
		if !strings.Contains(b.String(), `"`+list+`": []`) {
			t.Errorf("%s is not an empty list:\n%s", list, b.String())
		}
	}
}

func TestSortMessages(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tr := Truth{Messages: []Message{
		{Kind: HTTPResponse, Sender: End{Start: at.Add(2)}},
		{Kind: DNSQuery, Sender: End{Start: at}},
		{Kind: HTTPRequest, Sender: End{Start: at}},
	}}
	tr.SortMessages()
	for i, want := range []Kind{DNSQuery, HTTPRequest, HTTPResponse} {
		if tr.Messages[i].Kind != want {
			t.Errorf("message %d is %s, want %s", i, tr.Messages[i].Kind, want)
		}
	}
}
