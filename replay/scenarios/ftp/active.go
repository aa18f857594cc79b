package ftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/textproto"

	"github.com/wiretale/wiretale/replay/stage"
)

// active is a visit over IPv4 with PORT, and one over IPv6 with EPRT.
func (t *transfer) active(ctx context.Context) error {
	for _, to := range t.server.Addrs() {
		conn, err := t.client.Dial(ctx, "tcp", netip.AddrPortFrom(to, port).String())
		if err != nil {
			return err
		}
		c := &own{t: t, conn: textproto.NewConn(stage.Linger(conn)), at: t.client.Addrs()[0]}
		if to.Is6() {
			c.at = t.client.Addrs()[1]
		}
		if _, _, err := c.conn.ReadResponse(220); err != nil {
			return err
		}
		if err := t.visit(c); err != nil {
			return errors.Join(err, c.conn.Close())
		}
		if err := c.say(221, "QUIT"); err != nil {
			return err
		}
		if err := c.conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

// own is a client that has the server open the data connections.
type own struct {
	t    *transfer
	conn *textproto.Conn
	at   netip.Addr // where it waits
}

// say sends a command and waits for a code.
func (c *own) say(code int, format string, args ...any) error {
	if err := c.conn.PrintfLine(format, args...); err != nil {
		return err
	}
	_, _, err := c.conn.ReadResponse(code)
	return err
}

func (c *own) logIn() error {
	for _, step := range []struct {
		command string
		code    int
	}{{"USER " + user, 331}, {"PASS " + password, 230}, {"SYST", 215}, {"TYPE I", 200}} {
		if err := c.say(step.code, "%s", step.command); err != nil {
			return err
		}
	}
	return nil
}

func (c *own) changeDir(path string) error { return c.say(250, "CWD %s", path) }

// over does a transfer: wait, say where, say what, let work have the
// connection.
func (c *own) over(restart int, what string, work func(net.Conn) error) error {
	l, err := c.t.clientData.Listen(net.JoinHostPort(c.at.String(), "0"))
	if err != nil {
		return err
	}
	defer l.Close()
	a, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return err
	}
	if c.at.Is4() {
		err = c.say(200, "PORT %s", formatPort(a))
	} else {
		err = c.say(200, "EPRT |2|%s|%d|", a.Addr(), a.Port())
	}
	if err != nil {
		return err
	}
	if restart > 0 {
		if err := c.say(350, "REST %d", restart); err != nil {
			return err
		}
	}
	if err := c.say(150, "%s", what); err != nil {
		return err
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	if err := errors.Join(work(conn), conn.Close()); err != nil {
		return err
	}
	_, _, err = c.conn.ReadResponse(226)
	return err
}

func (c *own) get(restart int, what string) ([]byte, error) {
	var b []byte
	err := c.over(restart, what, func(conn net.Conn) (err error) {
		b, err = io.ReadAll(conn)
		return err
	})
	return b, err
}

func (c *own) put(what string, b []byte) error {
	return c.over(0, what, func(conn net.Conn) error {
		_, err := conn.Write(b)
		return err
	})
}

func (c *own) list() (int, error) {
	b, err := c.get(0, "LIST")
	return bytes.Count(b, []byte("\n")), err
}

func (c *own) names() (int, error) {
	b, err := c.get(0, "NLST")
	return bytes.Count(b, []byte("\n")), err
}

func (c *own) retrieve(path string, from int) ([]byte, error) {
	if from > 0 { // is it still the file of which the first part is here?
		if err := c.say(213, "SIZE %s", path); err != nil {
			return nil, err
		}
	}
	return c.get(from, "RETR "+path)
}

func (c *own) store(path string, b []byte) error    { return c.put("STOR "+path, b) }
func (c *own) appendTo(path string, b []byte) error { return c.put("APPE "+path, b) }
