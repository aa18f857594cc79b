package decoders

import "github.com/wiretale/wiretale/events"

// HintMail is handed over with Open of "mail": a message (RFC 5322) that
// another protocol carries. What the feed is given are the bytes of the
// message itself, without dot-stuffing, terminator or literal's length.
//
// The end of the feed says how the message ended: End of side From with
// events.EndFIN where the carrier saw its proper end, with any other ending
// where it broke off. The mail.message comes out within that call, so its
// frame is that of the packet being worked on.
type HintMail struct {
	Via string // smtp, pop3, imap
	// From is the side whose bytes the message is. End of the other side says
	// nothing.
	From events.Dir
	// EnvelopeFrom and EnvelopeTo are the addresses of MAIL and of the RCPTs
	// that were not refused (RFC 5321 section 3.3), without angle brackets.
	EnvelopeFrom string
	EnvelopeTo   []string
	// Torn: what the carrier tells here was not captured as a whole.
	Torn bool
	// Section names what part of a message this is, as it was asked for ("TOP
	// 10", "BODY[HEADER]", "BODY[1.2]<0.512>"); "": the whole message.
	Section string
	// NoHeader: the bytes begin with a body (IMAP "BODY[TEXT]", "BODY[1]").
	NoHeader bool
}

// WantsMail reports whether somebody listens to what a message inside another
// protocol would say. Otherwise "mail" need not be opened.
func (e *Env) WantsMail() bool {
	return e.Want == nil || e.Want.Has(events.KindMailMessage) || e.Want.Has(events.KindContentPart) || e.Want.Has(events.KindContentEnd)
}
