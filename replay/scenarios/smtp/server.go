package smtp

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"strconv"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/wiretale/wiretale/replay/stage"
)

// server is a mail server.
type server struct {
	domain string
	actor  *stage.Actor
	port   int
	posted *posted
	// recipient is asked about each RCPT; nil takes all.
	recipient func(from, to string) error
	// arrived gets each letter that was taken; nil only keeps it.
	arrived func(client netip.AddrPort, e envelope, raw []byte) error

	tls      *tls.Config // offers STARTTLS
	tap      *stage.Tap  // hears what is said under it
	password string      // of alice; offers AUTH under TLS
}

// envelope is what MAIL and RCPT said.
type envelope struct {
	from string
	to   []string
}

// serve runs s until stop.
func (s *server) serve() (stop func(), err error) {
	l, err := s.actor.Listen(net.JoinHostPort("", strconv.Itoa(s.port)))
	if err != nil {
		return nil, err
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		client, err := netip.ParseAddrPort(c.Conn().RemoteAddr().String())
		if err != nil {
			return nil, err
		}
		base := session{server: s, client: client}
		if s.password != "" {
			return &authSession{base}, nil
		}
		return &base, nil
	}))
	srv.Domain = s.domain
	srv.ErrorLog = log.New(io.Discard, "", 0) // errors show at the client
	srv.TLSConfig = s.tls
	if s.tap != nil {
		l = s.tap.Listener(stage.Lingering(l))
		srv.Debug = s.tap
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	return func() {
		_ = srv.Close() // closing twice does no harm
		<-done
	}, nil
}

// session is one client at the server.
type session struct {
	server *server
	client netip.AddrPort
	env    envelope
}

var _ smtp.Session = (*session)(nil)

func (s *session) Reset()        { s.env = envelope{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.env = envelope{from: from}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.recipient != nil {
		if err := s.server.recipient(s.env.from, to); err != nil {
			return err
		}
	}
	s.env.to = append(s.env.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.posted.arrival(s.client, raw)
	if s.server.arrived != nil {
		return s.server.arrived(s.client, s.env, raw)
	}
	return nil
}

// authSession is a session that asks who it is.
type authSession struct{ session }

func (s *authSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *authSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != alice || password != s.server.password {
			return errors.New("wrong name or password")
		}
		return nil
	}), nil
}
