package events

import (
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
	"unsafe"
)

// This file writes JSON. A type is planned once, by reflection over the same
// struct tags that the schema reads, and from then on it is written by field
// offsets; so schema and output cannot drift apart. All use of unsafe in this
// package is here.
//
// The result means what encoding/json's would, but for these: text that is
// not UTF-8 is kept as \xNN, characters are escaped only where JSON demands
// it, a nil slice is [], and a float that is no number is null.

// AppendJSON appends v in JSON to dst. Bytes of strings that are not UTF-8
// become the text \xNN.
func AppendJSON(dst []byte, v any) []byte {
	dst, _ = AppendJSONEscaped(dst, v)
	return dst
}

// AppendJSONEscaped is AppendJSON that also reports whether a string held
// bytes that are not UTF-8.
func AppendJSONEscaped(dst []byte, v any) (out []byte, escaped bool) {
	dst = appendAny(dst, v, &escaped)
	return dst, escaped
}

// op is how one type is written.
type op uint8

const (
	opBool op = iota
	opInt8
	opInt16
	opInt32
	opInt64
	opUint8
	opUint16
	opUint32
	opUint64
	opFloat32
	opFloat64
	opString
	opHeaders  // []Header
	opTime     // Time
	opDuration // Duration
	opBytes    // []byte, in base64
	opSlice
	opArray
	opStruct
	opPointer
	opMap
	opAny        // interface
	opEnum       // TextMarshaler in one byte: its texts are kept
	opAppendText // encoding.TextAppender
	opText       // encoding.TextMarshaler
	opStd        // whatever else: encoding/json does it
)

// omission is the part of a tag that says when a field is left out.
type omission uint8

const (
	omitNever omission = iota
	omitZero
	omitEmpty
)

// plan says how to write one type.
type plan struct {
	op     op
	typ    reflect.Type
	elem   *plan // of a slice, array, pointer or map
	stride uintptr
	n      int // of an array
	fields []planField
	isZero func(p unsafe.Pointer) bool // its IsZero method, where it has one
	texts  *[256]atomic.Pointer[[]byte]
}

type planField struct {
	name string // `,"name":`
	key  string // name as it is
	doc  string // tag doc, for the schema
	off  uintptr
	op   op // that of plan; opStd where it has a zero of its own
	omit omission
	plan *plan
}

var (
	plans    sync.Map   // reflect.Type → *plan, complete ones only
	planning sync.Mutex // held while plans are made
)

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planning.Lock()
	defer planning.Unlock()
	made := map[reflect.Type]*plan{}
	p := makePlan(t, made)
	for t, p := range made {
		plans.LoadOrStore(t, p)
	}
	return p
}

var (
	textAppender  = reflect.TypeFor[encoding.TextAppender]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	zeroer        = reflect.TypeFor[interface{ IsZero() bool }]()
)

// makePlan plans t and all that it holds. made has those of this call, so
// that a type may hold itself.
func makePlan(t reflect.Type, made map[reflect.Type]*plan) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := made[t]; ok {
		return p
	}
	p := &plan{typ: t}
	made[t] = p
	if t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(zeroer) {
		p.isZero = func(q unsafe.Pointer) bool {
			return reflect.NewAt(t, q).Interface().(interface{ IsZero() bool }).IsZero()
		}
	}
	if p.op = specialOp(t); p.op == opEnum {
		p.texts = new([256]atomic.Pointer[[]byte])
	}
	if p.op != opStd {
		return p
	}
	if t == reflect.TypeFor[json.Number]() || t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(jsonMarshaler) {
		return p
	}
	switch t.Kind() {
	case reflect.Bool:
		p.op = opBool
	case reflect.Int8:
		p.op = opInt8
	case reflect.Int16:
		p.op = opInt16
	case reflect.Int32:
		p.op = opInt32
	case reflect.Int64, reflect.Int:
		p.op = opInt64
	case reflect.Uint8:
		p.op = opUint8
	case reflect.Uint16:
		p.op = opUint16
	case reflect.Uint32:
		p.op = opUint32
	case reflect.Uint64, reflect.Uint, reflect.Uintptr:
		p.op = opUint64
	case reflect.Float32:
		p.op = opFloat32
	case reflect.Float64:
		p.op = opFloat64
	case reflect.String:
		p.op = opString
	case reflect.Slice, reflect.Array:
		p.op = opSlice
		if t.Kind() == reflect.Array {
			p.op, p.n = opArray, t.Len()
		}
		p.stride = t.Elem().Size()
		p.elem = makePlan(t.Elem(), made)
	case reflect.Pointer:
		p.op = opPointer
		p.elem = makePlan(t.Elem(), made)
	case reflect.Map:
		if mapKeyable(t.Key()) {
			p.op = opMap
			p.elem = makePlan(t.Elem(), made)
		}
	case reflect.Interface:
		p.op = opAny
	case reflect.Struct:
		fields, ok := structFields(t)
		if !ok {
			return p
		}
		for _, f := range fields {
			pf := planField{
				name: "," + string(appendQuoted(nil, f.key, new(bool))) + ":",
				key:  f.key, doc: f.doc, off: f.off, omit: f.omit,
				plan: makePlan(f.typ, made),
			}
			if pf.op = pf.plan.op; pf.plan.isZero != nil {
				pf.op = opStd
			}
			p.fields = append(p.fields, pf)
		}
		p.op = opStruct
	}
	return p
}

// specialOp is the op of the types that are written in a form of their own;
// opStd for all others.
func specialOp(t reflect.Type) op {
	switch t {
	case reflect.TypeFor[[]Header]():
		return opHeaders
	case reflect.TypeFor[Time]():
		return opTime
	case reflect.TypeFor[Duration]():
		return opDuration
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return opStd
	}
	ptr := reflect.PointerTo(t)
	switch {
	case ptr.Implements(jsonMarshaler):
		// time.Time has both; its texts are the same, and shorter to get.
		if t != reflect.TypeFor[time.Time]() {
			return opStd
		}
		return opAppendText
	case ptr.Implements(textMarshaler) && t.Kind() == reflect.Uint8:
		return opEnum
	case ptr.Implements(textAppender) && ptr.Implements(textMarshaler):
		return opAppendText
	case ptr.Implements(textMarshaler):
		return opText
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 &&
		!reflect.PointerTo(t.Elem()).Implements(textMarshaler) && !reflect.PointerTo(t.Elem()).Implements(jsonMarshaler):
		return opBytes
	}
	return opStd
}

func mapKeyable(k reflect.Type) bool {
	switch k.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	}
	return k.Implements(textMarshaler)
}

type structField struct {
	key, doc string
	off      uintptr
	omit     omission
	typ      reflect.Type
	depth    int
	tagged   bool
}

// structFields lists the fields of t as encoding/json sees them: embedded
// structs flattened, the least nested of one name winning. ok is false for
// what this file leaves to encoding/json (embedded pointers, the option
// "string").
func structFields(t reflect.Type) (fields []structField, ok bool) {
	all, ok := appendFields(nil, t, 0, 0)
	if !ok {
		return nil, false
	}
	for i, f := range all {
		wins := true
		for j, g := range all {
			if i == j || f.key != g.key {
				continue
			}
			switch {
			case g.depth != f.depth:
				wins = wins && f.depth < g.depth
			case g.tagged != f.tagged:
				wins = wins && f.tagged
			default:
				wins = false // two of one rank hide each other
			}
		}
		if wins {
			fields = append(fields, f)
		}
	}
	return fields, true
}

func appendFields(out []structField, t reflect.Type, off uintptr, depth int) ([]structField, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("json")
		if tag == "-" {
			continue
		}
		name, opts, _ := strings.Cut(tag, ",")
		if f.Anonymous && name == "" {
			switch {
			case f.Type.Kind() == reflect.Struct:
				var ok bool
				if out, ok = appendFields(out, f.Type, off+f.Offset, depth+1); !ok {
					return nil, false
				}
				continue
			case f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct:
				return nil, false
			}
		}
		if !f.IsExported() {
			continue
		}
		sf := structField{key: name, doc: f.Tag.Get("doc"), off: off + f.Offset, typ: f.Type, depth: depth, tagged: tagged && name != ""}
		if name == "" {
			sf.key = f.Name
		}
		for o := range strings.SplitSeq(opts, ",") {
			switch o {
			case "omitzero":
				sf.omit = omitZero
			case "omitempty":
				sf.omit = max(sf.omit, omitEmpty)
			case "string":
				return nil, false
			}
		}
		out = append(out, sf)
	}
	return out, true
}

// eface is how the runtime lays out a value of type any.
type eface struct {
	typ, data unsafe.Pointer
}

// pointedTo is where the value of v, of type t, lies. What is one pointer wide
// may be the data word itself; which structs and arrays are, is the compiler's
// affair, so these are copied.
func pointedTo(v *any, t reflect.Type) unsafe.Pointer {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return unsafe.Pointer(&(*eface)(unsafe.Pointer(v)).data)
	case reflect.Struct, reflect.Array:
		if t.Size() <= unsafe.Sizeof(uintptr(0)) {
			at := reflect.New(t)
			at.Elem().Set(reflect.ValueOf(*v))
			return at.UnsafePointer()
		}
	}
	return (*eface)(unsafe.Pointer(v)).data
}

func appendAny(dst []byte, v any, esc *bool) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	p := planOf(reflect.TypeOf(v))
	data := (*eface)(unsafe.Pointer(&v)).data
	switch p.typ.Kind() {
	case reflect.Pointer:
		if p.op == opPointer && data != nil {
			return appendPlanned(dst, p.elem, data, esc)
		}
	case reflect.Struct:
		if p.typ.Size() > unsafe.Sizeof(uintptr(0)) {
			return appendPlanned(dst, p, data, esc)
		}
	}
	return appendOdd(dst, p, v, esc)
}

// appendOdd is appendAny for what is seldom: it moves v to the heap.
func appendOdd(dst []byte, p *plan, v any, esc *bool) []byte {
	return appendPlanned(dst, p, pointedTo(&v, p.typ), esc)
}

// appendPlanned writes the value of p's type that q points to.
func appendPlanned(dst []byte, p *plan, q unsafe.Pointer, esc *bool) []byte {
	switch p.op {
	case opBool:
		return strconv.AppendBool(dst, *(*bool)(q))
	case opInt8:
		return appendInt(dst, int64(*(*int8)(q)))
	case opInt16:
		return appendInt(dst, int64(*(*int16)(q)))
	case opInt32:
		return appendInt(dst, int64(*(*int32)(q)))
	case opInt64:
		return appendInt(dst, *(*int64)(q))
	case opUint8:
		return appendUint(dst, uint64(*(*uint8)(q)))
	case opUint16:
		return appendUint(dst, uint64(*(*uint16)(q)))
	case opUint32:
		return appendUint(dst, uint64(*(*uint32)(q)))
	case opUint64:
		return appendUint(dst, *(*uint64)(q))
	case opFloat32:
		return appendFloat(dst, float64(*(*float32)(q)), 32)
	case opFloat64:
		return appendFloat(dst, *(*float64)(q), 64)
	case opString:
		return appendQuoted(dst, *(*string)(q), esc)
	case opHeaders:
		dst = append(dst, '[')
		for i, h := range *(*[]Header)(q) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, '[')
			dst = appendQuoted(dst, h[0], esc)
			dst = append(dst, ',')
			dst = appendQuoted(dst, h[1], esc)
			dst = append(dst, ']')
		}
		return append(dst, ']')
	case opTime:
		return append(appendTime(append(dst, '"'), *(*Time)(q)), '"')
	case opDuration:
		return appendDuration(dst, *(*Duration)(q))
	case opBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, *(*[]byte)(q))
		return append(dst, '"')
	case opSlice:
		s := *(*[]byte)(q) // its header: data and length
		return appendElems(dst, p, unsafe.Pointer(unsafe.SliceData(s)), len(s), esc)
	case opArray:
		return appendElems(dst, p, q, p.n, esc)
	case opPointer:
		e := *(*unsafe.Pointer)(q)
		if e == nil {
			return append(dst, "null"...)
		}
		return appendPlanned(dst, p.elem, e, esc)
	case opStruct:
		start := len(dst)
		for i := range p.fields {
			dst = appendField(dst, &p.fields[i], q, esc)
		}
		if len(dst) == start {
			return append(dst, "{}"...)
		}
		dst[start] = '{' // it was a comma
		return append(dst, '}')
	case opAny:
		return appendAny(dst, reflect.NewAt(p.typ, q).Elem().Interface(), esc)
	case opMap:
		return appendMap(dst, reflect.NewAt(p.typ, q).Elem(), p.elem, esc)
	case opEnum:
		return append(dst, p.text(q, esc)...)
	case opAppendText:
		return appendTextOf(dst, reflect.NewAt(p.typ, q).Interface().(encoding.TextAppender), esc)
	case opText:
		return append(dst, marshalText(reflect.NewAt(p.typ, q).Interface().(encoding.TextMarshaler), esc)...)
	}
	b, err := json.Marshal(reflect.NewAt(p.typ, q).Interface())
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

// appendField writes one field of the struct at q. The first cases are what
// appendPlanned would do for the types that most fields are of.
func appendField(dst []byte, f *planField, q unsafe.Pointer, esc *bool) []byte {
	fq := unsafe.Add(q, f.off)
	switch f.op {
	case opString:
		s := *(*string)(fq)
		if s == "" && f.omit != omitNever {
			return dst
		}
		return appendQuoted(append(dst, f.name...), s, esc)
	case opUint64:
		v := *(*uint64)(fq)
		if v == 0 && f.omit != omitNever {
			return dst
		}
		return appendUint(append(dst, f.name...), v)
	case opInt64:
		v := *(*int64)(fq)
		if v == 0 && f.omit != omitNever {
			return dst
		}
		return appendInt(append(dst, f.name...), v)
	case opBool:
		v := *(*bool)(fq)
		if !v && f.omit != omitNever {
			return dst
		}
		return strconv.AppendBool(append(dst, f.name...), v)
	case opDuration:
		v := *(*Duration)(fq)
		if v == 0 && f.omit != omitNever {
			return dst
		}
		return appendDuration(append(dst, f.name...), v)
	}
	switch f.omit {
	case omitZero:
		if zero(f.plan, fq) {
			return dst
		}
	case omitEmpty:
		if empty(f.plan, fq) {
			return dst
		}
	}
	return appendPlanned(append(dst, f.name...), f.plan, fq, esc)
}

func appendElems(dst []byte, p *plan, q unsafe.Pointer, n int, esc *bool) []byte {
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPlanned(dst, p.elem, unsafe.Add(q, uintptr(i)*p.stride), esc)
	}
	return append(dst, ']')
}

// text is the quoted text of the one-byte value at q. Values are few, so each
// is made once.
func (p *plan) text(q unsafe.Pointer, esc *bool) []byte {
	slot := &p.texts[*(*uint8)(q)]
	if b := slot.Load(); b != nil {
		return *b
	}
	b := marshalText(reflect.NewAt(p.typ, q).Interface().(encoding.TextMarshaler), esc)
	slot.Store(&b)
	return b
}

func marshalText(m encoding.TextMarshaler, esc *bool) []byte {
	b, err := m.MarshalText()
	if err != nil {
		return []byte("null")
	}
	return appendQuoted(nil, string(b), esc)
}

// appendTextOf appends the quoted text of a, in place where nothing in it
// needs an escape.
func appendTextOf(dst []byte, a encoding.TextAppender, esc *bool) []byte {
	start := len(dst)
	out, err := a.AppendText(append(dst, '"'))
	if err != nil {
		return append(dst, "null"...)
	}
	text := out[start+1:]
	if plain(unsafe.String(unsafe.SliceData(text), len(text))) < len(text) {
		return appendQuoted(dst, string(text), esc)
	}
	return append(out, '"')
}

func appendMap(dst []byte, m reflect.Value, elem *plan, esc *bool) []byte {
	if m.IsNil() {
		return append(dst, "{}"...)
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		entries = append(entries, entry{mapKey(it.Key()), it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, e.key, esc), ':')
		at := reflect.New(elem.typ)
		at.Elem().Set(e.value)
		dst = appendPlanned(dst, elem, at.UnsafePointer(), esc)
	}
	return append(dst, '}')
}

func mapKey(k reflect.Value) string {
	if k.Kind() == reflect.String {
		return k.String()
	}
	if m, ok := k.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			return ""
		}
		return string(b)
	}
	if k.CanInt() {
		return strconv.FormatInt(k.Int(), 10)
	}
	return strconv.FormatUint(k.Uint(), 10)
}

// zero reports whether omitzero leaves the value at q out.
func zero(p *plan, q unsafe.Pointer) bool {
	if p.isZero != nil {
		return p.isZero(q)
	}
	switch p.op {
	case opBool, opInt8, opUint8, opEnum:
		return *(*uint8)(q) == 0
	case opInt16, opUint16:
		return *(*uint16)(q) == 0
	case opInt32, opUint32, opFloat32:
		return *(*uint32)(q) == 0
	case opInt64, opUint64, opFloat64, opTime, opDuration:
		return *(*uint64)(q) == 0
	case opString:
		return *(*string)(q) == ""
	case opHeaders, opBytes, opSlice, opPointer:
		return *(*unsafe.Pointer)(q) == nil // the first word: of a slice, its data
	}
	return reflect.NewAt(p.typ, q).Elem().IsZero()
}

// empty reports whether omitempty leaves the value at q out.
func empty(p *plan, q unsafe.Pointer) bool {
	v := reflect.NewAt(p.typ, q).Elem()
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	case reflect.Float32, reflect.Float64:
		return v.Float() == 0
	}
	return v.IsZero()
}

// appendFloat writes f as encoding/json does (ECMA-262, Number::toString).
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	abs := math.Abs(f)
	small, large := abs < 1e-6, abs >= 1e21
	if bits == 32 {
		small, large = float32(abs) < 1e-6, float32(abs) >= 1e21
	}
	if abs == 0 || !small && !large {
		return strconv.AppendFloat(dst, f, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst
}

// appendDuration writes d in seconds, exactly, with as few decimals as that
// takes.
func appendDuration(dst []byte, d Duration) []byte {
	u := uint64(d)
	if d < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = appendUint(dst, u/1e9)
	ns := u % 1e9
	if ns == 0 {
		return dst
	}
	dst = appendNanos(append(dst, '.'), ns)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// digits are 00 to 99.
var digits = func() (d [200]byte) {
	for i := range 100 {
		d[2*i], d[2*i+1] = '0'+byte(i/10), '0'+byte(i%10)
	}
	return d
}()

// appendUint is strconv.AppendUint in base ten, written in place.
func appendUint(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, '0'+byte(v))
	}
	n := bits.Len64(v) * 1233 >> 12 // log10 of 2 is 0.301
	if v >= powers[n] {
		n++
	}
	const room = "00000000000000000000"
	dst = append(dst, room[:n]...)
	b := dst[len(dst)-n:]
	for ; v >= 100; v /= 100 {
		d := v % 100 * 2
		n -= 2
		b[n], b[n+1] = digits[d], digits[d+1]
	}
	if v < 10 {
		b[0] = '0' + byte(v)
	} else {
		b[0], b[1] = digits[v*2], digits[v*2+1]
	}
	return dst
}

func appendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return appendUint(append(dst, '-'), -uint64(v))
	}
	return appendUint(dst, uint64(v))
}

// powers of ten.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := range p[1:] {
		p[i+1] = p[i] * 10
	}
	return p
}()

// appendNanos writes ns, below 1e9, in nine digits.
func appendNanos(dst []byte, ns uint64) []byte {
	a, b := ns/1e5, ns%1e5 // four digits and five
	a0, a1, b0, b1 := a/100*2, a%100*2, b/1000*2, b/10%100*2
	return append(dst, digits[a0], digits[a0+1], digits[a1], digits[a1+1],
		digits[b0], digits[b0+1], digits[b1], digits[b1+1], '0'+byte(b%10))
}

// appendTime writes t in RFC 3339 with nine decimals, UTC.
func appendTime(dst []byte, t Time) []byte {
	sec, ns := t.split()
	dst = time.Unix(sec, 0).UTC().AppendFormat(dst, time.RFC3339) // has a short way of its own
	dst[len(dst)-1] = '.'                                         // was Z
	return append(appendNanos(dst, ns), 'Z')
}

// split is t in whole seconds, rounded down, and nanoseconds.
func (t Time) split() (sec int64, ns uint64) {
	sec = int64(t) / 1e9
	n := int64(t) % 1e9
	if n < 0 {
		sec, n = sec-1, n+1e9
	}
	return sec, uint64(n)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, in the high bits, the bytes of x that a JSON string cannot
// hold as they are, and those that are not ASCII. Bytes above a marked one may
// be marked wrongly; none is missed.
func special(x uint64) uint64 {
	quote := x ^ '"'*ones
	back := x ^ '\\'*ones
	return (x | (x-' '*ones)&^x | (quote-ones)&^quote | (back-ones)&^back) & highs
}

// plain is the length of the front of s that JSON takes as it is, looked at
// eight bytes at a time: len(s), or at most where the first other byte stands.
func plain(s string) int {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if special(binary.LittleEndian.Uint64(b[i:])) != 0 {
			return i
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// appendQuoted writes s as a JSON string.
func appendQuoted(dst []byte, s string, esc *bool) []byte {
	dst = append(dst, '"')
	n := plain(s)
	dst = append(dst, s[:n]...)
	if n < len(s) {
		dst = appendEscaped(dst, s[n:], esc)
	}
	return append(dst, '"')
}

const hexDigits = "0123456789abcdef"

func appendEscaped(dst []byte, s string, esc *bool) []byte {
	start := 0 // of what was not yet written
	for i := 0; i < len(s); {
		c := s[i]
		size := 1
		switch {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				i += plain(s[i:])
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&0xf])
			*esc = true
		case c == '"' || c == '\\':
			dst = append(append(dst, s[start:i]...), '\\', c)
		case c >= ' ':
			i++
			continue
		default:
			dst = append(dst, s[start:i]...)
			switch c {
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			}
		}
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}

// Encoder writes events. What stays the same on a flow is kept, so that it is
// made once for many events. The zero value is ready. Not for use by several
// goroutines at once.
type Encoder struct {
	flows  []flowText // by a hash of stream and protocol; a newer flow takes the place
	second int64
	date   []byte // of second, up to the decimal point
	body   [256]*plan
}

const encoderFlows = 4096 // a power of two

// flowText is the part of an event's line that its flow fixes.
type flowText struct {
	flow   Flow
	stream uint32
	n      uint8
	text   [255]byte
}

// AppendEvent appends the line of e, as `wiretale decode --json` prints it,
// without the line feed.
func (c *Encoder) AppendEvent(dst []byte, e *Event) []byte {
	dst = append(dst, `{"frame":`...)
	dst = appendUint(dst, e.Pos.Frame)
	dst = append(dst, `,"sub":`...)
	dst = appendUint(dst, uint64(e.Pos.Sub))
	dst = append(dst, `,"time":"`...)
	dst = c.appendTime(dst, e.Time)
	dst = append(dst, '"')
	escaped := false
	if e.Flow != (Flow{}) {
		dst = c.appendFlow(dst, e)
	}
	if e.Layer != "" {
		dst = appendQuoted(append(dst, `,"layer":`...), e.Layer, &escaped)
	}
	if e.Flow != (Flow{}) {
		if e.From == FromServer {
			dst = append(dst, `,"from":"server"`...)
		} else {
			dst = append(dst, `,"from":"client"`...)
		}
	}
	kind := e.Body.Kind()
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, kind.String()...)
	dst = append(dst, `","body":`...)
	dst = c.appendBody(dst, kind, e.Body, &escaped)
	if e.Truncated {
		dst = append(dst, `,"truncated":true`...)
	}
	if escaped {
		dst = append(dst, `,"escaped":true`...)
	}
	return append(dst, '}')
}

// AppendEvent is that of an Encoder that keeps nothing.
func AppendEvent(dst []byte, e *Event) []byte {
	var c Encoder
	return c.AppendEvent(dst, e)
}

func (c *Encoder) appendTime(dst []byte, t Time) []byte {
	sec, ns := t.split()
	if sec != c.second || c.date == nil {
		c.second = sec
		c.date = time.Unix(sec, 0).UTC().AppendFormat(c.date[:0], "2006-01-02T15:04:05.")
	}
	dst = append(dst, c.date...)
	return append(appendNanos(dst, ns), 'Z')
}

// appendBody writes a body, whose kind nearly always names its type.
func (c *Encoder) appendBody(dst []byte, k Kind, b Body, esc *bool) []byte {
	v := any(b)
	t := reflect.TypeOf(v)
	p := c.body[k]
	if p == nil || p.typ != t {
		p = planOf(t)
		c.body[k] = p
	}
	data := (*eface)(unsafe.Pointer(&v)).data
	if p.op == opPointer && data != nil {
		return appendPlanned(dst, p.elem, data, esc)
	}
	return appendAny(dst, v, esc)
}

func (c *Encoder) appendFlow(dst []byte, e *Event) []byte {
	if c.flows == nil {
		c.flows = make([]flowText, encoderFlows)
	}
	// The protocol moves the place, so that tcp:5 and udp:5 do not push each
	// other out.
	f := &c.flows[(e.Stream^uint32(e.Flow.Proto)<<6)&(encoderFlows-1)]
	if f.n == 0 || f.stream != e.Stream || f.flow != e.Flow {
		f.flow, f.stream = e.Flow, e.Stream
		f.n = uint8(len(appendFlowText(f.text[:0], e)))
	}
	return append(dst, f.text[:f.n]...)
}

// appendFlowText needs at most 203 bytes: 16 for the protocol, 21 for the
// stream, 59 for each end, 48 for the Community ID.
func appendFlowText(dst []byte, e *Event) []byte {
	dst = append(dst, `,"proto":"`...)
	dst = append(dst, e.Flow.Transport()...)
	dst = append(dst, `","stream":`...)
	dst = appendUint(dst, uint64(e.Stream))
	dst = append(dst, `,"client":"`...)
	dst = appendEnd(dst, e.Flow.Client, e.Flow.ClientPort, e.Flow.Proto)
	dst = append(dst, `","server":"`...)
	dst = appendEnd(dst, e.Flow.Server, e.Flow.ServerPort, e.Flow.Proto)
	dst = append(dst, `","community_id":"`...)
	dst = appendCommunityID(dst, &e.Flow)
	return append(dst, '"')
}

// appendEnd writes an address, with its port where the protocol has ports.
func appendEnd(dst []byte, a Addr, port uint16, proto uint8) []byte {
	ip := a.IP()
	if proto != ProtoTCP && proto != ProtoUDP && proto != ProtoSCTP {
		return ip.AppendTo(dst)
	}
	if ip.Is4() {
		dst = append(ip.AppendTo(dst), ':')
	} else {
		dst = append(ip.AppendTo(append(dst, '[')), ']', ':')
	}
	return appendUint(dst, uint64(port))
}

// The types of this package that have a form of their own in JSON have it in
// encoding/json, too.

// MarshalJSON makes a Duration a number of seconds.
func (d Duration) MarshalJSON() ([]byte, error) { return appendDuration(nil, d), nil }

// UnmarshalJSON reads what MarshalJSON writes, exactly.
func (d *Duration) UnmarshalJSON(b []byte) error {
	s := string(b)
	digits, neg := strings.CutPrefix(s, "-")
	whole, frac, _ := strings.Cut(digits, ".")
	if len(frac) > 9 || strings.ContainsAny(s, "eE+") {
		return errors.New("events: duration: want seconds with up to nine decimals, not " + strconv.Quote(s))
	}
	sec, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return err
	}
	ns, err := strconv.ParseUint((frac + "000000000")[:9], 10, 63)
	if err != nil {
		return err
	}
	if sec > (math.MaxInt64-ns)/1e9 {
		return errors.New("events: duration: out of range: " + s)
	}
	*d = Duration(sec*1e9 + ns)
	if neg {
		*d = -*d
	}
	return nil
}

// MarshalJSON makes a Time RFC 3339 with nine decimals, UTC.
func (t Time) MarshalJSON() ([]byte, error) {
	return append(appendTime([]byte{'"'}, t), '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s time.Time
	if err := s.UnmarshalJSON(b); err != nil {
		return err
	}
	*t = TimeOf(s)
	return nil
}

// AppendText writes a as netip.Addr does.
func (a Addr) AppendText(b []byte) ([]byte, error) { return a.IP().AppendTo(b), nil }

// MarshalText makes an Addr its text in JSON.
func (a Addr) MarshalText() ([]byte, error) { return a.AppendText(nil) }

// MarshalText makes a Dir its name in JSON.
func (d Dir) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalText makes a Kind its stable name in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// AppendText writes k as String does ("tcp:5").
func (k StreamKey) AppendText(b []byte) ([]byte, error) {
	b = append(append(b, TransportName(k.Proto)...), ':')
	return appendUint(b, uint64(k.Stream)), nil
}

// MarshalText makes a StreamKey its name in JSON.
func (k StreamKey) MarshalText() ([]byte, error) { return k.AppendText(nil) }
