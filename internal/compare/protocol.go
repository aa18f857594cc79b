package compare

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// protocols are all tables. A new protocol is one more entry.
var protocols = []*protocol{&dns, &http1, &http2, &tcp, &tls, &quic, &bittorrent, &ftp, &websocket, &dht, &utp, &lsd, &smtp, &mail, &pop3, &imap}

// protocol is what is compared of one protocol.
type protocol struct {
	name   string
	fields []field
	// extra are further fields of Wireshark, that reader.aside looks at.
	extra []string
	// args are further arguments of tshark.
	args []string
	// as is tshark's name of the protocol where tshark does not look for it on
	// every TCP port: it is told the ports on which we found nothing else.
	as string
	// later, when not "", is one of extra: the numbers of the frames of which
	// tshark put together what it shows in this one (it waits for a whole
	// record of TLS). What we say in one of those, it says here.
	later string
	// kinds and questions are what the reader wants of wiretale.
	kinds     []events.Kind
	questions []analyzers.Question
	reader    func() reader
	// decoded: what we say on a stream on which tshark shows no field of this
	// protocol at all is counted apart.
	decoded bool
	// outside says why what tshark shows in a frame is not looked at ("": it
	// is). path is tshark's frame.protocols.
	outside func(path []string) string
}

// field is one field of Wireshark, and how the same is read from what we say.
type field struct {
	name string
	of   func(m *message, add func(string))
	// wire turns a value of tshark's into the form that of gives; nil: it is.
	wire func(string) string
	// near: values are seconds and equal within a microsecond.
	near bool
	// innermost: where tshark shows several in one frame (tunnels), the last
	// one counts.
	innermost bool
	// told: only frames in which we say something are looked at.
	told bool
}

// message is one thing that we say, at the frame at which tshark would say
// it. What does not apply is nil or 0.
type message struct {
	frame   uint64
	event   *events.Event
	row     any
	request uint64 // frame of the request that this response answers
	// partial: its end was not captured. tshark shows such a message at
	// another frame, or never.
	partial bool
}

// reader turns what wiretale says of one capture into messages.
type reader interface {
	event(e *events.Event, tell func(message))
	row(r *analyzers.Row, tell func(message))
	// end tells what was held back.
	end(tell func(message))
	// aside says why a difference does not count ("": it does).
	aside(d *Difference, its *theirs) string
}

// plain is the reader of a protocol whose messages stand where they end.
type plain struct{}

func (plain) event(e *events.Event, tell func(message)) { tell(message{frame: e.Pos.Frame, event: e}) }
func (plain) row(*analyzers.Row, func(message))         {}
func (plain) end(func(message))                         {}
func (plain) aside(*Difference, *theirs) string         { return "" }
