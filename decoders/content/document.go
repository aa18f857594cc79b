package content

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Document collects the first bytes of a body that some question must read,
// without its codings: no more than Limits.DocumentBytes of it are held. All
// methods may be called on nil, which collects nothing.
type Document struct {
	limits *events.Limits
	reader *Reader
	bytes  []byte
	wire   int64
	full   bool // there is more than the limit
	torn   bool // what follows was not captured
}

// IsDocument reports whether a body of that type is one that questions read:
// a page, a style sheet, or the manifest of a film. Servers have no good name
// for manifests: named says that the target is one of IsManifestName.
func IsDocument(mediaType string, named bool) bool {
	t, _, _ := strings.Cut(mediaType, ";")
	switch t = strings.TrimRight(t, " \t"); {
	case fold(t, "text/html"), fold(t, "application/xhtml+xml"), fold(t, "text/css"), isManifestType(t):
		return true
	case t == "", fold(t, "text/plain"), fold(t, "text/xml"), fold(t, "application/xml"), fold(t, "application/octet-stream"):
		return named
	}
	return false
}

// isManifestType: ISO/IEC 23009-1 annex C; RFC 8216 section 4, and what stood
// for it before.
func isManifestType(t string) bool {
	for _, m := range [...]string{"application/dash+xml", "application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"} {
		if fold(t, m) {
			return true
		}
	}
	return false
}

// IsManifestName reports whether a target ends like the manifest of a film.
func IsManifestName(target string) bool {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i]
	}
	n := len(target)
	return n > 4 && fold(target[n-4:], ".mpd") || n > 5 && fold(target[n-5:], ".m3u8")
}

func fold(s, lower string) bool { return len(s) == len(lower) && strings.EqualFold(s, lower) }

// NewDocument makes a Document for a body with these codings (see New). Nil:
// one is not known.
func NewDocument(limits *events.Limits, codings string) *Document {
	d := &Document{limits: limits}
	d.reader = New(limits, codings, d.take)
	if d.reader == nil {
		return nil
	}
	d.reader.sum = nil
	return d
}

func (d *Document) take(p []byte) {
	if n := d.limits.DocumentBytes - len(d.bytes); len(p) > n {
		p, d.full = p[:n], true
	}
	d.bytes = append(d.bytes, p...)
}

// Reading reports whether it takes more bytes.
func (d *Document) Reading() bool { return d != nil && !d.full && !d.torn }

// Write takes the next bytes of the body; p is read before it returns.
func (d *Document) Write(p []byte) {
	if !d.Reading() {
		return
	}
	d.wire += int64(len(p))
	if d.reader.Write(p); d.full {
		d.reader.Abandon()
	}
}

// Lose says that the next bytes of the body were not captured: what is after
// them cannot be read.
func (d *Document) Lose() {
	if d != nil {
		d.torn = true
		d.reader.Abandon()
	}
}

// End says what was collected: the bytes, which are the caller's, and whether
// they are the whole body, which complete says has come. Nothing may be
// called after it.
func (d *Document) End(complete bool, out decoders.Sink) (b []byte, whole bool) {
	if d == nil {
		return nil, false
	}
	if d.Reading() && complete {
		d.reader.eof = true
		if d.reader.next != nil {
			d.reader.resume()
		}
		whole = d.reader.err == nil && !d.full
	}
	d.reader.Abandon()
	if d.full {
		out.Limit("document-bytes", d.limits.DocumentBytes, "a page or manifest is longer; the rest of it is not read", d.wire)
	}
	return d.bytes, whole
}
