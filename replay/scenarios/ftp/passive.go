package ftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/jlaffaye/ftp"

	"github.com/wiretale/wiretale/replay/stage"
)

// resumeAt is where the download of the long file broke off some time ago.
const resumeAt = 9000

// passive is a visit over IPv4 with PASV, and one over IPv6 with EPSV.
func (t *transfer) passive(ctx context.Context) error {
	for _, to := range t.server.Addrs() {
		c, err := ftp.Dial(netip.AddrPortFrom(to, port).String(),
			ftp.DialWithDialFunc(func(network, address string) (net.Conn, error) {
				conn, err := t.client.Dial(ctx, network, address)
				if a, perr := netip.ParseAddrPort(address); err == nil && perr == nil && a.Port() == port {
					conn = stage.Linger(conn) // this client does not wait for the answer to QUIT
				}
				return conn, err
			}),
			ftp.DialWithDisabledEPSV(to.Is4()))
		if err != nil {
			return err
		}
		if err := t.visit(library{c}); err != nil {
			return errors.Join(err, c.Quit())
		}
		if err := c.Quit(); err != nil {
			return err
		}
	}
	return nil
}

// client is what a visit needs.
type client interface {
	logIn() error
	changeDir(path string) error
	list() (count int, err error)
	names() (count int, err error)
	retrieve(path string, from int) ([]byte, error)
	store(path string, b []byte) error
	appendTo(path string, b []byte) error
}

// visit is what a person does: look around, fetch two files, one of them from
// where it broke off, and leave one there.
func (t *transfer) visit(c client) error {
	if err := c.logIn(); err != nil {
		return err
	}
	if err := c.changeDir("/pub"); err != nil {
		return err
	}
	if n, err := c.list(); err != nil || n != 3 {
		return fmt.Errorf("%d entries: %w", n, err)
	}
	for _, f := range []struct {
		name string
		from int
	}{{"notes.txt", 0}, {"novel.txt", resumeAt}} {
		got, err := c.retrieve(f.name, f.from)
		if err != nil {
			return err
		}
		if b, _ := t.files.get("/pub/" + f.name); !bytes.Equal(b[f.from:], got) {
			return fmt.Errorf("%s: %d bytes that are not the server's", f.name, len(got))
		}
	}
	if _, err := c.retrieve("nothing.txt", 0); err == nil {
		return errors.New("there is no such file, but it came")
	}
	letter := bytes.Repeat([]byte("one line of a letter\r\n"), 200)
	if err := c.store("/incoming/letter.txt", letter); err != nil {
		return err
	}
	if err := c.appendTo("/incoming/letter.txt", []byte("and one more\r\n")); err != nil {
		return err
	}
	if b, _ := t.files.get("/incoming/letter.txt"); len(b) != len(letter)+len("and one more\r\n") {
		return fmt.Errorf("the letter has %d bytes at the server", len(b))
	}
	if err := c.changeDir("/incoming"); err != nil {
		return err
	}
	if n, err := c.names(); err != nil || n != 1 {
		return fmt.Errorf("%d names: %w", n, err)
	}
	return nil
}

// library is the client of jlaffaye/ftp.
type library struct{ c *ftp.ServerConn }

func (l library) logIn() error                { return l.c.Login(user, password) }
func (l library) changeDir(path string) error { return l.c.ChangeDir(path) }

func (l library) list() (int, error) {
	e, err := l.c.List("")
	return len(e), err
}

func (l library) names() (int, error) {
	e, err := l.c.NameList("")
	return len(e), err
}

func (l library) retrieve(path string, from int) ([]byte, error) {
	r, err := l.c.RetrFrom(path, uint64(from))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func (l library) store(path string, b []byte) error    { return l.c.Stor(path, bytes.NewReader(b)) }
func (l library) appendTo(path string, b []byte) error { return l.c.Append(path, bytes.NewReader(b)) }
