package tls

import "github.com/wiretale/wiretale/events"

// Content types of records (RFC 8446 section 5.1; RFC 6520 section 3).
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23
	typeHeartbeat        = 24
)

// maxRecord is the largest length of a record: 2^14 and what TLS 1.2 allows
// compression and encryption to add (RFC 5246 section 6.2.3).
const maxRecord = 1<<14 + 2048

// recordHeader reads as much of the header of a record as is there. ok: it
// can be one.
func recordHeader(b []byte) (size int, ok bool) {
	switch {
	case len(b) > 0 && (b[0] < typeChangeCipherSpec || b[0] > typeHeartbeat),
		len(b) > 1 && b[1] != 3,
		len(b) > 2 && b[2] > 4:
		return 0, false
	case len(b) < 5:
		return 0, true
	}
	size = int(u16(b[3:]))
	switch b[0] {
	case typeChangeCipherSpec:
		return size, size == 1
	case typeAlert:
		return size, size >= 2 && size <= maxRecord
	case typeApplicationData: // may be empty (RFC 5246 section 6.2.1)
		return size, size <= maxRecord
	}
	return size, size > 0 && size <= maxRecord
}

// header begins the record whose header has come.
func (c *call) header() error {
	d, s := c.d, c.s
	d.n = 0
	first := !d.begun
	if first && ssl2Front(d.head[:]) {
		return c.ssl2()
	}
	size, ok := recordHeader(d.head[:])
	if !ok {
		if !s.spoken {
			return errNoRecord
		}
		d.state, d.msg = blind, nil
		if !s.progress.ssl2() {
			c.violation("no record where one should begin")
		}
		return nil
	}
	s.spoken, d.begun = true, true
	d.left = int64(size)
	if d.head[0] == typeApplicationData || d.from == events.FromServer {
		s.minor = d.head[2] + 1
	}
	d.state, d.content = passing, nothing
	switch d.head[0] {
	case typeChangeCipherSpec:
		d.content = cipherChange
		if !is13(s.progress.version) { // there it means nothing, and comes whenever (RFC 8446 appendix D.4)
			s.progress.turn(d.from)
		}
	case typeAlert:
		if size == 2 { // no cipher makes an alert that short
			d.state = inAlert
		} else {
			d.content = closedAlert
		}
	case typeHandshake:
		s.progress.turn(d.from)
		switch {
		case d.changed && !is13(s.progress.version):
			d.content = closedHandshake
		case !d.torn:
			d.state = inMessages
		}
	case typeApplicationData:
		d.content = application
		c.applicationData()
	}
	c.ended()
	return nil
}

// ended goes on with the next record where this one is over.
func (c *call) ended() {
	d := c.d
	if d.left > 0 {
		return
	}
	st := d.state
	d.state = inHeader
	switch st {
	case inAlert:
		d.n = 0
		c.alert(d.head[0], d.head[1])
	case inSSL2:
		msg := d.msg
		d.msg = nil
		c.tellClientHello(parseSSL2Hello(msg), d.headAt)
	case passing:
		switch d.content {
		case cipherChange:
			d.changed, d.msg = true, nil
			c.s.progress.changeCipherSpec(d.from)
		case closedAlert:
			c.closedAlert()
		case closedHandshake:
			c.finished(d.from)
		case application:
			c.applicationEnd()
		}
	}
}

// ssl2 begins a CLIENT-HELLO in the form of SSL 2: two bytes of length, and
// the message (RFC 5246 appendix E.2).
func (c *call) ssl2() error {
	d := c.d
	c.s.spoken, d.begun = true, true
	size := int64(u16(d.head[:])&0x7fff) - 3
	if size > int64(c.s.env.Limits.TLSHandshake) {
		c.tooLarge(int(size))
		d.state, d.content, d.left = passing, nothing, size
		return nil
	}
	d.msg = append(d.msg[:0], d.head[2:]...)
	d.state, d.left = inSSL2, size
	return nil
}

// ssl2Front knows the first five bytes of a CLIENT-HELLO of SSL 2.
func ssl2Front(b []byte) bool {
	return b[0]&0x80 != 0 && u16(b)&0x7fff >= 9 && b[2] == typeClientHello && (b[3] == 3 && b[4] <= 4 || b[3] == 0 && b[4] == 2)
}

// alert tells an alert in clear (RFC 8446 section 6).
func (c *call) alert(level, description byte) {
	if level != 1 && level != 2 {
		c.violation("an alert of level " + decimal(uint64(level)) + ", description " + decimal(uint64(description)))
		return
	}
	if c.s.env.Want.Has(events.KindTLSAlert) {
		c.out.Emit(c.w.From, &events.TLSAlert{Level: [...]string{"warning", "fatal"}[level-1], Description: Alert(description)})
	}
	if level == 2 {
		c.tellHandshake(false)
	}
}

// closedAlert tells that there was an alert which cannot be read.
func (c *call) closedAlert() {
	if c.s.env.Want.Has(events.KindTLSAlert) {
		c.out.Emit(c.w.From, &events.TLSAlert{Encrypted: true})
	}
}
