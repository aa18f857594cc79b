package tls

import (
	"encoding/asn1"
	"time"

	"github.com/wiretale/wiretale/events"
)

// element reads one element of DER (X.690 section 8.1): its tag, content and
// whole form. Content that is cut short is what there is of it.
func element(b []byte) (tag byte, content, whole, rest []byte) {
	if len(b) < 2 {
		return 0, nil, nil, nil
	}
	head, size := 2, int(b[1])
	if b[1]&0x80 != 0 {
		n := int(b[1] & 0x7f)
		if n == 0 || n > 4 || len(b) < 2+n {
			return 0, nil, nil, nil
		}
		head, size = 2+n, 0
		for _, x := range b[2 : 2+n] {
			size = size<<8 | int(x)
		}
	}
	size = min(size, len(b)-head)
	return b[0], b[head : head+size], b[:head+size], b[head+size:]
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
// until something is not where it should be.
func readBroken(der []byte, e *events.TLSCertificate) {
	tag, cert, _, _ := element(der)
	if tag != tagSequence {
		return
	}
	tag, rest, _, _ := element(cert)
	if tag != tagSequence {
		return
	}
	tag, content, whole, next := element(rest)
	if tag == tagVersion {
		tag, content, _, next = element(next)
	}
	if tag != tagInteger {
		return
	}
	e.Serial = serial(content)
	_, _, _, next = element(next) // the signature's algorithm
	if tag, _, whole, next = element(next); tag != tagSequence {
		return
	}
	e.Issuer = rdnText(whole)
	if tag, content, _, next = element(next); tag != tagSequence {
		return
	}
	tag, from, _, to := element(content)
	e.NotBefore = brokenTime(tag, from)
	tag, to, _, _ = element(to)
	e.NotAfter = brokenTime(tag, to)
	if tag, _, whole, _ = element(next); tag == tagSequence {
		e.Subject = rdnText(whole)
	}
}

// brokenTime is a time of any form that UTCTime and GeneralizedTime have in
// BER; "" where it has none.
func brokenTime(tag byte, b []byte) string {
	var layouts []string
	switch tag {
	case tagUTC:
		layouts = []string{"060102150405Z0700", "0601021504Z0700"}
	case tagGeneral:
		layouts = []string{"20060102150405Z0700", "200601021504Z0700"}
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, string(b)); err == nil {
			if tag == tagUTC && t.Year() >= 2050 { // RFC 5280 section 4.1.2.5.1
				t = t.AddDate(-100, 0, 0)
			}
			return rfc3339(t)
		}
	}
	return ""
}
