package mail

import "github.com/wiretale/wiretale/events"

// fault is one thing that breaks the rules and that mailers are known to send.
type fault uint

const (
	noColon fault = iota
	headerOnly
	bareLF
	bareCR
	noBoundary
	noEnd
	twoTransfer
	badTransfer
	notBase64
	nFaults
)

var faultReasons = [nFaults]string{
	noColon:     "a header line without a colon ends the header (RFC 5322 section 2.2)",
	headerOnly:  "no empty line between the header and the boundary (RFC 2046 section 5.1)",
	bareLF:      "bare LF in a message (RFC 5322 section 2.3)",
	bareCR:      "bare CR in a header (RFC 5322 section 2.3)",
	noBoundary:  "multipart without a usable boundary (RFC 2046 section 5.1.1)",
	noEnd:       "multipart without its end boundary (RFC 2046 section 5.1.1)",
	twoTransfer: "transfer encoding of a multipart or a message is not an identity (RFC 2045 section 6.4)",
	badTransfer: "unknown transfer encoding (RFC 2045 section 6.1)",
	notBase64:   "bytes outside of the alphabet in base64 (RFC 2045 section 6.8)",
}

// tell says f, once a message.
func (m *walker) tell(f fault) {
	if m.told&(1<<f) == 0 {
		m.told |= 1 << f
		m.out.Emit(m.from, &events.FlowViolation{Protocol: name, Reason: faultReasons[f]})
	}
}
