package tls

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// stage is how far the handshake of a connection is.
type stage uint8

const (
	unheard stage = iota // no ClientHello yet
	open                 // between the ClientHello and the end
	told                 // tls.handshake was told
)

// progress is what both sides together have said.
type progress struct {
	stage      stage
	first      decoders.Mark // of the first ClientHello
	helloFrame uint64        // of the last ClientHello
	helloForm2 bool          // and it has the form and the version of SSL 2
	session    [32]byte      // of the last ClientHello
	sessionLen int
	version    uint16     // chosen; 0: no ServerHello yet
	last       events.Dir // who spoke last
	trips      int
	sent       bool // the client has sent its data: trips counts no more
	torn       bool // bytes were lost on the way

	offersEarly, early        bool // early data is announced, is sent
	retried, psk              bool // HelloRetryRequest; the server took a pre-shared key
	resumed, full             bool // a session goes on; ServerHelloDone was seen
	ticket, clientAuth        bool
	finished                  [2]bool // TLS 1.2 and older: Finished was seen
	serverFlight, clientSends bool    // TLS 1.3: encrypted records of the server, and after it of the client
}

// nothingKnown says that no hello was seen: the bytes may be from midway.
func (p *progress) nothingKnown() bool { return p.stage == unheard && p.version == 0 }

// ssl2 says that the client speaks SSL 2 itself, whose records have no
// header that is known here.
func (p *progress) ssl2() bool { return p.helloForm2 }

func (p *progress) clientHello(h *clientHello, first decoders.Mark, frame uint64) {
	if p.stage == unheard {
		p.stage, p.first, p.last = open, first, events.FromClient
	}
	p.helloFrame = frame
	p.helloForm2 = h.version == 2
	p.sessionLen = copy(p.session[:], h.session)
	p.offersEarly = h.early
}

// serverHello says whether the server resumes a session, and whether that is
// sure: what was lost of the client may have told otherwise.
func (p *progress) serverHello(h *serverHello) (resumed, sure bool) {
	p.version = h.chosen
	switch {
	case h.retry:
		p.retried = true
		return false, true
	case is13(h.chosen): // the session ID is only an echo (RFC 8446 section 4.1.3)
		p.psk, p.resumed = h.psk, h.psk
		return h.psk, true
	case len(h.session) == 0:
		return false, true
	}
	// RFC 5246 section 7.4.1.3; for tickets RFC 5077 section 3.4.
	p.resumed = bytes.Equal(h.session, p.session[:p.sessionLen])
	return p.resumed, p.stage != unheard
}

// changeCipherSpec without a ServerHelloDone before it is the short handshake
// of a session that goes on (RFC 5246 section 7.3), whatever its ID says.
func (p *progress) changeCipherSpec(from events.Dir) {
	if from == events.FromServer && p.version != 0 && !is13(p.version) && !p.full && !p.torn {
		p.resumed = true
	}
}

// turn counts a round trip when the server speaks after the client.
func (p *progress) turn(from events.Dir) {
	if p.stage != open || p.sent {
		return
	}
	if from == events.FromServer && p.last == events.FromClient {
		p.trips++
	}
	p.last = from
}

// applicationData looks at the beginning of a record of application data,
// which in TLS 1.3 is any encrypted record.
func (c *call) applicationData() {
	p, from := &c.s.progress, c.d.from
	switch {
	case p.stage != open:
	case p.version == 0:
		p.early = p.early || from == events.FromClient && p.offersEarly
	case !is13(p.version):
		// Who sends data has sent its Finished; the client may not have
		// waited for the server's (RFC 7918).
		p.sent = p.sent || from == events.FromClient
		c.finished(from)
	case from == events.FromServer:
		p.serverFlight = true
	default:
		p.clientSends = p.serverFlight
	}
}

// applicationEnd looks at the end of such a record. TLS 1.3: the first one of
// the client behind the server's flight is its Finished, or what goes with it.
func (c *call) applicationEnd() {
	if c.d.from == events.FromClient && c.s.progress.clientSends {
		c.tellHandshake(true)
	}
}

// finished says that the Finished of a side was seen (TLS 1.2 and older).
func (c *call) finished(from events.Dir) {
	p := &c.s.progress
	p.finished[from] = true
	if p.finished[0] && p.finished[1] && p.version != 0 {
		c.tellHandshake(true)
	}
}

// broken tells of a handshake that did not come to its end before the
// connection did. Whether it would have is not known where the capture ended
// first, nor where bytes were lost.
func (c *call) broken(why events.Ending) {
	p := &c.s.progress
	if p.torn || c.s.quic {
		return
	}
	// Nor where the server was never heard, and the client went on.
	unheard := p.version == 0 && c.s.sides[events.FromClient].changed
	p.torn = unheard || why == events.EndCaptureOver || why == events.EndEvicted
	c.tellHandshake(false)
}

// tellHandshake sums up.
func (c *call) tellHandshake(done bool) {
	p := &c.s.progress
	if p.stage != open {
		return
	}
	p.stage = told
	if !c.s.env.Want.Has(events.KindTLSHandshake) {
		return
	}
	e := &events.TLSHandshake{
		Done: done, RoundTrips: p.trips, EarlyData: p.early, Resumed: p.resumed, Ticket: p.ticket, ClientAuth: p.clientAuth,
		Duration: c.s.now.Sub(p.first.Time), FirstFrame: p.first.Frame,
	}
	if p.version != 0 {
		e.Version = Version(p.version)
	}
	if p.early && p.psk && !p.retried {
		e.RoundTrips = 0
	}
	if p.torn {
		c.out.Truncated(c.w.From, e)
	} else {
		c.out.Emit(c.w.From, e)
	}
}
