package http1

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/content"
	"github.com/wiretale/wiretale/events"
)

// maxPart is the most bytes of one content.part.
const maxPart = 64 << 10

// object is a body that somebody wants as it is without its codings.
type object struct {
	number uint32
	name   string
	bytes  int64
	out    decoders.Sink // of the call that reads the body now
}

// by says through which sink the object goes on.
func (o *object) by(out decoders.Sink) {
	if o != nil {
		o.out = out
	}
}

func (o *object) write(from events.Dir, p []byte) {
	o.bytes += int64(len(p))
	for len(p) > 0 {
		n := min(len(p), maxPart)
		o.out.Emit(from, &events.ContentPart{Object: o.number, Bytes: append([]byte(nil), p[:n]...)})
		p = p[n:]
	}
}

func (o *object) end(from events.Dir, mediaType string, complete bool, first uint64, out decoders.Sink) {
	if o != nil {
		out.Emit(from, &events.ContentEnd{
			Object: o.number, Protocol: "http", Name: o.name, Type: mediaType,
			Bytes: o.bytes, Complete: complete, FirstFrame: first,
		})
	}
}

// drop: what was taken for a body is none.
func (o *object) drop(from events.Dir, out decoders.Sink) {
	if o != nil {
		out.Emit(from, &events.ContentEnd{Object: o.number, Protocol: "http", Drop: true})
	}
}

func (s *stream) extracting() bool { return s.env.Want.Has(events.KindContentPart) }

// nameOf is what a body is called by the request that it belongs to.
func (s *stream) nameOf(r *events.HTTPRequest) string {
	if !s.extracting() {
		return ""
	}
	if r.Target != "" && r.Target[0] != '/' {
		return r.Target
	}
	return r.Host + r.Target
}

// read lets the body that has just begun, if there is one, be read by whoever
// wants it: for its hash, for an object of this name, by inner.
func (c *call) read(name string, inner decoders.Feed) {
	b := &c.d.body
	extract := b.of != "" && c.s.extracting()
	var part func([]byte)
	if extract {
		c.s.objects++
		o, from := &object{number: c.s.objects, name: name, out: c.out}, c.d.from
		b.object = o
		part = func(p []byte) { o.write(from, p) }
	}
	if inner != nil {
		object := part
		part = func(p []byte) {
			if object != nil {
				object(p)
			}
			inner.Data(events.FromServer, p)
		}
	}
	if b.of != "" && (part != nil || c.s.env.Hash) {
		b.reader = content.New(c.s.env.Limits, b.codings, part)
	}
	switch {
	case b.reader != nil:
		b.inner = inner
		return
	case inner != nil:
		inner.End(events.FromServer, events.EndCaptureOver)
	}
	if extract {
		o, from := b.object, c.d.from
		b.reader, b.raw = content.New(c.s.env.Limits, "", func(p []byte) { o.write(from, p) }), true
	}
}

func (s *stream) documents() bool { return s.env.Want.Has(events.KindHTTPDocument) }

// readDocument lets the front of the body that has just begun, if there is
// one, be read by questions. manifest: its target is named like one.
func (c *call) readDocument(manifest bool) {
	b := &c.d.body
	if b.of == "" || !c.s.documents() {
		return
	}
	if content.IsDocument(b.mediaType, manifest) {
		b.document = content.NewDocument(c.s.env.Limits, b.codings)
	}
}

// tellDocument tells what was read for questions of the body that is over.
func (s *stream) tellDocument(d *side, complete bool, out decoders.Sink) {
	b := &d.body
	if b.document == nil {
		return
	}
	e := &events.HTTPDocument{RequestFrame: b.frame, ContentType: b.mediaType}
	e.Bytes, e.Whole = b.document.End(complete, out)
	b.document = nil
	out.Emit(d.from, e)
}
