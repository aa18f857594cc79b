package truthcheck

import (
	"strings"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// Want are the kinds of events that a Reader reads.
var Want = events.SetOf(
	events.KindDNSMessage, events.KindHTTPRequest, events.KindHTTPResponse, events.KindHTTPBody,
	events.KindSMTPCommand, events.KindSMTPReply, events.KindPOP3Command, events.KindPOP3Reply,
	events.KindIMAPCommand, events.KindIMAPResponse, events.KindFTPCommand, events.KindFTPReply, events.KindFTPData,
	events.KindMailMessage, events.KindBitTorrentHandshake, events.KindBitTorrentMessage,
	events.KindTrackerRequest, events.KindTrackerResponse, events.KindDHTMessage,
	events.KindTLSClientHello, events.KindTLSServerHello, events.KindTCPRetransmission, events.KindTCPOutOfOrder, events.KindTCPKeepAlive, events.KindTCPLost, events.KindFlowEnd,
)

// Reader turns events into messages. Its zero value is ready. Events must come
// in Pos order, of a run with Hash and ShowSecrets set.
type Reader struct {
	out   []Message
	http  map[httpSide]*httpTurn
	again map[oneSide]*sentAgain
}

// oneSide is one direction of a conversation.
type oneSide struct {
	stream events.StreamKey
	from   events.Dir
}

// httpSide is one stream of a connection: 0 for all of HTTP/1.
type httpSide struct {
	stream events.StreamKey
	layer  string
	http   uint64
}

// httpTurn are the requests that wait for a response, and the two heads that
// wait for their bodies.
type httpTurn struct {
	asked   []httpText
	ordinal int
	open    [2]*openHTTP // by events.Dir of the sender
}

type openHTTP struct {
	text httpText
	at   int // index in Reader.out
}

// Messages are those of all events so far, in the order of their frames. A
// message with a body stands where its head was complete.
func (r *Reader) Messages() []Message { return r.out }

// Event takes one event.
func (r *Reader) Event(e *events.Event) {
	client := e.From == events.FromClient
	switch b := e.Body.(type) {
	case *events.DNSMessage:
		kind := truth.DNSQuery
		if b.Response {
			kind = truth.DNSResponse
		}
		dns(r.add(e, kind), dnsOf(b))
	case *events.HTTPRequest:
		r.request(e, b)
	case *events.HTTPResponse:
		r.response(e, b)
	case *events.HTTPBody:
		r.body(e, b)
	case *events.SMTPCommand:
		line(r.add(e, truth.SMTPCommand), words(b.Verb, b.Args), nil)
	case *events.SMTPReply:
		line(r.add(e, truth.SMTPReply), code(b.Code), b.Lines)
	case *events.POP3Command:
		line(r.add(e, truth.POP3Command), words(b.Verb, b.Args), nil)
	case *events.POP3Reply:
		status := "-ERR"
		switch {
		case b.Continue:
			status = "+"
		case b.OK:
			status = "+OK"
		}
		line(r.add(e, truth.POP3Reply), status, append([]string{b.Text}, b.Lines...))
	case *events.IMAPCommand:
		line(r.add(e, truth.IMAPCommand), words(b.Tag, b.Verb, b.Args), nil)
	case *events.IMAPResponse:
		line(r.add(e, truth.IMAPResponse), words(b.Tag, b.Status), []string{words(number(signed(b.Number)), b.Name, b.Text)})
	case *events.FTPCommand:
		line(r.add(e, truth.FTPCommand), words(b.Verb, b.Args), nil)
	case *events.FTPReply:
		line(r.add(e, truth.FTPReply), code(b.Code), b.Lines)
	case *events.FTPData:
		object(r.add(e, truth.FTPData), client, &truth.Object{Name: b.Path, Bytes: b.Bytes, SHA256: b.SHA256})
	case *events.MailMessage:
		o := truth.Object{Name: b.MessageID, Bytes: b.Bytes, SHA256: unknown}
		for _, p := range b.Parts {
			o.Parts = append(o.Parts, truth.Part{ContentType: p.ContentType, Filename: p.Filename, Encoding: p.Encoding, Bytes: p.Bytes, SHA256: p.SHA256})
		}
		object(r.add(e, truth.MailMessage), client, &o)
	case *events.BitTorrentHandshake:
		wire(r.add(e, truth.BitTorrent), client, &truth.Wire{Type: "handshake", InfoHash: b.InfoHash, PeerID: b.PeerID, Reserved: b.Reserved})
	case *events.BitTorrentMessage:
		wire(r.add(e, truth.BitTorrent), client, &truth.Wire{Type: b.Type, InfoHash: b.InfoHash, Piece: signed(b.Piece), Begin: signed(b.Begin),
			Length: signed(b.Length), Pieces: b.Pieces, Extension: b.Extension, Port: b.Port, Peers: b.Peers, Dropped: b.Dropped})
	case *events.TrackerRequest:
		wire(r.add(e, truth.Tracker), true, &truth.Wire{Type: b.Action, InfoHash: b.InfoHash, PeerID: b.PeerID, Port: b.Port, Event: b.Event,
			Uploaded: b.Uploaded, Downloaded: b.Downloaded, Left: b.Left, Transaction: b.Transaction, ConnectionID: b.ConnectionID})
	case *events.TrackerResponse:
		wire(r.add(e, truth.Tracker), false, &truth.Wire{Type: b.Action, InfoHash: unknown, Interval: b.Interval, Seeders: b.Seeders,
			Leechers: b.Leechers, Peers: b.Peers, Transaction: b.Transaction, ConnectionID: b.ConnectionID})
	case *events.DHTMessage:
		wire(r.add(e, truth.DHT), client, &truth.Wire{Type: b.Type, Query: b.Query, InfoHash: b.InfoHash, Port: b.Port, Transaction: b.Transaction,
			ID: b.ID, Target: b.Target, Nodes: b.Nodes, Values: b.Values, Token: b.Token})
	case *events.TLSClientHello, *events.TLSServerHello:
		from(r.add(e, truth.TLSHello), client)
	case *events.TCPSegment:
		k := oneSide{e.Key(), e.From}
		if r.again == nil {
			r.again = map[oneSide]*sentAgain{}
		}
		if r.again[k] == nil {
			r.again[k] = new(sentAgain)
		}
		r.again[k].segment(b)
	case *events.FlowEnd:
		r.end(e, b)
	}
}

// add opens a message in the order of events.
func (r *Reader) add(e *events.Event, kind truth.Kind) *Message {
	client, server := e.Flow.Ends()
	r.out = append(r.out, Message{Kind: kind, Client: client, Server: server, Proto: e.Flow.Transport(), Frame: e.Pos.Frame, Sent: len(r.out),
		FromClient: e.From == events.FromClient})
	return &r.out[len(r.out)-1]
}

func (r *Reader) turn(e *events.Event, stream uint64) *httpTurn {
	k := httpSide{e.Key(), e.Layer, stream}
	if r.http == nil {
		r.http = map[httpSide]*httpTurn{}
	}
	t := r.http[k]
	if t == nil {
		t = &httpTurn{}
		r.http[k] = t
	}
	return t
}

func (r *Reader) request(e *events.Event, b *events.HTTPRequest) {
	t := r.turn(e, b.HTTPStream)
	h := httpText{method: b.Method, url: urlOf(e, b), complete: true}
	if b.HTTPStream == 0 {
		t.ordinal++
		h.ordinal = t.ordinal
	}
	t.asked = append(t.asked, h)
	h.contentType, h.fields = events.Get(b.Headers, "Content-Type"), fieldsOf(b.Headers)
	r.head(e, truth.HTTPRequest, t, &h, b.HasBody)
}

func (r *Reader) response(e *events.Event, b *events.HTTPResponse) {
	if b.Interim {
		return
	}
	t := r.turn(e, b.HTTPStream)
	var h httpText
	if len(t.asked) > 0 {
		h, t.asked = t.asked[0], t.asked[1:]
	}
	h.status, h.complete = b.Status, true
	h.contentType, h.fields = events.Get(b.Headers, "Content-Type"), fieldsOf(b.Headers)
	r.head(e, truth.HTTPResponse, t, &h, b.HasBody)
}

// head adds a message; one with a body is broken off until that is there.
func (r *Reader) head(e *events.Event, kind truth.Kind, t *httpTurn, h *httpText, body bool) {
	m := r.add(e, kind)
	if body {
		h.complete = false
		t.open[e.From&1] = &openHTTP{text: *h, at: len(r.out) - 1}
	}
	h.fill(m)
	if h.ordinal == 0 {
		m.maybe[0] = unknown // nothing orders the streams of HTTP/2
	}
}

func (r *Reader) body(e *events.Event, b *events.HTTPBody) {
	t := r.turn(e, b.HTTPStream)
	o := t.open[e.From&1]
	if o == nil {
		return
	}
	t.open[e.From&1] = nil
	m := &r.out[o.at]
	h := &o.text
	h.bytes, h.complete, h.sha256 = b.Bytes, b.Complete, b.SHA256
	h.fill(m)
	if h.ordinal == 0 {
		m.maybe[0] = unknown
	}
	if b.ContentEncoding != "" || b.Bytes > 0 && b.SHA256 == "" {
		m.maybe[2] = unknown // the hash is of what the coding holds
	}
}

// urlOf is the target URI of a request (RFC 9110 section 7.1).
func urlOf(e *events.Event, b *events.HTTPRequest) string {
	if !strings.HasPrefix(b.Target, "/") {
		return b.Target // absolute, authority or asterisk form
	}
	scheme := b.Scheme
	if scheme == "" {
		scheme = "http"
		if strings.Contains(e.Layer, "/tls") {
			scheme = "https"
		}
	}
	return scheme + "://" + b.Host + b.Target
}

// end tells the bytes of flows that cannot be read.
func (r *Reader) end(e *events.Event, b *events.FlowEnd) {
	if !b.Encrypted && b.Protocol != "tls" && b.Protocol != "quic" {
		return
	}
	for from, bytes := range [2]uint64{b.ClientBytes, b.ServerBytes} {
		n := int64(bytes)
		if a := r.again[oneSide{e.Key(), events.Dir(from)}]; a != nil {
			n -= a.bytes
		}
		if n > 0 {
			object(r.add(e, truth.Encrypted), from == int(events.FromClient), &truth.Object{Bytes: n, SHA256: unknown})
		}
	}
}

func signed(n *uint32) *int {
	if n == nil {
		return nil
	}
	i := int(*n)
	return &i
}

func dnsOf(b *events.DNSMessage) *truth.DNS {
	d := &truth.DNS{ID: b.ID, Rcode: b.Rcode, Size: b.Size, Answer: recordsOf(b.Answer), Authority: recordsOf(b.Authority), Additional: recordsOf(b.Additional)}
	for _, q := range b.Question {
		d.Question = append(d.Question, truth.Question(q))
	}
	for i, set := range []bool{b.AA, b.TC, b.RD, b.RA, b.AD, b.CD} {
		if set {
			d.Flags = append(d.Flags, [...]string{"aa", "tc", "rd", "ra", "ad", "cd"}[i])
		}
	}
	return d
}

func recordsOf(rs []events.DNSRecord) (out []truth.Record) {
	for _, r := range rs {
		out = append(out, truth.Record(r))
	}
	return out
}

// fieldsOf are the fields of a head by lower-case name, as in the truth.
func fieldsOf(hs []events.Header) map[string]string {
	out := map[string]string{}
	for _, h := range hs {
		name := strings.ToLower(h[0])
		if v, ok := out[name]; ok {
			out[name] = v + ", " + h[1]
		} else {
			out[name] = h[1]
		}
	}
	return out
}
