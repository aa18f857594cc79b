package truth

import (
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// Every moment and every address that a truth can hold is moved: one that is
// added to the struct and forgotten in Move fails here.
func TestMove(t *testing.T) {
	before := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	from, to := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")
	var x Truth
	fill(reflect.ValueOf(&x).Elem(), before, from)
	for _, m := range [][]Message{x.Messages, x.Protected} {
		m[0].Transport = "udp"
	}
	x.Move(time.Hour, func(proto string, a netip.AddrPort) netip.AddrPort {
		if a.Addr() != from {
			t.Errorf("%s %s moved twice", proto, a)
		}
		return netip.AddrPortFrom(to, a.Port()+1)
	})
	n := 0
	look(reflect.ValueOf(x), "Truth", func(path string, v any) {
		n++
		switch v := v.(type) {
		case time.Time:
			if !v.Equal(before.Add(time.Hour)) {
				t.Errorf("%s is %s", path, v)
			}
		case netip.Addr:
			if v != to {
				t.Errorf("%s is %s", path, v)
			}
		case netip.AddrPort:
			if v != netip.AddrPortFrom(to, 8) {
				t.Errorf("%s is %s", path, v)
			}
		}
	})
	if n < 20 {
		t.Errorf("only %d moments and addresses looked at", n)
	}
}

// fill puts a moment and an address wherever one can be.
func fill(v reflect.Value, moment time.Time, addr netip.Addr) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(moment))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(addr))
		return
	case netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(addr, 7)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), moment, addr)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), moment, addr)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), moment, addr)
	}
}

// look shows all that fill filled.
func look(v reflect.Value, path string, show func(path string, v any)) {
	switch x := v.Interface().(type) {
	case time.Time, netip.Addr, netip.AddrPort:
		show(path, x)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			look(v.Field(i), path+"."+v.Type().Field(i).Name, show)
		}
	case reflect.Slice:
		for i := range v.Len() {
			look(v.Index(i), path, show)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			look(v.Elem(), path, show)
		}
	}
}
