package http2

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

func bytesOf(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// blocks are the header blocks of RFC 7541 appendix C, and broken ones.
var blocks = []string{
	bytesOf("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"),
	bytesOf("040c 2f73 616d 706c 652f 7061 7468"),
	bytesOf("1008 7061 7373 776f 7264 0673 6563 7265 74"),
	bytesOf("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
	"\x3f\xe1\x1f\x82", "\x20\x82\x20", "\x80", "\xff", "\xbe", "\x40\x01", "\x00\x81\xff\x00", "\x3f\xff\xff\xff\xff\xff\x0f",
}

func newReading(limits *events.Limits, t *table) (*reading, *fields) {
	f := new(fields)
	f.reset(&decoders.Env{Limits: limits, ShowSecrets: true})
	return &reading{t: t, to: f, allowed: maxInteger}, f
}

func roomy() *events.Limits {
	l := events.DefaultLimits()
	l.HTTPHead, l.HTTPHeaders = 1<<30, 1<<30
	return &l
}

// agree reads b as a first header block, here and with x/net.
func agree(t *testing.T, b []byte) {
	t.Helper()
	tab := &table{max: 4096, bound: 1 << 20}
	r, f := newReading(roomy(), tab)
	err := r.run(b)
	var want []hpack.HeaderField
	dec := hpack.NewDecoder(4096, func(h hpack.HeaderField) { want = append(want, h) })
	dec.SetAllowedMaxDynamicTableSize(1 << 30)
	_, werr := dec.Write(b)
	if werr == nil {
		werr = dec.Close()
	}
	if err == nil != (werr == nil) && !r.late && !tab.short {
		t.Fatalf("% x: error %v, x/net says %v", b, err, werr)
	}
	if err != nil || werr != nil || tab.short {
		return
	}
	if len(want) != len(f.list) {
		t.Fatalf("% x: %q, x/net says %q", b, f.list, want)
	}
	for i, h := range want {
		if f.list[i] != (events.Header{h.Name, h.Value}) {
			t.Fatalf("% x: %q, x/net says %q", b, f.list, want)
		}
	}
	if len(b) > 0 && !wellFormed(b) && !r.late && len(want) > 0 {
		t.Fatalf("% x: decoded, and not well formed", b)
	}
}

func TestBlocks(t *testing.T) {
	for _, b := range blocks {
		agree(t, []byte(b))
	}
	// RFC 7541 appendix C.4: three requests on one connection.
	tab := &table{max: 4096, bound: 4096}
	for i, c := range []struct{ block, want string }{
		{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", ":method GET, :scheme http, :path /, :authority www.example.com"},
		{"8286 84be 5886 a8eb 1064 9cbf", ":method GET, :scheme http, :path /, :authority www.example.com, cache-control no-cache"},
		{"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", ":method GET, :scheme https, :path /index.html, :authority www.example.com, custom-key custom-value"},
	} {
		r, f := newReading(roomy(), tab)
		if err := r.run([]byte(bytesOf(c.block))); err != nil {
			t.Fatal(i, err)
		}
		var got []string
		for _, h := range f.list {
			got = append(got, h[0]+" "+h[1])
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%d: %s", i, s)
		}
	}
	if tab.size != 164 || tab.len() != 3 { // as it says there
		t.Errorf("the table has %d bytes in %d entries", tab.size, tab.len())
	}
}

// What an encoder says is what is read, however the table is resized.
func TestEncoder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSizeLimit(1 << 16)
	tab := &table{max: 4096, bound: 1 << 16}
	for range 3000 {
		block.Reset()
		if rnd.IntN(10) == 0 {
			enc.SetMaxDynamicTableSize(uint32(rnd.IntN(6000)))
		}
		var want []events.Header
		for range 1 + rnd.IntN(12) {
			h := events.Header{fmt.Sprintf("name-%d", rnd.IntN(40)), strings.Repeat("v", rnd.IntN(50)) + fmt.Sprint(rnd.IntN(5))}
			want = append(want, h)
			enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1], Sensitive: rnd.IntN(9) == 0})
		}
		r, f := newReading(roomy(), tab)
		if err := r.run([]byte(block.String())); err != nil || r.missing || r.late || r.over {
			t.Fatal(err, r)
		}
		if fmt.Sprint(f.list) != fmt.Sprint(want) {
			t.Fatalf("%q, want %q", f.list, want)
		}
		if !wellFormed([]byte(block.String())) {
			t.Fatalf("% x is not well formed", block.String())
		}
	}
}

// After a lost block nothing wrong is said: either the fields are the ones
// that were sent, or the block is undecodable.
func TestLostBlocks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var block strings.Builder
	enc := hpack.NewEncoder(&block)
	tab := &table{max: 4096, bound: 1 << 16}
	read, undecodable := 0, 0
	for range 5000 {
		block.Reset()
		if rnd.IntN(50) == 0 {
			enc.SetMaxDynamicTableSize(uint32(rnd.IntN(4096)))
		}
		var want []events.Header
		for range 1 + rnd.IntN(3) {
			h := events.Header{fmt.Sprintf("name-%d", rnd.IntN(9)), fmt.Sprint(rnd.IntN(4))}
			want = append(want, h)
			enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		if rnd.IntN(100) == 0 {
			tab.lose()
			continue
		}
		r, f := newReading(roomy(), tab)
		if err := r.run([]byte(block.String())); err != nil {
			t.Fatal(err)
		}
		if r.missing {
			undecodable++
			continue
		}
		read++
		if fmt.Sprint(f.list) != fmt.Sprint(want) {
			t.Fatalf("%q, want %q", f.list, want)
		}
	}
	if read < 1000 || undecodable < 100 {
		t.Errorf("%d read, %d undecodable", read, undecodable)
	}
}

// The requests of RFC 7541 appendix C.3, and responses of C.5 with a table of
// 256 bytes: what stands there is counted by hand.
func TestCount(t *testing.T) {
	for _, c := range []struct {
		max    int
		blocks []string
		want   []events.HPACKBlock
	}{
		{4096, []string{
			"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
			"8286 84be 5808 6e6f 2d63 6163 6865",
			"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
		}, []events.HPACKBlock{
			{Encoded: 20, Decoded: 10 + 11 + 6 + 25, Fields: 4, Static: 3, StaticName: 1, Inserted: 1, Table: 57, TableMax: 4096},
			{Encoded: 14, Decoded: 10 + 11 + 6 + 25 + 21, Fields: 5, Static: 3, Dynamic: 1, StaticName: 1, Inserted: 1, Table: 110, TableMax: 4096},
			{Encoded: 29, Decoded: 10 + 12 + 16 + 25 + 22, Fields: 5, Static: 3, Dynamic: 1, Literal: 1, Inserted: 1, Table: 164, TableMax: 4096},
		}},
		{256, []string{
			"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
			"4803 3330 37c1 c0bf",
		}, []events.HPACKBlock{
			{Encoded: 70, Decoded: 10 + 20 + 33 + 31, Fields: 4, StaticName: 4, Inserted: 4, Table: 222, TableMax: 256},
			{Encoded: 8, Decoded: 10 + 20 + 33 + 31, Fields: 4, Dynamic: 3, StaticName: 1, Inserted: 1, Evicted: 1, Table: 222, TableMax: 256},
		}},
		// A literal that is never indexed.
		{4096, []string{"1008 7061 7373 776f 7264 0673 6563 7265 74"}, []events.HPACKBlock{
			{Encoded: 17, Decoded: 14, Fields: 1, Literal: 1, Never: 1, TableMax: 4096},
		}},
	} {
		tab := &table{max: c.max, bound: 1 << 20}
		for i, b := range c.blocks {
			r, _ := newReading(roomy(), tab)
			if err := r.run([]byte(bytesOf(b))); err != nil || r.count != c.want[i] {
				t.Errorf("block %d: %v\n%+v, want\n%+v", i, err, r.count, c.want[i])
			}
		}
	}
}
