package peer

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wiretale/wiretale/events"
)

func TestBencode(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string // from BEP 3
	}{
		{int64(3), "i3e"}, {int64(-3), "i-3e"}, {int64(0), "i0e"}, {"spam", "4:spam"}, {"", "0:"},
		{[]any{"spam", "eggs"}, "l4:spam4:eggse"},
		{map[string]any{"spam": "eggs", "cow": "moo"}, "d3:cow3:moo4:spam4:eggse"},
		{map[string]any{"spam": []any{"a", "b"}}, "d4:spaml1:a1:bee"},
	} {
		if got := Encode(c.v); string(got) != c.want {
			t.Errorf("%v is %q, want %q", c.v, got, c.want)
		}
		got, err := Decode([]byte(c.want))
		if err != nil || !reflect.DeepEqual(got, c.v) {
			t.Errorf("%q is %v, %v; want %v", c.want, got, err, c.v)
		}
	}
	for _, broken := range []string{"", "i3", "ie", "4:spa", "l", "d", "di1ei2ee", "d1:a", "x", "i1ei2e", "llllllllllllllllllll", "-1:a"} {
		if v, err := Decode([]byte(broken)); err == nil {
			t.Errorf("%q is %v", broken, v)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("d3:cow3:moo4:spaml1:ai-7eee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Encode(v))
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%v, written and read: %v, %v", v, again, err)
		}
	})
}

func TestCompact(t *testing.T) {
	a := netip.MustParseAddrPort("192.0.2.7:6881")
	b := AppendCompact(nil, a)
	if !bytes.Equal(b, []byte{192, 0, 2, 7, 0x1a, 0xe1}) {
		t.Errorf("% x", b)
	}
	if got := ParseCompact(string(b) + "left"); len(got) != 1 || got[0] != a {
		t.Errorf("%v", got)
	}
}

// Messages as BEP 3, 5 and 10 have them.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		m    message
		want string
	}{
		{message{kind: keepAlive}, "\x00\x00\x00\x00"},
		{message{kind: choke}, "\x00\x00\x00\x01\x00"},
		{message{kind: interested}, "\x00\x00\x00\x01\x02"},
		{message{kind: have, piece: 0x0102}, "\x00\x00\x00\x05\x04\x00\x00\x01\x02"},
		{message{kind: bitfield, bits: Bitfield{0x80, 0x01}}, "\x00\x00\x00\x03\x05\x80\x01"},
		{message{kind: request, piece: 1, begin: 0x4000, length: 0x4000}, "\x00\x00\x00\x0d\x06\x00\x00\x00\x01\x00\x00\x40\x00\x00\x00\x40\x00"},
		{message{kind: pieceBlock, piece: 1, begin: 2, length: 3, data: []byte("abc")}, "\x00\x00\x00\x0c\x07\x00\x00\x00\x01\x00\x00\x00\x02abc"},
		{message{kind: cancel, piece: 1, begin: 2, length: 3}, "\x00\x00\x00\x0d\x08\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"},
		{message{kind: port, port: 6881}, "\x00\x00\x00\x03\x09\x1a\xe1"},
		{message{kind: extended, extension: 3, data: []byte("de")}, "\x00\x00\x00\x04\x14\x03de"},
	} {
		b := c.m.append(nil)
		if string(b) != c.want {
			t.Errorf("%s is % x, want % x", kindNames[c.m.kind], b, c.want)
		}
		if got, err := parse(b[4:]); err != nil || !reflect.DeepEqual(got, c.m) {
			t.Errorf("% x is %+v, %v", b, got, err)
		}
	}
	for _, broken := range []string{"\x00x", "\x04\x00", "\x06\x00\x00", "\x07\x00\x00\x00\x01", "\x14", "\x63"} {
		if m, err := parse([]byte(broken)); err == nil {
			t.Errorf("%q is %+v", broken, m)
		}
	}
	h := message{kind: handshake, infoHash: Hash{1}, peerID: Hash{2}}
	h.reserved[extendedByte] = extendedBit
	b := h.append(nil)
	if got, err := parseHandshake(b); len(b) != 68 || err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%d bytes: %+v, %v", len(b), got, err)
	}
}

// stamped tells when the first and the last byte of each message were read.
func TestStamped(t *testing.T) {
	var clock events.Time
	s := stamped{r: iotest.OneByteReader(bytes.NewReader([]byte("abcdef"))), now: func() events.Time { clock++; return clock }}
	for _, c := range []struct {
		n           int
		first, last events.Time
	}{{2, 1, 2}, {1, 3, 3}, {3, 4, 6}} {
		_, first, last, err := s.take(c.n)
		if err != nil || !first.Equal(c.first.Std()) || !last.Equal(c.last.Std()) {
			t.Errorf("%d bytes at %s to %s, %v", c.n, first, last, err)
		}
	}
	if _, _, _, err := s.take(1); err == nil {
		t.Error("bytes behind the end")
	}
}

// No more than rate times time was ever sent.
func TestBucket(t *testing.T) {
	start := time.Unix(0, 0)
	b := bucket{rate: 8000, room: 1000, last: start} // 1000 bytes a second
	now, sent := start, 0
	for sent < 20_000 {
		if d := b.wait(now, 1000); d > 0 {
			now = now.Add(d)
			continue
		}
		b.spend(1000)
		sent += 1000
		if most := now.Sub(start).Seconds() * 1000; float64(sent) > most+1e-6 {
			t.Fatalf("%d bytes after %s", sent, now.Sub(start))
		}
		if sent == 10_000 {
			now = now.Add(time.Hour) // what was not used is lost, but for one block
		}
	}
	if d := now.Sub(start) - time.Hour; d < 18*time.Second || d > 20*time.Second+time.Millisecond {
		t.Errorf("20 blocks took %s besides the pause", d)
	}
}

func TestMeter(t *testing.T) {
	start := time.Unix(0, 0)
	m := meter{window: 2 * time.Second}
	m.add(start, 1000)
	m.add(start.Add(time.Second), 500)
	for after, want := range map[time.Duration]int64{0: 6000, 2 * time.Second: 6000, 2*time.Second + 1: 2000, 4 * time.Second: 0} {
		n := m // each looks at its own copy
		n.seen = append([]sample(nil), m.seen...)
		if got := n.rate(start.Add(after)); got != want {
			t.Errorf("after %s: %d bit/s, want %d", after, got, want)
		}
	}
}

func TestPicker(t *testing.T) {
	tor, _ := NewTorrent("x", 4*20, 20, 10, 1) // four pieces of two blocks
	p := newPicker(tor, rand.New(rand.NewPCG(1, 1)), NewBitfield(4))
	all := Bitfield{0xf0}
	p.count(all, 1)
	p.count(Bitfield{0x80 | 0x40}, 1)
	p.count(Bitfield{0x80}, 1) // copies: 3 2 1 1
	owes := map[block]bool{}
	mine := func(b block) bool { return owes[b] }
	ask := func(has Bitfield) (pick, bool) {
		k, ok := p.next(has, mine)
		if ok {
			owes[k.block] = true
			p.owed(k.block, 1)
		}
		return k, ok
	}
	first, ok := ask(all)
	if !ok || first.why != rarestFirst || first.block.piece < 2 || first.ties != 2 || first.copies != "3 2 1 1" {
		t.Errorf("first: %+v", first)
	}
	if k, _ := ask(all); k.why != begunBefore || k.block != (block{first.block.piece, 1}) {
		t.Errorf("the rest of a begun piece goes first: %+v", k)
	}
	other := 5 - first.block.piece
	if k, _ := ask(all); k.why != rarestFirst || k.block.piece != other || k.ties != 1 {
		t.Errorf("the other rare one: %+v", k)
	}
	if k, _ := ask(Bitfield{0x80}); k.block.piece != 0 || k.copies != "3 - - -" {
		t.Errorf("of one who has the first only: %+v", k)
	}
	for range 4 {
		ask(all)
	}
	if k, ok := p.next(all, mine); ok {
		t.Errorf("nothing is left to ask this one for: %+v", k)
	}
	if k, ok := p.next(Bitfield{0x80}, func(block) bool { return false }); !ok || k.why != endGame || k.block.piece != 0 {
		t.Errorf("end game: %+v, %t", k, ok)
	}

	// A block that came, a piece that was broken, a piece that is good.
	b := first.block
	p.owed(b, -1)
	if p.arrived(b) {
		t.Error("half a piece is whole")
	}
	p.owed(block{b.piece, 1}, -1)
	if !p.arrived(block{b.piece, 1}) {
		t.Error("a whole piece is not")
	}
	p.done(b.piece, false)
	if k, ok := p.next(all, func(block) bool { return false }); !ok || k.block != (block{b.piece, 0}) || k.why != begunBefore {
		t.Errorf("a broken piece is asked for again: %+v", k)
	}
	p.done(b.piece, true)
	if !p.have.Has(b.piece) || p.interesting(Bitfield{0x80 >> b.piece}) || !p.interesting(all) || p.complete() {
		t.Error("what is here, and what is missing")
	}
}
