package ftp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// passive and active are data connections of flow4.
var (
	passive = events.Flow{Client: flow4.Client, Server: flow4.Server, ClientPort: 40001, ServerPort: 1025, Proto: events.ProtoTCP}
	active  = events.Flow{Client: flow4.Server, Server: flow4.Client, ClientPort: 20, ServerPort: 5000, Proto: events.ProtoTCP}
)

func fin(from events.Dir) dt.Chunk   { return dt.Over(from, events.EndFIN) }
func reset(from events.Dir) dt.Chunk { return dt.Over(from, events.EndReset) }

func TestData(t *testing.T) {
	hint := func(mode, verb string, final int) decoders.HintFTPData {
		return decoders.HintFTPData{ControlStream: 7, Mode: mode, User: flow4.Client, Verb: verb, Path: "f", Final: final}
	}
	restarted := hint("passive", "RETR", 226)
	restarted.Restart = 1000
	aborted := hint("passive", "RETR", 0)
	aborted.Aborted = true
	tooLate := hint("passive", "RETR", 226)
	tooLate.Aborted = true
	for _, x := range []struct {
		name   string
		flow   events.Flow
		hint   decoders.HintFTPData
		chunks []dt.Chunk
		from   events.Dir
		want   string
	}{
		{"a file, the reply later", passive, hint("passive", "RETR", 0), []dt.Chunk{server("abc"), server("de"), fin(fromServer), fin(fromClient)}, fromServer, "4 = passive RETR f 5"},
		{"a file, the reply before", passive, hint("passive", "RETR", 226), []dt.Chunk{server("abc"), fin(fromServer), fin(fromClient)}, fromServer, "2 = passive RETR f 3 reply 226"},
		{"sent", passive, hint("passive", "STOR", 226), []dt.Chunk{client("abc"), fin(fromClient)}, fromClient, "2 = passive STOR f 3 reply 226"},
		{"active: the server opens it", active, hint("active", "RETR", 226), []dt.Chunk{client("abc"), fin(fromClient)}, fromClient, "2 = active RETR f 3 reply 226"},
		{"active, sent", active, hint("active", "STOR", 226), []dt.Chunk{server("abc"), fin(fromServer)}, fromServer, "2 = active STOR f 3 reply 226"},
		{"426", passive, hint("passive", "RETR", 426), []dt.Chunk{server("abc"), fin(fromServer)}, fromServer, "2 = passive RETR f 3 incomplete reply 426"},
		{"aborted", passive, aborted, []dt.Chunk{server("abc"), fin(fromServer), fin(fromClient)}, fromServer, "3 = passive RETR f 3 incomplete"},
		{"aborted too late", passive, tooLate, []dt.Chunk{server("abc"), fin(fromServer)}, fromServer, "2 = passive RETR f 3 reply 226"},
		{"the receiver hangs up", passive, hint("passive", "RETR", 0), []dt.Chunk{server("abc"), fin(fromClient), reset(fromServer)}, fromServer, "3 = passive RETR f 3 incomplete"},
		{"reset", passive, hint("passive", "RETR", 226), []dt.Chunk{server("abc"), reset(fromServer), reset(fromClient)}, fromServer, "2 = passive RETR f 3 incomplete reply 226"},
		{"to the end of the capture", passive, hint("passive", "RETR", 0), []dt.Chunk{server("abc")}, fromServer, "1 = passive RETR f 3 incomplete"},
		{"restarted", passive, restarted, []dt.Chunk{server("abc"), fin(fromServer)}, fromServer, "2 = passive RETR f 3 from 1000 reply 226"},
		{"empty", passive, hint("passive", "RETR", 226), []dt.Chunk{fin(fromServer), fin(fromClient)}, fromServer, "1 = passive RETR f 0 reply 226"},
		{"empty, sent", active, hint("active", "STOR", 226), []dt.Chunk{fin(fromServer), fin(fromClient)}, fromServer, "1 = active STOR f 0 reply 226"},
		{"refused", passive, hint("passive", "RETR", 550), []dt.Chunk{fin(fromClient), fin(fromServer)}, fromServer, "2 = passive RETR f 0 incomplete reply 550"},
		{"a gap", passive, hint("passive", "RETR", 226), []dt.Chunk{server("abc"), dt.Lost(fromServer, 10), server("d"), fin(fromServer)}, fromServer, "2 gap 10\n4 (torn) = passive RETR f 14 incomplete missing 10 reply 226"},
		{"all of it lost", passive, hint("passive", "RETR", 226), []dt.Chunk{dt.Lost(fromServer, 10), fin(fromServer)}, fromServer, "1 gap 10\n2 (torn) = passive RETR f 10 incomplete missing 10 reply 226"},
		{"both sides", passive, hint("passive", "RETR", 226), []dt.Chunk{server("abc"), client("x"), fin(fromServer)}, fromServer, "2 ! both sides send on a data connection\n3 = passive RETR f 3 reply 226"},
	} {
		c := dt.Conversation{Name: x.name, Chunks: x.chunks, Env: decoders.Env{Flow: x.flow, Hint: &x.hint}}
		tape := dt.Run(t, Data, c)
		if got := strings.TrimSpace(lines(tape)); got != x.want {
			t.Errorf("%s: got\n%s\nwant\n%s", x.name, got, x.want)
		}
		for _, r := range tape.Records {
			if r.Kind == "ftp.data" && r.From != x.from {
				t.Errorf("%s: from %v", x.name, r.From)
			}
		}
		dt.Laws(t, Data, c)
		dt.StrictLoss(t, Data, c)
		c.Env.Hash = true
		dt.Laws(t, Data, c)
		dt.StrictLoss(t, Data, c)
	}
}

// An active connection that was joined midway may have its sides the other
// way round.
func TestDataRolesGuessed(t *testing.T) {
	h := decoders.HintFTPData{Mode: "active", User: flow4.Client, Verb: "STOR", Final: 226}
	tape := dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{fin(fromClient), fin(fromServer)}, Env: decoders.Env{Flow: passive, Hint: &h}})
	if r := tape.Records[0]; r.From != fromClient {
		t.Error(r)
	}
}

func TestHash(t *testing.T) {
	h := decoders.HintFTPData{Mode: "passive", User: flow4.Client, Verb: "RETR", Path: "/f", Final: 226}
	tape := dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{server("abc"), server("de"), fin(fromServer)}, Env: decoders.Env{Flow: passive, Hint: &h, Hash: true}})
	sum := sha256.Sum256([]byte("abcde"))
	if got := dt.Of[*events.FTPData](tape)[0].SHA256; got != hex.EncodeToString(sum[:]) {
		t.Error(got)
	}
	tape = dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{server("abc"), dt.Lost(fromServer, 1), server("de"), fin(fromServer)}, Env: decoders.Env{Flow: passive, Hint: &h, Hash: true}})
	if got := dt.Of[*events.FTPData](tape)[0].SHA256; got != "" {
		t.Error("a hash of what was not seen:", got)
	}
}

func TestContent(t *testing.T) {
	want := events.SetOf(events.Kinds()...).Or(events.SetOf(events.KindContentPart, events.KindContentEnd))
	big := strings.Repeat("0123456789abcdef", 9000)
	for _, x := range []struct {
		verb  string
		parts string
		drop  bool
	}{{"RETR", "65536 65536 12928", false}, {"", "65536 65536 12928", false}, {"LIST", "", false}} {
		h := decoders.HintFTPData{Mode: "passive", User: flow4.Client, Verb: x.verb, Path: "/f", Final: 226}
		tape := dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{server(big[:100000]), server(big[100000:]), fin(fromServer)}, Env: decoders.Env{Flow: passive, Hint: &h, Want: &want}})
		var sizes []string
		all := ""
		for _, p := range dt.Of[*events.ContentPart](tape) {
			sizes = append(sizes, fmt.Sprint(len(p.Bytes)))
			all += string(p.Bytes)
		}
		if got := strings.Join(sizes, " "); got != x.parts || x.parts != "" && all != big {
			t.Errorf("%s: parts %s", x.verb, got)
		}
		ends := dt.Of[*events.ContentEnd](tape)
		if x.parts == "" {
			if len(ends) != 0 {
				t.Error("a listing is no file")
			}
			continue
		}
		sum := sha256.Sum256([]byte(big))
		if e := ends[0]; len(ends) != 1 || *e != (events.ContentEnd{Protocol: "ftp", Name: "/f", Bytes: int64(len(big)), Complete: true, FirstFrame: 1}) {
			t.Errorf("%+v", e)
		}
		if d := dt.Of[*events.FTPData](tape)[0]; d.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%+v", d)
		}
	}
}

// Behind a gap no byte follows those before it: the object ends there.
func TestContentUpToGap(t *testing.T) {
	want := events.SetOf(events.KindContentPart, events.KindContentEnd)
	h := decoders.HintFTPData{Mode: "passive", User: flow4.Client, Verb: "RETR", Path: "/f", Final: 226}
	tape := dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{server("abc"), dt.Lost(fromServer, 4), server("hij"), fin(fromServer)}, Env: decoders.Env{Flow: passive, Hint: &h, Want: &want}})
	parts, ends := dt.Of[*events.ContentPart](tape), dt.Of[*events.ContentEnd](tape)
	if len(parts) != 1 || string(parts[0].Bytes) != "abc" || len(ends) != 1 || ends[0].Bytes != 3 || ends[0].Complete {
		t.Errorf("%v", tape.Records)
	}
}

// With PROT P the bytes are TLS: it is opened inside, and the bytes on the
// wire are counted.
func TestProtected(t *testing.T) {
	h := decoders.HintFTPData{Mode: "passive", User: flow4.Client, Verb: "RETR", Path: "f", Protected: true}
	tape := dt.Run(t, Data, dt.Conversation{Chunks: []dt.Chunk{client("hello"), server("hello too"), server("data"), fin(fromServer), fin(fromClient)}, Env: decoders.Env{Flow: passive, Hint: &h, Hash: true}})
	if len(tape.Feeds) != 1 || tape.Feeds[0].Next.Protocol != "tls" || string(tape.Feeds[0].Bytes[fromServer]) != "hello toodata" || tape.Feeds[0].Ended[fromClient] == 0 {
		t.Fatal(tape.Records)
	}
	d := dt.Of[*events.FTPData](tape)[0]
	if d.Bytes != 13 || !d.Protected || d.SHA256 != "" {
		t.Errorf("%+v", d)
	}
}

// The command may be read after the first data.
func TestCommandLater(t *testing.T) {
	h := decoders.HintFTPData{Mode: "passive", User: flow4.Client}
	d := newData(decoders.Env{Flow: passive, Hint: &h})
	var out null
	d.Data(decoders.Window{From: fromServer, Bytes: []byte("abc"), Frame: 1}, &out)
	h.Verb, h.Path, h.Final = "RETR", "f", 226
	d.End(fromServer, events.EndFIN, &out)
	if e, ok := out.last.(*events.FTPData); !ok || e.Verb != "RETR" || !e.Complete || !h.Begun {
		t.Errorf("%+v", out.last)
	}
}

func FuzzData(f *testing.F) {
	dt.Fuzz(f, Data, dt.Talk("file", server("abc"), dt.Lost(fromServer, 4), server("d"), fin(fromServer), fin(fromClient)))
}
