package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/stage"
)

// posted are the letters of each connection, named by its client's address, in
// order, as each end knows them.
type posted struct {
	mu      sync.Mutex
	sent    map[netip.AddrPort][]*letters.Letter
	arrived map[netip.AddrPort][][]byte
}

func (p *posted) sending(client netip.AddrPort, l *letters.Letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil {
		p.sent = map[netip.AddrPort][]*letters.Letter{}
	}
	p.sent[client] = append(p.sent[client], l)
}

func (p *posted) arrival(client netip.AddrPort, raw []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.arrived == nil {
		p.arrived = map[netip.AddrPort][][]byte{}
	}
	p.arrived[client] = append(p.arrived[client], slices.Clone(raw))
}

// find is the letter that a client sent in these bytes; nil: none.
func (p *posted) find(client netip.AddrPort, raw []byte) *letters.Letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sent[client] {
		if bytes.Equal(l.Raw, raw) {
			return l
		}
	}
	return nil
}

// client is one connection to a mail server.
type client struct {
	*smtp.Client
	local  netip.AddrPort
	posted *posted
}

// call connects and says hello. config asks for STARTTLS; tap hears what is
// said under it.
func (m *mail) call(ctx context.Context, from *stage.Actor, hello string, to netip.AddrPort, config *tls.Config, tap *stage.Tap) (*client, error) {
	conn, err := from.Dial(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	c := &client{local: local, posted: &m.posted}
	if config == nil {
		c.Client = smtp.NewClient(conn)
	} else {
		// The library says hello by the name "localhost" before TLS.
		conn = stage.Linger(conn)
		tap.Attach(conn)
		if c.Client, err = smtp.NewClientStartTLS(conn, config); err != nil {
			return nil, err
		}
		c.DebugWriter = tap
	}
	return c, c.Hello(hello)
}

// hand hands one letter in.
func (c *client) hand(l *letters.Letter, from string, to ...string) error {
	if err := c.Mail(from, &smtp.MailOptions{Size: int64(len(l.Raw))}); err != nil {
		return err
	}
	for _, t := range to {
		if err := c.Rcpt(t, nil); err != nil {
			return err
		}
	}
	return c.text(l)
}

// text sends the letter behind MAIL and RCPT.
func (c *client) text(l *letters.Letter) error {
	w, err := c.Data()
	if err != nil {
		return err
	}
	c.posted.sending(c.local, l)
	if _, err := w.Write(l.Raw); err != nil {
		return err
	}
	return w.Close()
}
