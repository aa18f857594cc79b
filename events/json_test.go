package events

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type inner struct {
	Name string `json:"name"`
	N    int    `json:"n,omitzero"`
}

type Embedded struct {
	Deep   string `json:"deep"`
	Shadow int    `json:"shadow"`
}

type onePointer struct {
	P *int `json:"p"`
}

type node struct {
	V    int     `json:"v"`
	Kids []*node `json:"kids,omitzero"`
}

// kitchen has a field of every shape that an event or a row may have.
type kitchen struct {
	Embedded
	Shadow     string           `json:"shadow"`
	B          bool             `json:"b"`
	I          int              `json:"i"`
	I8         int8             `json:"i8"`
	I16        int16            `json:"i16"`
	I32        int32            `json:"i32"`
	I64        int64            `json:"i64"`
	U8         uint8            `json:"u8"`
	U16        uint16           `json:"u16"`
	U32        uint32           `json:"u32"`
	U64        uint64           `json:"u64"`
	F32        float32          `json:"f32"`
	F64        float64          `json:"f64"`
	S          string           `json:"s"`
	Raw        []byte           `json:"raw"`
	Strings    []string         `json:"strings"`
	Headers    []Header         `json:"headers"`
	Pair       [2]string        `json:"pair"`
	Ptr        *inner           `json:"ptr"`
	In         inner            `json:"in"`
	Ins        []inner          `json:"ins"`
	Map        map[string]inner `json:"map"`
	IntMap     map[int]string   `json:"int_map"`
	AddrMap    map[Addr]int     `json:"addr_map"`
	Any        any              `json:"any"`
	Tree       *node            `json:"tree"`
	Dur        Duration         `json:"dur"`
	T          Time             `json:"t"`
	Std        time.Time        `json:"std"`
	StdDur     time.Duration    `json:"std_dur"`
	IP         netip.Addr       `json:"ip"`
	AP         netip.AddrPort   `json:"ap"`
	Addr       Addr             `json:"addr"`
	Dir        Dir              `json:"dir"`
	Kind       Kind             `json:"kind"`
	Why        Ending           `json:"why"`
	Of         RTTOf            `json:"of"`
	Key        StreamKey        `json:"key"`
	One        onePointer       `json:"one"`
	OneArray   [1]*int          `json:"one_array"`
	Hidden     int              `json:"-"`
	NoTag      int
	unexported int
	Quoted     json.Number     `json:"quoted"`
	RawJSON    json.RawMessage `json:"raw_json"`

	OB    bool           `json:"ob,omitzero"`
	OI    int16          `json:"oi,omitzero"`
	OU    uint8          `json:"ou,omitzero"`
	OF    float64        `json:"of64,omitzero"`
	OF32  float32        `json:"of32,omitzero"`
	OS    string         `json:"os,omitzero"`
	OSl   []string       `json:"osl,omitzero"`
	OHd   []Header       `json:"ohd,omitzero"`
	OBy   []byte         `json:"oby,omitzero"`
	OPtr  *inner         `json:"optr,omitzero"`
	OIn   inner          `json:"oin,omitzero"`
	OArr  [2]string      `json:"oarr,omitzero"`
	OMap  map[string]int `json:"omap,omitzero"`
	OAny  any            `json:"oany,omitzero"`
	ODur  Duration       `json:"odur,omitzero"`
	OStd  time.Time      `json:"ostd,omitzero"`
	OIP   netip.Addr     `json:"oip,omitzero"`
	OAddr Addr           `json:"oaddr,omitzero"`
	ODir  Dir            `json:"odir,omitzero"`
	ES    string         `json:"es,omitempty"`
	ESl   []int          `json:"esl,omitempty"`
	EM    map[string]int `json:"em,omitempty"`
	EIn   inner          `json:"ein,omitempty"`
	EPtr  *int           `json:"eptr,omitempty"`
	EF    float64        `json:"ef,omitempty"`
}

func drawInner(t *rapid.T) inner {
	return inner{rapid.String().Draw(t, "name"), rapid.SampledFrom([]int{0, 1, -7}).Draw(t, "n")}
}

func drawTree(t *rapid.T, depth int) *node {
	n := &node{V: rapid.Int().Draw(t, "v")}
	if depth > 0 {
		for range rapid.IntRange(0, 2).Draw(t, "kids") {
			n.Kids = append(n.Kids, drawTree(t, depth-1))
		}
	}
	return n
}

func drawAny(t *rapid.T) any {
	n := rapid.Int().Draw(t, "n")
	return rapid.SampledFrom([]any{
		nil, n, "text", 1.5, true, inner{"x", n}, &inner{"y", n}, onePointer{&n}, onePointer{}, [1]*int{&n},
		[]int{1, 2}, map[string]any{"b": 1, "a": []any{nil}}, Duration(n), [2]string{"a", "b"}, (*inner)(nil), struct{}{},
		struct{ X uint8 }{3}, EndFIN, FromServer,
	}).Draw(t, "any")
}

func draw(t *rapid.T) kitchen {
	str := rapid.String()
	strs := func(name string) []string { return append([]string{}, rapid.SliceOfN(str, 0, 3).Draw(t, name)...) }
	some := rapid.Bool()
	k := kitchen{
		Embedded: Embedded{str.Draw(t, "deep"), 1},
		Shadow:   str.Draw(t, "shadow"),
		B:        some.Draw(t, "b"), I: rapid.Int().Draw(t, "i"), I8: rapid.Int8().Draw(t, "i8"), I16: rapid.Int16().Draw(t, "i16"),
		I32: rapid.Int32().Draw(t, "i32"), I64: rapid.Int64().Draw(t, "i64"), U8: rapid.Byte().Draw(t, "u8"), U16: rapid.Uint16().Draw(t, "u16"),
		U32: rapid.Uint32().Draw(t, "u32"), U64: rapid.Uint64().Draw(t, "u64"),
		F32: rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, "f32"), F64: rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "f64"),
		S: str.Draw(t, "s"), Raw: append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "raw")...),
		Strings: strs("strings"), Headers: []Header{}, Pair: [2]string{str.Draw(t, "p0"), str.Draw(t, "p1")},
		In: drawInner(t), Ins: []inner{}, Map: map[string]inner{}, IntMap: map[int]string{}, AddrMap: map[Addr]int{},
		Any: drawAny(t), Tree: drawTree(t, 3),
		Dur: Duration(rapid.Int64().Draw(t, "dur")), T: Time(rapid.Int64().Draw(t, "t")),
		Std: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "std"), 5).UTC(), StdDur: time.Duration(rapid.Int64().Draw(t, "stddur")),
		Addr: Addr(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "addr")),
		Dir:  Dir(rapid.IntRange(0, 1).Draw(t, "dir")), Kind: Kind(rapid.IntRange(1, int(kindEnd)-1).Draw(t, "kind")),
		Why: Ending(rapid.IntRange(1, 5).Draw(t, "why")), Of: RTTOf(rapid.IntRange(0, 2).Draw(t, "of")),
		Key:    StreamKey{rapid.Uint32().Draw(t, "stream"), rapid.Byte().Draw(t, "proto")},
		Hidden: 1, unexported: 2, NoTag: 3, Quoted: "12", RawJSON: json.RawMessage(`{"a":[1]}`),
	}
	k.IP = k.Addr.IP()
	k.AP = netip.AddrPortFrom(k.IP, k.U16)
	for range rapid.IntRange(0, 3).Draw(t, "len") {
		k.Headers = append(k.Headers, Header{str.Draw(t, "h"), str.Draw(t, "v")})
		k.Ins = append(k.Ins, drawInner(t))
		k.Map[str.Draw(t, "key")] = drawInner(t)
		k.IntMap[rapid.Int().Draw(t, "ikey")] = str.Draw(t, "ival")
		k.AddrMap[Addr4([4]byte{1, 2, 3, rapid.Byte().Draw(t, "akey")})] = 1
	}
	if some.Draw(t, "filled") {
		n := 4
		in := drawInner(t)
		k.Ptr, k.One.P, k.OneArray[0], k.OPtr, k.EPtr = &in, &n, &n, &in, &n
		k.OB, k.OI, k.OU, k.OF, k.OF32, k.OS, k.OSl, k.OHd, k.OBy = true, 1, 1, 0.5, 0.5, "x", []string{}, []Header{}, []byte{}
		k.OIn, k.OArr, k.OMap, k.OAny, k.ODur, k.OStd = in, [2]string{"", "x"}, map[string]int{}, drawAny(t), 1, k.Std
		k.OIP, k.OAddr, k.ODir = k.IP, k.Addr, k.Dir
		k.ES, k.ESl, k.EM, k.EIn, k.EF = "x", []int{}, map[string]int{}, in, 0.1
	}
	return k
}

// sameJSON checks that both texts are the same value, with the same keys in
// the same order, and numbers to the digit.
func sameJSON(t interface{ Fatalf(string, ...any) }, got, want []byte) {
	tokens := func(b []byte) (out []json.Token) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		for {
			tok, err := d.Token()
			if err != nil {
				return out
			}
			out = append(out, tok)
		}
	}
	if !json.Valid(got) {
		t.Fatalf("not JSON: %s", got)
	}
	if diff := cmp.Diff(tokens(want), tokens(got)); diff != "" {
		t.Fatalf("differs from encoding/json (-want +got):\n%s\ngot  %s\nwant %s", diff, got, want)
	}
}

func TestAppendJSONMeansWhatEncodingJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := draw(t)
		want, err := json.Marshal(&k)
		if err != nil {
			t.Fatalf("%v", err)
		}
		got, escaped := AppendJSONEscaped([]byte("before"), &k)
		if escaped {
			t.Fatalf("escaped, though all is UTF-8")
		}
		sameJSON(t, bytes.TrimPrefix(got, []byte("before")), want)
		sameJSON(t, AppendJSON(nil, k), want)
		v := drawAny(t)
		want, _ = json.Marshal(v)
		sameJSON(t, AppendJSON(nil, v), want)
	})
}

func TestAppendJSONOfEachBody(t *testing.T) {
	for _, b := range Bodies() {
		v := reflect.New(reflect.TypeOf(b.Body).Elem())
		v.Elem().Set(reflect.ValueOf(b.Body).Elem())
		fill(v.Elem(), 1)
		want, err := json.Marshal(v.Interface())
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, AppendJSON(nil, v.Interface()), want)
	}
}

// fill puts something into every field of v.
func fill(v reflect.Value, n int64) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	default:
		switch {
		case v.CanInt():
			v.SetInt(n)
		case v.CanUint():
			v.SetUint(uint64(n))
		case v.CanFloat():
			v.SetFloat(0.25)
		}
	}
}

func TestAppendJSONText(t *testing.T) {
	tests := []struct {
		in, want string
		escaped  bool
	}{
		{"", `""`, false},
		{"plain text, long enough for whole words", `"plain text, long enough for whole words"`, false},
		{`say "hi" \ <b>&</b>`, `"say \"hi\" \\ <b>&</b>"`, false},
		{"a\nb\rc\td\x00e\x1ff\x7f", `"a\nb\rc\td\u0000e\u001ff` + "\x7f" + `"`, false},
		{"Grüße, 世界 🌍", `"Grüße, 世界 🌍"`, false},
		{"\ufffd is a character", `"` + "\ufffd" + ` is a character"`, false},
		{"\xff", `"\\xff"`, true},
		{"abcdefgh\xc3(ijk\xe2\x82", `"abcdefgh\\xc3(ijk\\xe2\\x82"`, true},
		{"\xed\xa0\x80", `"\\xed\\xa0\\x80"`, true}, // a surrogate is not UTF-8
	}
	for _, tt := range tests {
		got, escaped := AppendJSONEscaped(nil, tt.in)
		if string(got) != tt.want || escaped != tt.escaped {
			t.Errorf("%q: got %s %t, want %s %t", tt.in, got, escaped, tt.want, tt.escaped)
		}
	}
}

// Each special byte at each place of a string that spans several words.
func TestAppendJSONEveryByteEverywhere(t *testing.T) {
	for pos := range 20 {
		for c := range 256 {
			b := bytes.Repeat([]byte("a"), 20)
			b[pos] = byte(c)
			got, escaped := AppendJSONEscaped(nil, string(b))
			var s string
			if err := json.Unmarshal(got, &s); err != nil {
				t.Fatalf("byte %#x at %d: %v", c, pos, err)
			}
			want := string(b)
			if c >= 0x80 {
				want = want[:pos] + `\x` + string(hexDigits[c>>4]) + string(hexDigits[c&15]) + want[pos+1:]
			}
			if s != want || escaped != (c >= 0x80) {
				t.Fatalf("byte %#x at %d: got %q %t, want %q", c, pos, s, escaped, want)
			}
		}
	}
}

func TestAppendJSONNumbers(t *testing.T) {
	for _, tt := range []struct {
		in   any
		want string
	}{
		{Duration(0), "0"},
		{Duration(1), "0.000000001"},
		{Duration(-1), "-0.000000001"},
		{Duration(1_500_000_000), "1.5"},
		{Duration(12_300_000), "0.0123"},
		{Duration(2_000_000_000), "2"},
		{Duration(math.MaxInt64), "9223372036.854775807"},
		{Duration(math.MinInt64), "-9223372036.854775808"},
		{math.NaN(), "null"},
		{math.Inf(1), "null"},
		{1e-9, "1e-9"},
		{Time(0), `"1970-01-01T00:00:00.000000000Z"`},
		{Time(-1), `"1969-12-31T23:59:59.999999999Z"`},
		{TimeOf(time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)), `"2026-11-21T10:00:00.123456789Z"`},
		{[]string(nil), "[]"},
		{[]Header(nil), "[]"},
		{map[string]int(nil), "{}"},
		{nil, "null"},
		{(*HTTPRequest)(nil), "null"},
		{struct{}{}, "{}"},
	} {
		if got := string(AppendJSON(nil, tt.in)); got != tt.want {
			t.Errorf("%T(%v): got %s, want %s", tt.in, tt.in, got, tt.want)
		}
	}
}

func TestDurationAndTimeComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, at := Duration(rapid.Int64Min(-math.MaxInt64).Draw(t, "d")), Time(rapid.Int64().Draw(t, "t"))
		var d2 Duration
		var at2 Time
		if err := json.Unmarshal(AppendJSON(nil, d), &d2); err != nil || d2 != d {
			t.Fatalf("%d came back as %d (%v)", d, d2, err)
		}
		if err := json.Unmarshal(AppendJSON(nil, at), &at2); err != nil || at2 != at {
			t.Fatalf("%d came back as %d (%v)", at, at2, err)
		}
	})
	var d Duration
	for _, bad := range []string{`"x"`, `1e3`, `1.0000000001`, `99999999999`, `true`, `.`} {
		if err := d.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s was taken as %d", bad, d)
		}
	}
}

func exampleRequest() *Event {
	return &Event{
		Pos: Pos{34, 0}, Time: TimeOf(time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)),
		Flow: Flow{
			Client: Addr4([4]byte{10, 0, 0, 1}), Server: Addr4([4]byte{10, 0, 0, 2}),
			ClientPort: 49152, ServerPort: 80, Proto: ProtoTCP,
		},
		Stream: 5, Layer: "tcp/http1",
		Body: &HTTPRequest{
			Method: "GET", Target: "/images/logo.png?size=2", Scheme: "http", Host: "www.example.com", Version: "1.1", FirstFrame: 33,
			Headers: []Header{
				{"Host", "www.example.com"},
				{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"},
				{"Accept", "image/avif,image/webp,*/*"},
				{"Accept-Encoding", "gzip, deflate"},
				{"Referer", "http://www.example.com/"},
				{"Connection", "keep-alive"},
			},
		},
	}
}

func TestAppendEvent(t *testing.T) {
	e := exampleRequest()
	// The Community ID of 10.0.0.1:49152 → 10.0.0.2:80 has its own test.
	id := CommunityID(e.Flow)
	head := `{"frame":34,"sub":0,"time":"2026-11-21T10:00:00.123456789Z","proto":"tcp","stream":5,` +
		`"client":"10.0.0.1:49152","server":"10.0.0.2:80","community_id":"` + id + `","layer":"tcp/http1","from":"client","kind":"http.request","body":{"http_stream":0,"method":"GET",`
	if got := string(AppendEvent(nil, e)); !strings.HasPrefix(got, head) {
		t.Errorf("got  %s\nwant %s…", got, head)
	}

	e.Body = &FlowViolation{Protocol: "http1", Reason: "bad \xfe"}
	e.From, e.Truncated, e.Pos.Sub = FromServer, true, 3
	e.Flow.Client, e.Flow.Server = Addr{15: 1}, Addr{0: 0xfe, 1: 0x80, 15: 2}
	e.Stream = 4294967295
	want := `{"frame":34,"sub":3,"time":"2026-11-21T10:00:00.123456789Z","proto":"tcp","stream":4294967295,` +
		`"client":"[::1]:49152","server":"[fe80::2]:80","community_id":"` + CommunityID(e.Flow) + `","layer":"tcp/http1","from":"server","kind":"flow.violation",` +
		`"body":{"protocol":"http1","reason":"bad \\xfe"},"truncated":true,"escaped":true}`
	if got := string(AppendEvent(nil, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A limit that belongs to no flow.
	e = &Event{Pos: Pos{9, 0}, Time: 1, Body: &FlowLimit{Limit: "fragments", Reason: "oldest given up", Value: 7}}
	want = `{"frame":9,"sub":0,"time":"1970-01-01T00:00:00.000000001Z","kind":"flow.limit","body":{"reason":"oldest given up","limit":"fragments","value":7}}`
	if got := string(AppendEvent(nil, e)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A protocol without ports.
	e = exampleRequest()
	e.Flow.Proto, e.Layer, e.Body = 47, "gre", &FlowStart{}
	if got := string(AppendEvent(nil, e)); !strings.Contains(got, `"proto":"gre","stream":5,"client":"10.0.0.1","server":"10.0.0.2"`) {
		t.Errorf("got %s", got)
	}
}

// What an Encoder keeps never shows: any order of flows and times gives what a
// fresh one gives.
func TestEncoderKeepsNothingThatShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Encoder
		for range 50 {
			e := exampleRequest()
			e.Stream = rapid.SampledFrom([]uint32{0, 1, 4096, 8192}).Draw(t, "stream")
			e.Flow.Proto = rapid.SampledFrom([]uint8{6, 17, 1}).Draw(t, "proto")
			e.Flow.ClientPort = rapid.SampledFrom([]uint16{1, 2}).Draw(t, "port")
			e.Time = Time(rapid.Int64().Draw(t, "time"))
			if rapid.Bool().Draw(t, "other body") {
				e.Body = &TCPSegment{Mark: KindTCPLost}
			}
			if got, want := c.AppendEvent(nil, e), AppendEvent(nil, e); !bytes.Equal(got, want) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

func TestFlowTextFits(t *testing.T) {
	var far Addr
	for i := range far {
		far[i] = 0xfe
	}
	e := &Event{Stream: math.MaxUint32, Flow: Flow{Client: far, Server: far, ClientPort: 65535, ServerPort: 65535, Proto: ProtoSCTP}}
	if n := len(appendFlowText(nil, e)); n > len(flowText{}.text) {
		t.Errorf("%d bytes do not fit", n)
	}
}

func BenchmarkAppendEventHTTPRequest(b *testing.B) {
	e := exampleRequest()
	var c Encoder
	buf := c.AppendEvent(nil, e)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = c.AppendEvent(buf[:0], e)
	}
}

func BenchmarkAppendEventFlowEnd(b *testing.B) {
	e := exampleRequest()
	e.Body = &FlowEnd{Why: EndFIN, ClientPackets: 10, ClientBytes: 1234, ServerPackets: 12, ServerBytes: 123456, Protocol: "http1", FirstFrame: 3, LastFrame: 30, Duration: 123456789}
	var c Encoder
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = c.AppendEvent(buf[:0], e)
	}
}

func TestAppendUint(t *testing.T) {
	check := func(v uint64) {
		if got, want := string(appendUint(nil, v)), strconv.FormatUint(v, 10); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	for shift := range 64 {
		for d := range uint64(5) {
			check(1<<shift - 2 + d)
		}
	}
	for p := uint64(1); ; p *= 10 {
		check(p - 1)
		check(p)
		check(p + 1)
		if p > math.MaxUint64/10 {
			break
		}
	}
	for _, v := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		if got, want := string(appendInt(nil, v)), strconv.FormatInt(v, 10); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
