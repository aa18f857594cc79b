package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestBodiesHasEveryKind(t *testing.T) {
	var got []Kind
	for _, b := range Bodies() {
		got = append(got, b.Kind)
	}
	if want := Kinds(); !reflect.DeepEqual(got, want) {
		t.Errorf("Bodies lists %v, want %v", got, want)
	}
}

func TestEveryKindHasAName(t *testing.T) {
	for _, k := range Kinds() {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestSchema(t *testing.T) {
	rows := []RowType{{Name: "rtt", Doc: "how long", Value: inner{}}, {Name: "tree", Value: &node{}}}
	s := Schema(rows)
	if !bytes.Equal(s, Schema(rows)) {
		t.Error("two calls differ")
	}
	var got struct {
		Schema string `json:"$schema"`
		Defs   map[string]struct {
			Properties map[string]map[string]any `json:"properties"`
			Required   []string                  `json:"required"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(s, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %q", got.Schema)
	}
	// Fields as EVENTS.md names them.
	for def, fields := range map[string][]string{
		"events.DNSMessage":   {"id", "response", "opcode", "aa", "tc", "rd", "ra", "ad", "cd", "rcode", "question", "answer", "authority", "additional", "edns", "size"},
		"events.DNSRecord":    {"name", "type", "class", "ttl", "data"},
		"events.DNSEDNS":      {"udp_size", "do", "version", "options"},
		"events.HTTPRequest":  {"http_stream", "method", "target", "scheme", "host", "version", "headers", "first_frame"},
		"events.HTTPResponse": {"http_stream", "status", "reason", "version", "headers", "interim", "request_frame", "first_frame"},
		"events.HTTPBody":     {"http_stream", "of", "wire_bytes", "bytes", "decoded_bytes", "sha256", "content_type", "content_encoding", "complete", "first_frame"},
		"events.FlowEnd":      {"why", "client_packets", "client_bytes", "server_packets", "server_bytes"},
		"events.TCPSegment":   {"seq", "bytes"},
		"event":               {"frame", "sub", "time", "proto", "stream", "client", "server", "community_id", "layer", "from", "kind", "body", "truncated", "escaped"},
		"row":                 {"analysis", "key", "frame", "time", "value"},
		"events.inner":        {"name", "n"},
		"events.node":         {"v", "kids"},
	} {
		for _, f := range fields {
			if got.Defs[def].Properties[f] == nil {
				t.Errorf("%s has no %s", def, f)
			}
		}
	}
	if r := got.Defs["events.inner"].Required; !reflect.DeepEqual(r, []string{"name"}) {
		t.Errorf("inner requires %v", r)
	}
}
