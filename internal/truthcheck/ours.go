package truthcheck

import (
	"strconv"
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
	events.KindTLSClientHello, events.KindTLSServerHello, events.KindTCPRetransmission, events.KindFlowEnd,
)

// Reader turns events into messages. Its zero value is ready. Events must come
// in Pos order, of a run with Hash and ShowSecrets set.
type Reader struct {
	out   []Message
	http  map[httpSide]*httpTurn
	again map[oneSide]int64 // bytes that were sent again
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
		d := dnsText{id: b.ID, size: b.Size, response: b.Response, rcode: b.Rcode}
		for _, q := range b.Question {
			d.question(q.Name, q.Type, q.Class)
		}
		for _, a := range b.Answer {
			d.answer(a.Name, a.Type, a.Class, a.TTL, a.Data)
		}
		kind := truth.DNSQuery
		if b.Response {
			kind = truth.DNSResponse
		}
		d.fill(r.add(e, kind))
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
		n := ""
		if b.Number != nil {
			n = strconv.FormatUint(uint64(*b.Number), 10)
		}
		line(r.add(e, truth.IMAPResponse), words(b.Tag, b.Status), []string{words(n, b.Name, b.Text)})
	case *events.FTPCommand:
		line(r.add(e, truth.FTPCommand), words(b.Verb, b.Args), nil)
	case *events.FTPReply:
		line(r.add(e, truth.FTPReply), code(b.Code), b.Lines)
	case *events.FTPData:
		object(r.add(e, truth.FTPData), client, b.Path, b.Bytes, b.SHA256)
	case *events.MailMessage:
		object(r.add(e, truth.MailMessage), client, b.MessageID, b.Bytes, unknown)
	case *events.BitTorrentHandshake:
		wire(r.add(e, truth.BitTorrent), client, "handshake", b.InfoHash, "", "", "")
	case *events.BitTorrentMessage:
		wire(r.add(e, truth.BitTorrent), client, b.Type, b.InfoHash, number32(b.Piece), number32(b.Begin), number32(b.Length))
	case *events.TrackerRequest:
		wire(r.add(e, truth.Tracker), true, b.Action, b.InfoHash, "", "", "")
	case *events.TrackerResponse:
		wire(r.add(e, truth.Tracker), false, b.Action, unknown, "", "", "")
	case *events.DHTMessage:
		typ := b.Type
		if b.Query != "" && b.Type == "query" {
			typ = b.Query
		}
		wire(r.add(e, truth.DHT), client, typ, b.InfoHash, "", "", "")
	case *events.TLSClientHello, *events.TLSServerHello:
		from(r.add(e, truth.TLSHello), client)
	case *events.TCPSegment:
		if b.Mark == events.KindTCPRetransmission {
			if r.again == nil {
				r.again = map[oneSide]int64{}
			}
			r.again[oneSide{e.Key(), e.From}] += b.Bytes
		}
	case *events.FlowEnd:
		r.end(e, b)
	}
}

// add opens a message in the order of events.
func (r *Reader) add(e *events.Event, kind truth.Kind) *Message {
	client, server := e.Flow.Ends()
	r.out = append(r.out, Message{Kind: kind, Client: client, Server: server, Proto: e.Flow.Transport(), Frame: e.Pos.Frame, Sent: len(r.out)})
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
	h.contentType = events.Get(b.Headers, "Content-Type")
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
	h.contentType = events.Get(b.Headers, "Content-Type")
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
		n := int64(bytes) - r.again[oneSide{e.Key(), events.Dir(from)}]
		if n > 0 {
			object(r.add(e, truth.Encrypted), from == int(events.FromClient), "", n, unknown)
		}
	}
}

func number32(n *uint32) string {
	if n == nil {
		return ""
	}
	return strconv.FormatUint(uint64(*n), 10)
}
