package mail

import (
	"bytes"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// header is the header of a message or a part that is being read.
type header struct {
	field  []byte // the field so far, unfolded; empty: none
	fields int    // begun
	entity entity
}

// entity is what the header says of its body: the values of the fields of
// RFC 2045 and RFC 2183, as on the wire.
type entity struct {
	contentType, encoding, disposition string
	digest                             bool // a part of a digest
	bare                               bool // there is no header
}

// begin starts a field with its first line.
func (h *header) begin(line []byte) {
	h.field = append(h.field[:0], line...)
	h.fields++
}

// fold adds a line that goes on with the field (RFC 5322 section 2.2.3).
func (h *header) fold(line []byte) {
	if len(h.field) > 0 {
		h.field = append(append(h.field, ' '), bytes.TrimLeft(line, " \t")...)
	}
}

// drop forgets the field in progress.
func (h *header) drop() { h.field = h.field[:0] }

// any: a field has begun in this header.
func (h *header) any() bool { return h.fields > 0 }

// reset makes h ready for another header.
func (h *header) reset() { h.field, h.fields, h.entity = h.field[:0], 0, entity{} }

// isField reports whether line begins a field: a name of printable bytes, and
// a colon, with blanks before it as RFC 822 had it (RFC 5322 section 4.5).
func isField(line []byte) bool {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return false
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// isFrom reports whether line is the envelope line of a mailbox file (RFC 4155),
// which some mailers leave at the head of a message.
func isFrom(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

func blank(line []byte) bool { return len(bytes.TrimLeft(line, " \t")) == 0 }

// flushField ends the field in progress.
func (m *walker) flushField() {
	h := &m.header
	if len(h.field) == 0 {
		return
	}
	i := bytes.IndexByte(h.field, ':')
	name, value := bytes.TrimRight(h.field[:i], " \t"), bytes.Trim(h.field[i+1:], " \t")
	if len(m.levels) == 0 {
		m.list(string(name), string(value))
	}
	var to *string
	switch {
	case equal(name, "content-type"):
		to = &h.entity.contentType
	case equal(name, "content-transfer-encoding"):
		to = &h.entity.encoding
	case equal(name, "content-disposition"):
		to = &h.entity.disposition
	}
	if to != nil && *to == "" {
		*to = string(value)
	}
	h.field = h.field[:0]
}

func equal(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// list keeps a field of the message's own header.
func (m *walker) list(name, value string) {
	msg := &m.msg
	msg.Headers = append(msg.Headers, events.Header{name, value})
	switch strings.ToLower(name) {
	case "from":
		first(&msg.From, value)
	case "subject":
		first(&msg.Subject, value)
	case "date":
		first(&msg.Date, value)
	case "message-id":
		first(&msg.MessageID, value)
	case "to":
		all(&msg.To, value)
	case "cc":
		all(&msg.Cc, value)
	}
}

// first sets a text that stands once in a header; of several the first counts.
func first(to *string, value string) {
	if *to == "" {
		*to = decodeText(value)
	}
}

// all adds a list of addresses. RFC 5322 section 3.6 allows one field; some
// mailers send one for each address.
func all(to *string, value string) {
	if *to != "" {
		*to += ", "
	}
	*to += decodeText(value)
}
