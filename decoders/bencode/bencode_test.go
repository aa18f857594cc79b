package bencode

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want error
	}{
		{"4:spam", 6, nil},
		{"0:", 2, nil},
		{"i3e", 3, nil},
		{"i-3e", 4, nil},
		{"i0ebehind", 3, nil},
		{"l4:spam4:eggse", 14, nil},
		{"d3:cow3:moo4:spaml1:a1:bee", 26, nil},
		{"le", 2, nil},
		{"de", 2, nil},
		{"d1:ad2:id2:xxe1:q4:pinge", 24, nil},
		{"d1:bi1e1:ai2ee", 14, nil}, // unsorted
		{"dle", 1, ErrSyntax},
		{"d1:ae", 4, ErrSyntax}, // a key without its value
		{"di1ei2ee", 1, ErrSyntax},
		{"e", 0, ErrSyntax},
		{"", 0, ErrShort},
		{"l", 1, ErrShort},
		{"5:spam", 0, ErrShort},
		{"12", 0, ErrShort},
		{"i12", 0, ErrShort},
		{"ie", 0, ErrSyntax},
		{"i-e", 0, ErrSyntax},
		{"i1x", 0, ErrSyntax},
		{"1x", 0, ErrSyntax},
		{"x", 0, ErrSyntax},
		{"99999999999999999999:", 0, ErrSyntax},
		{"llllleeeee", 4, ErrDepth},
		{"l" + strings.Repeat("1:a", 40) + "e", 1 + 39*3, ErrItems},
	} {
		v, n, err := Read([]byte(c.in), 4, 40)
		if n != c.n || !errors.Is(err, c.want) || err == nil && string(v) != c.in[:n] {
			t.Errorf("Read(%q) = %q, %d, %v; want %d, %v", c.in, v, n, err, c.n, c.want)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	deep := []byte(strings.Repeat("l", 1<<20))
	if _, n, err := Read(deep, 1<<30, 1<<30); !errors.Is(err, ErrDepth) || n != MaxDepth {
		t.Errorf("%d, %v", n, err)
	}
	if _, ok := Value("d1:a" + string(deep)).Get("a"); ok {
		t.Error("a value without end")
	}
}

func TestInt(t *testing.T) {
	for in, want := range map[string]int64{
		"i0e": 0, "i-1e": -1, "i007e": 7,
		"i9223372036854775807e": 1<<63 - 1, "i-9223372036854775808e": -1 << 63,
	} {
		if n, ok := Value(in).Int(); !ok || n != want {
			t.Errorf("%s: %d %v", in, n, ok)
		}
	}
	for _, in := range []string{"", "i", "ie", "i1", "1:a", "le", "i9223372036854775808e", "i-9223372036854775809e", "i99999999999999999999999e"} {
		if n, ok := Value(in).Int(); ok {
			t.Errorf("%q is %d", in, n)
		}
	}
}

func TestLookingInside(t *testing.T) {
	v := Value("d1:ad2:id20:abcdefghij01234567895:ports0:e1:q4:ping1:ti5e1:vl1:xi2eee")
	if _, n, err := Read(v, 8, 100); err != nil || n != len(v) {
		t.Fatal(n, err)
	}
	a, _ := v.Get("a")
	if id, _ := a.GetBytes("id"); string(id) != "abcdefghij0123456789" {
		t.Errorf("id %q", id)
	}
	if n, ok := v.GetInt("t"); n != 5 || !ok {
		t.Errorf("t %d", n)
	}
	if _, ok := v.GetInt("q"); ok {
		t.Error("q is no number")
	}
	var got []string
	for k, x := range v.Dict() {
		got = append(got, string(k)+"="+x.Kind().String())
	}
	if s := strings.Join(got, " "); s != "a=dict q=string t=int v=list" {
		t.Error(s)
	}
	list, _ := v.Get("v")
	got = nil
	for x := range list.List() {
		got = append(got, string(x))
	}
	if s := strings.Join(got, " "); s != "1:x i2e" {
		t.Error(s)
	}
}

// What was captured of a value can be looked into.
func TestCutOff(t *testing.T) {
	v := Value("d1:q4:ping1:t2:aa1:y1")
	if s, _ := v.GetBytes("t"); string(s) != "aa" {
		t.Errorf("t %q", s)
	}
	if _, ok := v.Get("y"); ok {
		t.Error("y was cut off")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	v := Value("d1:ad2:id20:abcdefghij01234567899:info_hash20:abcdefghij0123456789e1:q9:get_peers1:t2:aa1:y1:qe")
	if n := testing.AllocsPerRun(100, func() {
		x, _, err := Read(v, 8, 100)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := x.Get("a")
		a.GetBytes("info_hash")
		for k, y := range x.Dict() {
			_, _ = k, y.Kind()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"i1e", "4:spam", "d3:cowl1:a1:bee", "d1:ad2:id2:xxe1:q4:pinge", "llleee", "i-", "99999999999:"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n, err := Read(b, 16, 1000)
		if n > len(b) || (err == nil) != (v != nil) {
			t.Fatal(n, err)
		}
		if err == nil && v.length() != n {
			t.Fatalf("%q: %d, %d", b, n, v.length())
		}
		// What is read once is read again the same, and behind it nothing counts.
		if err == nil {
			w, m, err := Read(append(bytes.Clone(v), "rest"...), 16, 1000)
			if err != nil || m != n || !bytes.Equal(v, w) {
				t.Fatal(m, err)
			}
		}
		walk(Value(b), 8)
	})
}

// walk looks at all there is.
func walk(v Value, depth int) {
	v.Int()
	v.Bytes()
	v.Get("a")
	if depth == 0 {
		return
	}
	for x := range v.List() {
		walk(x, depth-1)
	}
	for _, x := range v.Dict() {
		walk(x, depth-1)
	}
}

func BenchmarkRead(b *testing.B) {
	v := []byte("d1:ad2:id20:abcdefghij01234567899:info_hash20:abcdefghij0123456789e1:q9:get_peers1:t2:aa1:y1:qe")
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		x, _, _ := Read(v, 8, 100)
		x.Get("y")
	}
}
