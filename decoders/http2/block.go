package http2

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// block is a header block that is being put together (RFC 9113 section 4.3)
// from HEADERS or PUSH_PROMISE and the CONTINUATIONs behind it.
type block struct {
	open      bool
	push      bool
	endStream bool
	lost      bool // a part of it was not read
	torn      bool // because it was not captured
	stream    uint32
	promised  uint32
	buf       []byte
	wire      int64         // bytes of its frames
	at        decoders.Mark // of its first byte
	offset    int64
}

// begin opens the block of a frame.
func (b *block) begin(f *frame) {
	*b = block{
		open: true, push: f.typ == typePushPromise, endStream: f.typ == typeHeaders && f.has(flagEndStream),
		stream: f.stream, at: f.at, offset: f.offset,
	}
}

// fragment reads the payload of HEADERS, PUSH_PROMISE or CONTINUATION.
func (k *call) fragment(p []byte) {
	d, f := k.d, &k.d.frame
	e := f.event()
	fault := f.fault()
	bl := &d.block
	if f.typ == typeContinuation {
		if !bl.open || bl.stream != f.stream {
			fault = "CONTINUATION without a header block before it (RFC 9113 section 6.10)"
			d.table.lose()
			e.Undecodable = f.has(flagEndHeaders)
			*bl = block{}
			k.tell(d, e, false)
			k.violation(d.from, fault)
			return
		}
	} else {
		if bl.open {
			d.table.lose() // the block before has no end
		}
		bl.begin(f)
		if fault == "" {
			p, fault = k.unwrap(e, p)
		}
		if fault != "" {
			p, bl.lost = nil, true
			d.table.lose()
		}
	}
	bl.wire += int64(headerLen + f.length)
	if !f.has(flagEndHeaders) {
		k.collect(bl, p)
		k.tell(d, e, false)
		if fault != "" {
			k.violation(d.from, fault)
		}
		return
	}
	if len(bl.buf) > 0 {
		k.collect(bl, p)
		p = bl.buf
	}
	h := *bl
	*bl = block{}
	var r reading
	var err error
	if !h.lost {
		r, err = k.decode(p)
	}
	e.Undecodable = h.lost || err != nil || r.missing
	if !e.Undecodable && !k.fields.over && k.env.Want.Has(events.KindHTTP2Frame) {
		count := r.count
		e.HPACK = &count
	}
	k.tell(d, e, r.missing || h.torn)
	switch {
	case fault != "":
		k.violation(d.from, fault)
	case err != nil:
		d.table.lose()
		k.violation(d.from, err.Error())
	}
	if r.late {
		k.violation(d.from, errUpdateLate.Error())
	}
	if r.large {
		k.doubt(d.from, "HPACK table larger than SETTINGS_HEADER_TABLE_SIZE (RFC 7541 section 4.2)")
	}
	if r.over {
		k.out.Limit("http2-table", d.table.bound, "an HPACK table is larger; blocks that need its older entries are not decoded", 0)
	}
	if e.Undecodable {
		k.unknownHead(d, &h)
	} else {
		k.head(&h)
	}
	clear(k.fields.list)
}

// unwrap takes off what stands around the fragment: padding, priority and the
// promised stream.
func (k *call) unwrap(e *events.HTTP2Frame, p []byte) (fragment []byte, fault string) {
	f := &k.d.frame
	pad := 0
	if f.has(flagPadded) {
		if len(p) == 0 {
			return nil, "padding longer than its frame (RFC 9113 section 6.2)"
		}
		pad, p = int(p[0]), p[1:]
		e.Padding = pad
	}
	need := 0
	switch {
	case f.typ == typePushPromise:
		need = 4
	case f.has(flagPriority):
		need = 5
	}
	if len(p) < need+pad {
		return nil, "padding longer than its frame (RFC 9113 section 6.2)"
	}
	var told string
	switch need {
	case 4:
		e.PromisedStream = uint64(be32(p) & 0x7fffffff)
		k.d.block.promised = uint32(e.PromisedStream)
	case 5:
		told = priority(e, p)
	}
	if told != "" {
		k.violation(k.d.from, told)
	}
	return p[need : len(p)-pad], ""
}

// collect keeps a fragment until its block is whole.
func (k *call) collect(bl *block, p []byte) {
	if bl.lost {
		return
	}
	if limit := k.env.Limits.HTTPHead; len(bl.buf)+len(p) > limit {
		k.out.Limit("http-head", limit, "a header block is longer", int64(len(bl.buf)+len(p)))
		bl.lost, bl.buf = true, nil
		k.d.table.lose()
		return
	}
	bl.buf = append(bl.buf, p...)
}

// lostFragment: a frame with a fragment was not read.
func (c *conn) lostFragment(d *side) {
	bl, f := &d.block, &d.frame
	if f.typ != typeContinuation {
		bl.begin(f)
	} else if !bl.open || bl.stream != f.stream {
		*bl = block{}
		return
	}
	bl.lost, bl.buf = true, nil
	bl.torn = bl.torn || d.torn
	bl.wire += int64(headerLen + f.length)
	if f.has(flagEndHeaders) {
		h := *bl
		*bl = block{}
		c.unknownHead(d, &h)
	}
}

// decode reads a whole block into k.fields.
func (k *call) decode(p []byte) (reading, error) {
	to, limits := &k.fields, k.env.Limits
	to.reset(&k.env)
	peer := &k.sides[k.d.from.Other()]
	r := reading{t: &k.d.table, to: to, allowed: peer.settings.table}
	if !peer.whole {
		r.allowed = maxInteger
	}
	err := r.run(p)
	switch {
	case to.over && to.room < 0:
		k.out.Limit("http-head", limits.HTTPHead, "the fields of a header block are longer", int64(len(p)))
	case to.over:
		k.out.Limit("http-headers", limits.HTTPHeaders, "a header block has more fields", int64(len(p)))
	}
	return r, err
}
