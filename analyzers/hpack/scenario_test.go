package hpack_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers/foldtest"
	"github.com/wiretale/wiretale/analyzers/hpack"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/replaytest"
)

// The heads of the truth's messages, as they were told, give the size of names
// and values; the frames give the size of the blocks.
func TestKept(t *testing.T) {
	for _, name := range []string{"h2-push", "h2-priority", "h2-multiplex"} {
		t.Run(name, func(t *testing.T) {
			r := replaytest.Open(t, "../../pcaps/"+name+".pcapng", "../../pcaps/"+name+".json")
			var encoded, decoded, heads [2]int64
			size := func(d events.Dir, hs []events.Header, more ...string) {
				heads[d]++
				for _, h := range hs {
					decoded[d] += int64(len(h[0]) + len(h[1]))
				}
				for _, s := range more {
					decoded[d] += int64(len(s))
				}
			}
			for _, e := range r.Events {
				switch b := e.Body.(type) {
				case *events.HTTPRequest:
					size(e.From, b.Headers, ":method", b.Method, ":path", b.Target, ":scheme", b.Scheme, ":authority", b.Host)
				case *events.HTTPResponse:
					size(e.From, b.Headers, ":status", strconv.Itoa(b.Status))
				case *events.HTTP2Frame:
					switch b.Type {
					case "HEADERS":
						encoded[e.From] += int64(b.Length)
						if b.Weight != 0 {
							encoded[e.From] -= 5
						}
					case "PUSH_PROMISE":
						encoded[e.From] += int64(b.Length) - 4
					}
				}
			}
			if int(heads[0]+heads[1]) != len(r.Truth.Messages) {
				t.Errorf("%d heads, %d messages in the truth", heads[0]+heads[1], len(r.Truth.Messages))
			}
			rows := foldtest.Rows(t, hpack.Question, r.Events...)
			for i, side := range []string{"client", "server"} {
				v := foldtest.Value[*hpack.Value](t, rows, "tcp:0 "+side)
				if v.Encoded != encoded[i] || v.Decoded != decoded[i] || v.Blocks != heads[i] || v.Unread != 0 {
					t.Errorf("%s: %d bytes for %d in %d blocks, want %d for %d in %d", side, v.Encoded, v.Decoded, v.Blocks, encoded[i], decoded[i], heads[i])
				}
			}
		})
	}
}

// tshark says how each field was written.
func TestKeptAgainstTshark(t *testing.T) {
	r := replaytest.Open(t, "../../pcaps/h2-push.pcapng", "../../pcaps/h2-push.json")
	var got [2]map[string]int64
	for _, line := range r.Tshark(t, "-d", "tcp.port==80,http2", "-Y", "http2.header", "-T", "fields", "-e", "tcp.srcport", "-e", "http2.header.repr") {
		port, list, _ := strings.Cut(line, "\t")
		side := 0
		if port == "80" {
			side = 1
		}
		if got[side] == nil {
			got[side] = map[string]int64{}
		}
		for _, repr := range strings.Split(list, ",") {
			switch {
			case strings.HasPrefix(repr, "Indexed"):
				got[side]["whole"]++
			case strings.HasSuffix(repr, "Indexed Name"):
				got[side]["name"]++
			default:
				got[side]["literal"]++
			}
			if strings.Contains(repr, "with Incremental") {
				got[side]["inserted"]++
			}
		}
	}
	rows := foldtest.Rows(t, hpack.Question, r.Events...)
	for i, side := range []string{"client", "server"} {
		v := foldtest.Value[*hpack.Value](t, rows, "tcp:0 "+side)
		if v.Static+v.Dynamic != got[i]["whole"] || v.StaticName+v.DynamicName != got[i]["name"] || v.Literal != got[i]["literal"] || v.Inserted != got[i]["inserted"] {
			t.Errorf("%s: %+v, tshark has %v", side, v, got[i])
		}
	}
}
