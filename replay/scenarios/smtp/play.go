package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/emersion/go-smtp"
)

// deliver lets the server of crepes.fr call that of hamburger.edu.
func (m *mail) deliver(ctx context.Context, recipient func(from, to string) error, talk func(c *client) error) error {
	from, to, err := m.two()
	if err != nil {
		return err
	}
	s := &server{domain: receiver, actor: to, port: portMail, posted: &m.posted, recipient: recipient}
	stop, err := s.serve()
	if err != nil {
		return err
	}
	defer stop()
	c, err := m.call(ctx, from, sender, netip.AddrPortFrom(hamburgerAddr, portMail), nil, nil)
	if err != nil {
		return err
	}
	if err := talk(c); err != nil {
		return err
	}
	return c.Quit()
}

const ketchup = "Do you like ketchup?\nHow about pickles?\n"

func playOne(ctx context.Context, m *mail) error {
	return m.deliver(ctx, nil, func(c *client) error {
		l, err := m.author.Plain(alice, bob, "A question", ketchup, date)
		if err != nil {
			return err
		}
		return c.hand(l, alice, bob)
	})
}

// known are the mailboxes of hamburger.edu.
func known(_, to string) error {
	switch to {
	case bob, "carol@" + receiver, "dave@" + receiver:
		return nil
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
}

func playMany(ctx context.Context, m *mail) error {
	const carol, dave, erin = "carol@" + receiver, "dave@" + receiver, "erin@" + receiver
	return m.deliver(ctx, known, func(c *client) error {
		// One letter, one recipient.
		l, err := m.author.Plain(alice, bob, "A question", ketchup, date)
		if err != nil {
			return err
		}
		if err := c.hand(l, alice, bob); err != nil {
			return err
		}
		// One letter, three recipients: it goes over the wire once.
		l, err = m.author.Plain(alice, "friends", "Lunch on Friday", m.author.Words(60)+".\n..two dots\n"+m.author.Words(20), date)
		if err != nil {
			return err
		}
		if err := c.hand(l, alice, bob, carol, dave); err != nil {
			return err
		}
		// One of two recipients is refused; the letter goes to the other.
		if err := c.Mail(alice, nil); err != nil {
			return err
		}
		var refused *smtp.SMTPError
		if err := c.Rcpt(erin, nil); !errors.As(err, &refused) || refused.Code != 550 {
			return fmt.Errorf("%s should be refused: %w", erin, err)
		}
		if err := c.Rcpt(carol, nil); err != nil {
			return err
		}
		if l, err = m.author.Plain(alice, carol, "A long one", m.author.Words(700), date); err != nil {
			return err
		}
		if err := c.text(l); err != nil {
			return err
		}
		// Begun, and taken back.
		if err := c.Mail(alice, nil); err != nil {
			return err
		}
		if err := c.Rcpt(dave, nil); err != nil {
			return err
		}
		if err := c.Reset(); err != nil {
			return err
		}
		if err := c.Noop(); err != nil {
			return err
		}
		// An empty sender: a notice that must not be answered (RFC 5321 section 4.5.5).
		if l, err = m.author.Plain("MAILER-DAEMON@"+sender, bob, "Read: A question", "Your letter was read.\n", date); err != nil {
			return err
		}
		return c.hand(l, "", bob)
	})
}

func playMIME(ctx context.Context, m *mail) error {
	return m.deliver(ctx, nil, func(c *client) error {
		inner, err := m.author.Plain(bob, alice, "A question", ketchup, date)
		if err != nil {
			return err
		}
		l, err := m.author.WithAttachments(alice, bob, "Grüße aus der Crêperie", inner, date)
		if err != nil {
			return err
		}
		return c.hand(l, alice, bob)
	})
}
