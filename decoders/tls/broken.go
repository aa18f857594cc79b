package tls

import (
	"encoding/asn1"
	"time"

	"github.com/wiretale/wiretale/events"
)

// element is one element of DER (X.690 section 8.1).
type element struct {
	tag            byte
	content, whole []byte
	cut            bool // its end is missing
}

// next reads the element at the front of b, and what follows it.
func next(b []byte) (e element, rest []byte) {
	if len(b) < 2 {
		return element{cut: true}, nil
	}
	head, size := 2, int(b[1])
	if b[1]&0x80 != 0 {
		n := int(b[1] & 0x7f)
		if n == 0 || n > 4 || len(b) < 2+n {
			return element{cut: true}, nil
		}
		head, size = 2+n, 0
		for _, x := range b[2 : 2+n] {
			size = size<<8 | int(x)
		}
	}
	cut := size > len(b)-head
	size = min(size, len(b)-head)
	return element{b[0], b[head : head+size], b[:head+size], cut}, b[head+size:]
}

// Tags of the elements that readBroken meets.
const (
	tagInteger  = asn1.TagInteger
	tagUTC      = asn1.TagUTCTime
	tagGeneral  = asn1.TagGeneralizedTime
	tagSequence = 0x20 | asn1.TagSequence
	tagVersion  = 0xa0 // [0] EXPLICIT
)

// readBroken reads from the front of a certificate (RFC 5280 section 4.1)
// until something is not where it should be, or is not whole.
func readBroken(der []byte, e *events.TLSCertificate) {
	cert, _ := next(der)
	tbs, _ := next(cert.content)
	if cert.tag != tagSequence || tbs.tag != tagSequence {
		return
	}
	x, rest := next(tbs.content)
	if x.tag == tagVersion {
		x, rest = next(rest)
	}
	if x.tag != tagInteger || x.cut {
		return
	}
	e.Serial = serial(x.content)
	_, rest = next(rest) // the signature's algorithm
	if x, rest = next(rest); x.tag != tagSequence || x.cut {
		return
	}
	e.Issuer = rdnText(x.whole)
	if x, rest = next(rest); x.tag != tagSequence {
		return
	}
	from, to := next(x.content)
	e.NotBefore = brokenTime(from)
	until, _ := next(to)
	e.NotAfter = brokenTime(until)
	if x, _ = next(rest); x.tag == tagSequence && !x.cut {
		e.Subject = rdnText(x.whole)
	}
}

// brokenTime is a time of any form that UTCTime and GeneralizedTime have in
// BER; "" where it has none.
func brokenTime(x element) string {
	var layouts []string
	switch x.tag {
	case tagUTC:
		layouts = []string{"060102150405Z0700", "0601021504Z0700"}
	case tagGeneral:
		layouts = []string{"20060102150405Z0700", "200601021504Z0700"}
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, string(x.content)); err == nil && !x.cut {
			if x.tag == tagUTC && t.Year() >= 2050 { // RFC 5280 section 4.1.2.5.1
				t = t.AddDate(-100, 0, 0)
			}
			return rfc3339(t)
		}
	}
	return ""
}
