package utp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	dt "github.com/wiretale/wiretale/decoders/decodertest"
	"github.com/wiretale/wiretale/events"
)

// packet is a packet without extensions.
func packet(typ kind, id, seq, ack uint16, payload string) string {
	var b [headerLen]byte
	b[0] = byte(typ)<<4 | 1
	binary.BigEndian.PutUint16(b[2:], id)
	binary.BigEndian.PutUint32(b[4:], 1_000_000+uint32(seq)) // timestamp
	if typ != typeSYN {
		binary.BigEndian.PutUint32(b[8:], 250)     // difference
		binary.BigEndian.PutUint32(b[12:], 65_536) // window
	}
	binary.BigEndian.PutUint16(b[16:], seq)
	binary.BigEndian.PutUint16(b[18:], ack)
	return string(b[:]) + payload
}

// extended is packet with one extension.
func extended(typ kind, id, seq, ack uint16, ext byte, content, payload string) string {
	p := packet(typ, id, seq, ack, "")
	return p[:1] + string(ext) + p[2:] + "\x00" + string(byte(len(content))) + content + payload
}

// The two sides of connection 100: the answers to the SYN bear its id, all
// that the opener sends bears the next one.
func opener(typ kind, seq, ack uint16, payload string) dt.Chunk {
	id := uint16(101)
	if typ == typeSYN {
		id = 100
	}
	return dt.Client(packet(typ, id, seq, ack, payload))
}

func accepter(typ kind, seq, ack uint16, payload string) dt.Chunk {
	return dt.Server(packet(typ, 100, seq, ack, payload))
}

// lines is a protocol to be carried: each line is a message. After a gap it
// goes on behind the next line end.
type lines struct{ torn [2]bool }

func (l *lines) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	for {
		i := bytes.IndexByte(w.Bytes[used:], '\n')
		if i < 0 {
			return used, len(w.Bytes) - used + 1, nil
		}
		if text := string(w.Bytes[used : used+i]); !l.torn[w.From] {
			out.Emit(w.From, &events.BitTorrentMessage{Type: text, Complete: true})
		}
		l.torn[w.From] = false
		used += i + 1
	}
}

func (l *lines) Gap(from events.Dir, n int64, out decoders.Sink) error {
	l.torn[from] = true
	return nil
}

func (l *lines) End(events.Dir, events.Ending, decoders.Sink) {}

var inner = map[string]decoders.Proto{"bittorrent": {
	Name:   "bittorrent",
	Stream: func(decoders.Env) decoders.Stream { return &lines{} },
}}

func talk(name string, chunks ...dt.Chunk) dt.Conversation {
	c := dt.Packets(name, chunks...)
	c.Inner = inner
	return c
}

// BEP 29, "connection setup", with the numbers that libutp uses: the answer to
// the SYN and the first data of its side have the same.
var plain = talk("plain",
	opener(typeSYN, 1, 0, ""),
	accepter(typeState, 500, 1, ""),
	opener(typeData, 2, 499, "hello\nhow "),
	accepter(typeState, 500, 2, ""),
	accepter(typeData, 500, 2, "fine\n"),
	opener(typeData, 3, 500, "are you\n"),
	accepter(typeData, 501, 3, "and "),
	accepter(typeData, 502, 3, "you\n"),
	opener(typeState, 4, 502, ""),
	opener(typeFIN, 4, 502, ""),
	accepter(typeFIN, 503, 4, ""),
	opener(typeState, 5, 503, ""),
)

// With the numbers that BEP 29 draws: the answer to the SYN has one of its own.
var drawn = talk("numbers as drawn in BEP 29",
	opener(typeSYN, 1, 0, ""),
	accepter(typeState, 500, 1, ""),
	opener(typeData, 2, 500, "hello\n"),
	accepter(typeData, 501, 2, "fine\n"),
	accepter(typeData, 502, 2, "bye\n"),
	opener(typeState, 3, 502, ""),
	opener(typeReset, 3, 502, ""),
)

var disorder = talk("out of order, and again",
	opener(typeSYN, 1, 0, ""),
	opener(typeSYN, 1, 0, ""),
	accepter(typeState, 500, 1, ""),
	opener(typeData, 2, 499, "one\n"),
	opener(typeData, 4, 499, "three\n"),
	opener(typeData, 5, 499, "four\n"),
	opener(typeData, 4, 499, "three\n"), // again, while it is held
	opener(typeData, 3, 499, "two\n"),
	opener(typeData, 2, 499, "one\n"), // again
	accepter(typeState, 500, 5, ""),
)

func TestStream(t *testing.T) {
	for _, c := range []struct {
		dt.Conversation
		client, server string
		ends           [2]events.Ending
	}{
		{plain, "hello\nhow are you\n", "fine\nand you\n", [2]events.Ending{events.EndFIN, events.EndFIN}},
		{drawn, "hello\n", "fine\nbye\n", [2]events.Ending{events.EndReset, events.EndReset}},
		{disorder, "one\ntwo\nthree\nfour\n", "", [2]events.Ending{events.EndCaptureOver, events.EndCaptureOver}},
	} {
		tape := dt.Run(t, Proto, c.Conversation)
		if len(tape.Feeds) != 1 {
			t.Fatalf("%s: %d streams", c.Name, len(tape.Feeds))
		}
		f := tape.Feeds[0]
		if got := [2]string{string(f.Bytes[0]), string(f.Bytes[1])}; got != [2]string{c.client, c.server} || f.Lost != [2]int64{} || f.Ended != c.ends {
			t.Errorf("%s: %q, lost %d, ended %v", c.Name, got, f.Lost, f.Ended)
		}
		if n := len(dt.Of[*events.UTPSegment](tape)); n != len(c.Chunks) {
			t.Errorf("%s: %d segments of %d", c.Name, n, len(c.Chunks))
		}
		if v := dt.Of[*events.FlowViolation](tape); len(v) > 0 {
			t.Errorf("%s: %+v", c.Name, v[0])
		}
	}
}

func TestWhy(t *testing.T) {
	var got []string
	for _, s := range dt.Of[*events.UTPSegment](dt.Run(t, Proto, disorder)) {
		got = append(got, s.Why)
	}
	want := []string{"", retransmission, "", "", "", "", retransmission, outOfOrder, retransmission, ""}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// The receiver acknowledges what was never captured.
var lossy = talk("loss",
	opener(typeSYN, 1, 0, ""),
	accepter(typeState, 500, 1, ""),
	opener(typeData, 2, 499, "one\ntw"),
	// 3 and 4 are lost
	opener(typeData, 5, 499, "en\nfour\n"),
	accepter(typeState, 500, 2, ""),
	accepter(typeState, 500, 5, ""),
	opener(typeData, 6, 499, "five\n"),
	// 7, the last, is lost
	accepter(typeState, 500, 7, ""),
)

func TestLoss(t *testing.T) {
	tape := dt.Run(t, Proto, lossy)
	dt.Golden(t, "loss", tape)
	var said []string
	for _, m := range dt.Of[*events.BitTorrentMessage](tape) {
		said = append(said, m.Type)
	}
	if strings.Join(said, " ") != "one four five" {
		t.Errorf("%q", said)
	}
	gaps := slices.DeleteFunc(dt.Of[*events.FlowGap](tape), func(g *events.FlowGap) bool { return g.Protocol != Proto.Name })
	if len(gaps) != 2 || gaps[0].Packets != 2 || gaps[1].Packets != 1 || gaps[0].Reason != "acked" || gaps[0].Bytes != 0 {
		t.Errorf("%+v", gaps)
	}
	if f := tape.Feeds[0]; f.Lost[0] != 2*decoders.GapUnknown {
		t.Errorf("lost %d", f.Lost)
	}
}

// A hole that nobody acknowledges is one at the end of the capture.
func TestHoleAtTheEnd(t *testing.T) {
	tape := dt.Run(t, Proto, talk("",
		opener(typeSYN, 1, 0, ""),
		opener(typeData, 2, 499, "one\n"),
		opener(typeData, 4, 499, "x\nthree\n"),
	))
	if k := strings.Join(tape.Kinds(), " "); k != "utp.segment utp.segment open bittorrent.message utp.segment flow.gap bittorrent.message" {
		t.Error(k)
	}
}

// Numbers wrap at 16 bits.
func TestWrap(t *testing.T) {
	chunks := []dt.Chunk{
		dt.Client(packet(typeSYN, 0xffff, 65533, 0, "")),
		dt.Server(packet(typeState, 0xffff, 9, 65533, "")),
	}
	for _, i := range []uint16{0, 1, 3, 2, 4, 5} {
		chunks = append(chunks, dt.Client(packet(typeData, 0, 65534+i, 8, fmt.Sprintln(i)))) // id 65535+1
	}
	chunks = append(chunks, dt.Server(packet(typeState, 0xffff, 9, 3, "")))
	tape := dt.Run(t, Proto, talk("wrap", chunks...))
	if f := tape.Feeds[0]; string(f.Bytes[0]) != "0\n1\n2\n3\n4\n5\n" || f.Lost[0] != 0 {
		t.Errorf("%q, lost %d", f.Bytes[0], f.Lost[0])
	}
}

// Several connections on one pair of ports, at once and one after another,
// opened from both sides.
func TestConnections(t *testing.T) {
	tape := dt.Run(t, Proto, talk("",
		dt.Client(packet(typeSYN, 100, 1, 0, "")),
		dt.Server(packet(typeSYN, 300, 1, 0, "")),
		dt.Server(packet(typeState, 100, 50, 1, "")),
		dt.Client(packet(typeState, 300, 60, 1, "")),
		dt.Client(packet(typeData, 101, 2, 49, "a\n")),
		dt.Server(packet(typeData, 301, 2, 59, "b\n")),
		dt.Server(packet(typeData, 100, 50, 2, "c\n")),
		dt.Client(packet(typeData, 300, 60, 2, "d\n")),
		dt.Client(packet(typeReset, 101, 3, 50, "")),
		dt.Client(packet(typeSYN, 100, 1, 0, "")), // the same id, another connection? the same number: again
		dt.Client(packet(typeSYN, 100, 7, 0, "")), // another connection
		dt.Client(packet(typeData, 101, 8, 0, "e\n")),
	))
	if len(tape.Feeds) != 3 {
		t.Fatalf("%d streams", len(tape.Feeds))
	}
	for i, want := range [][2]string{{"a\n", "c\n"}, {"d\n", "b\n"}, {"e\n", ""}} {
		f := tape.Feeds[i]
		if string(f.Bytes[0]) != want[0] || string(f.Bytes[1]) != want[1] || f.Ended[0] == 0 || f.Ended[1] == 0 {
			t.Errorf("stream %d: %q, ended %v", i, f.Bytes, f.Ended)
		}
	}
}

// Joined midway: two packets that belong together make it certain. What the
// first of them carried is not lost.
func TestMidway(t *testing.T) {
	tape := dt.Run(t, Proto, talk("",
		opener(typeData, 2000, 700, "a\n"),
		accepter(typeState, 701, 2000, ""),
		accepter(typeData, 701, 2000, "b\n"),
		opener(typeData, 2002, 701, "d\n"),
		opener(typeData, 2001, 701, "c\n"),
	))
	if f := tape.Feeds[0]; string(f.Bytes[0]) != "a\nc\nd\n" || string(f.Bytes[1]) != "b\n" || f.Lost != [2]int64{decoders.GapUnknown, decoders.GapUnknown} {
		t.Errorf("%q lost %d", f.Bytes, f.Lost)
	}
	if n := len(dt.Of[*events.UTPSegment](tape)); n != 4 {
		t.Errorf("%d segments", n)
	}
}

// Packets that look like uTP one by one, and not together.
func TestDoubt(t *testing.T) {
	var chunks []dt.Chunk
	for i := range uint16(maxLooks + 2) {
		chunks = append(chunks, dt.Client(packet(typeData, 100+3*i, 3000*i, 9000*i, "x")), dt.Server(packet(typeState, 1000+i, 2, 5000*i+7, "")))
	}
	tape := dt.Run(t, Proto, talk("", chunks...))
	if tape.Err == nil || len(dt.Of[*events.UTPSegment](tape)) > 0 || len(tape.Feeds) > 0 {
		t.Errorf("%v: %v", tape.Err, tape.Kinds()[:1])
	}
}

func TestFollows(t *testing.T) {
	p := header{typ: typeData, id: 7, seq: 10, ack: 3, timestamp: 0xffff_0000}
	q := header{typ: typeData, id: 7, seq: 25, ack: 4}
	q.timestamp = p.timestamp + 1_020_000 // wraps
	const second = events.Duration(1e9)
	if !follows(&p, &q, second) {
		t.Error("a second later")
	}
	for what, ok := range map[string]bool{
		"at once":             follows(&p, &q, 0),
		"another clock":       follows(&p, &q, 5*second),
		"a constant":          follows(&p, &p, second),
		"numbers went back":   follows(&q, &p, second),
		"before (wrong time)": follows(&p, &q, -second),
	} {
		if ok {
			t.Error(what)
		}
	}
}

func TestSnaplen(t *testing.T) {
	tape := dt.Run(t, Proto, talk("",
		opener(typeSYN, 1, 0, ""),
		dt.Cut(opener(typeData, 2, 0, "one\ntw"), 30),
		opener(typeData, 3, 0, "x\nthree\n"),
	))
	if f := tape.Feeds[0]; f.Lost[0] != 30 || string(f.Bytes[0]) != "one\ntwx\nthree\n" {
		t.Errorf("%q lost %d", f.Bytes[0], f.Lost[0])
	}
	if s := dt.Of[*events.UTPSegment](tape)[1]; s.Bytes != 36 {
		t.Errorf("%d bytes", s.Bytes)
	}
}

func TestLimits(t *testing.T) {
	l := events.DefaultLimits()
	l.OutOfOrder = 300
	l.UTPConnections = 2
	chunks := []dt.Chunk{opener(typeSYN, 1, 0, ""), opener(typeData, 2, 0, "one\n")}
	for i := range uint16(4) {
		chunks = append(chunks, opener(typeData, 4+i, 0, strings.Repeat("x", 40)))
	}
	chunks = append(chunks, dt.Client(packet(typeSYN, 200, 1, 0, "")), dt.Client(packet(typeSYN, 300, 1, 0, "")))
	c := talk("", chunks...)
	c.Env.Limits = &l
	tape := dt.Run(t, Proto, c)
	var names []string
	for _, x := range dt.Of[*events.FlowLimit](tape) {
		names = append(names, x.Limit)
	}
	if !slices.Equal(names, []string{"out-of-order", "utp-connections"}) {
		t.Errorf("%q", names)
	}
	if f := tape.Feeds[0]; len(f.Bytes[0]) != 4+4*40 || f.Ended[0] != events.EndEvicted {
		t.Errorf("%d bytes, %v", len(f.Bytes[0]), f.Ended)
	}
}

func TestExtensions(t *testing.T) {
	tape := dt.Run(t, Proto, talk("",
		dt.Client(extended(typeSYN, 100, 1, 0, extBits, "\x00\x00\x00\x00\x00\x00\x00\x00", "")),
		dt.Server(extended(typeState, 100, 500, 1, extSACK, "\x05\x00\x00\x80", "")),
		dt.Server(extended(typeState, 100, 500, 1, extSACK, "\x01", "")), // as libtorrent does
	))
	s := dt.Of[*events.UTPSegment](tape)
	if len(s) != 3 || !slices.Equal(s[0].Extensions, []int{extBits}) || s[1].SACK != "05000080" || s[2].SACK != "01" || len(tape.Records) != 3 {
		t.Errorf("%v", tape.Records)
	}
}

func TestProbe(t *testing.T) {
	syn := packet(typeSYN, 100, 1, 0, "")
	for _, c := range []struct {
		what string
		b    string
		want decoders.Verdict
	}{
		{"SYN", syn, decoders.Yes},
		{"SYN of a libutp with extension bits", extended(typeSYN, 100, 1, 0, extBits, "\x00\x00\x00\x00\x00\x00\x00\x00", ""), decoders.Yes},
		{"SYN that acknowledges", packet(typeSYN, 100, 1, 77, ""), decoders.Maybe},
		{"data", packet(typeData, 101, 2, 1, "x"), decoders.Maybe},
		{"data without data", packet(typeData, 101, 2, 1, ""), decoders.No},
		{"state", packet(typeState, 101, 2, 1, ""), decoders.Maybe},
		{"state with data", packet(typeState, 101, 2, 1, "x"), decoders.No},
		{"another version", "\x02" + syn[1:], decoders.No},
		{"another type", "\x51" + syn[1:], decoders.No},
		{"short", syn[:19], decoders.No},
		{"a chain that does not end", syn[:1] + "\x01" + syn[2:] + "\x00\x08abc", decoders.No},
		{"an unknown extension", extended(typeState, 101, 2, 1, 77, "abcd", ""), decoders.No},
		{"a DHT query", "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", decoders.No},
		{"a tracker's connect", "\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00\x00\x00\x00\x01", decoders.No},
		{"nothing", "", decoders.No},
	} {
		if v, _ := probe(events.FromServer, []byte(c.b)); v != c.want {
			t.Errorf("%s: %d", c.what, v)
		}
	}
}

func TestLaws(t *testing.T) {
	dt.Laws(t, Proto, plain, drawn, lossy)
	dt.StrictLoss(t, Proto, plain, drawn)
}

// Where packets come again or out of order, what is said of a segment depends
// on what was captured before it. What comes out of the stream does not:
// whatever is lost, each line is one that was sent, and none comes twice.
func TestLossInDisorder(t *testing.T) {
	sent := []string{"one", "two", "three", "four"}
	for mask := range 1 << len(disorder.Chunks) {
		c := disorder
		c.Chunks = nil
		for i, ch := range disorder.Chunks {
			if mask>>i&1 == 0 {
				c.Chunks = append(c.Chunks, ch)
			}
		}
		at := 0
		for _, m := range dt.Of[*events.BitTorrentMessage](dt.Run(t, Proto, c)) {
			i := slices.Index(sent[at:], m.Type)
			if i < 0 {
				t.Fatalf("without packets %b: %q", mask, m.Type)
			}
			at += i + 1
		}
	}
}

func TestGolden(t *testing.T) {
	dt.Golden(t, "plain", dt.Run(t, Proto, plain))
	dt.Golden(t, "disorder", dt.Run(t, Proto, disorder))
}

func FuzzUTP(f *testing.F) { dt.Fuzz(f, Proto, plain, drawn, disorder, lossy) }
