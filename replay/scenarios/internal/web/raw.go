package web

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// half is a message as one end saw it.
type half struct {
	transfer
	request    bool
	start, end time.Time
}

// Line is one end of a connection whose user writes and reads messages itself,
// where requests and responses need not take turns (pipelining). Its user
// tells of every message as soon as it was sent or received, in order.
type Line struct {
	*witness.Conn
	w *World
}

// NewLine takes a connection made by Dial, or accepted from Listen.
func (w *World) NewLine(c net.Conn) (*Line, error) {
	conn, ok := c.(*witness.Conn)
	if !ok {
		return nil, fmt.Errorf("web: %T is not a connection of this world", c)
	}
	w.ledger.fill(func() {
		if w.ledger.raw == nil {
			w.ledger.raw, w.ledger.received = map[*witness.Conn][]half{}, map[*witness.Conn][]half{}
		}
		w.ledger.raw[conn], w.ledger.received[conn] = nil, nil
	})
	return &Line{conn, w}, nil
}

// Now is the moment on the network's clock.
func (l *Line) Now() time.Time { return l.w.Net.Now().Std() }

// Exchange is what a Line's user tells of a message. Of a request, the
// response's part stays empty.
type Exchange struct {
	Method, URL string
	Header      http.Header
	Status      int // 0: a request
	Body        []byte
	Ready       time.Time // of a response at its server
	Start, End  time.Time // of sending or receiving
}

func (e *Exchange) half() half {
	h := half{request: e.Status == 0, start: e.Start, end: e.End}
	h.method, h.url = e.Method, e.URL
	if h.request {
		h.asked = tell(e.Header)
		return h
	}
	h.status, h.mediaType, h.answered, h.ready = e.Status, e.Header.Get("Content-Type"), tell(e.Header), e.Ready
	var c content
	c.add(e.Body)
	h.bytes, h.sha256 = c.bytes, c.digest()
	return h
}

// Sent notes a message that this end sent.
func (l *Line) Sent(e Exchange) {
	l.w.ledger.fill(func() { l.w.ledger.raw[l.Conn] = append(l.w.ledger.raw[l.Conn], e.half()) })
}

// Received notes a message that this end received.
func (l *Line) Received(e Exchange) {
	l.w.ledger.fill(func() { l.w.ledger.received[l.Conn] = append(l.w.ledger.received[l.Conn], e.half()) })
}

// joinHalves pairs what one end sent with what the other received.
func joinHalves(m truth.Message, client, server string, clientSent, clientGot, serverSent, serverGot []half) ([]truth.Message, error) {
	if len(clientSent) != len(serverGot) || len(serverSent) != len(clientGot) {
		return nil, fmt.Errorf("web: connection %d: %d requests sent, %d received; %d responses sent, %d received",
			*m.Connection, len(clientSent), len(serverGot), len(serverSent), len(clientGot))
	}
	var out []truth.Message
	for i := range clientSent {
		s, r := &clientSent[i], &serverGot[i]
		if !s.equal(&r.transfer) {
			return nil, fmt.Errorf("web: connection %d: request %+v was received as %+v", *m.Connection, s.transfer, r.transfer)
		}
		m.Kind, m.HTTP = truth.HTTPRequest, s.transfer.request(i+1)
		m.Sender, m.Receiver = truth.End{Host: client, Start: s.start, End: s.end}, truth.End{Host: server, Start: r.start, End: r.end}
		out = append(out, m)
	}
	for i := range serverSent {
		s, r := &serverSent[i], &clientGot[i]
		if !s.equal(&r.transfer) {
			return nil, fmt.Errorf("web: connection %d: response %+v was received as %+v", *m.Connection, s.transfer, r.transfer)
		}
		m.Kind, m.HTTP = truth.HTTPResponse, s.transfer.response(i+1)
		m.Sender, m.Receiver = truth.End{Host: server, Start: s.start, End: s.end}, truth.End{Host: client, Start: r.start, End: r.end}
		out = append(out, m)
	}
	return out, nil
}
