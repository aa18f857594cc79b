package pop3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// all stands for the whole letter where a number of lines can be asked for.
const all = -1

// refused is a reply of -ERR.
type refused struct{ text string }

func (r *refused) Error() string { return "pop3: -ERR " + r.text }

// client is one session of a mail program.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	v    *visits
	at   netip.AddrPort // its own address
}

// open connects and reads the greeting.
func (v *visits) open(ctx context.Context) (*client, error) {
	conn, err := v.agent.Dial(ctx, "tcp", netip.AddrPortFrom(serverAddr, port).String())
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, r: bufio.NewReader(conn), v: v, at: at}
	_, err = c.status()
	return c, err
}

// ok sends a command and reads the line that answers it.
func (c *client) ok(command string) (text string, err error) {
	if _, err := io.WriteString(c.conn, command+"\r\n"); err != nil {
		return "", err
	}
	return c.status()
}

func (c *client) status() (text string, err error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	status, text, _ := strings.Cut(line, " ")
	switch status {
	case "+OK":
		return text, nil
	case "-ERR":
		return "", &refused{text}
	}
	return "", fmt.Errorf("pop3: no reply: %q", line)
}

// body reads a multi-line reply behind its first line (RFC 1939 section 3).
func (c *client) body() ([]byte, error) {
	var b bytes.Buffer
	for {
		line, err := c.r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return b.Bytes(), nil
		}
		b.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}

func (c *client) logIn(user, password string) error {
	if _, err := c.ok("USER " + user); err != nil {
		return err
	}
	_, err := c.ok("PASS " + password)
	return err
}

// entry is a line of LIST or UIDL.
type entry struct{ number, what string }

// list sends LIST, UIDL or CAPA.
func (c *client) list(command string) ([]entry, error) {
	if _, err := c.ok(command); err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	var out []entry
	for line := range strings.Lines(string(b)) {
		number, what, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		out = append(out, entry{number, what})
	}
	return out, nil
}

// fetch gets a letter, or its head and so many lines.
func (c *client) fetch(e entry, lines int) error {
	command := "RETR " + e.number
	if lines != all {
		command = "TOP " + e.number + " " + strconv.Itoa(lines)
	}
	if _, err := c.ok(command); err != nil {
		return err
	}
	raw, err := c.body()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(e.number)
	if err != nil {
		return err
	}
	c.v.fetched[c.at] = append(c.v.fetched[c.at], fetched{id: c.v.drop.id(n), lines: lines, raw: raw})
	return nil
}

// quit says goodbye, waits for the server's FIN and closes.
func (c *client) quit() error {
	_, err := c.ok("QUIT")
	if err == nil {
		if n, rerr := io.Copy(io.Discard, c.r); n != 0 || rerr != nil {
			err = fmt.Errorf("pop3: %d bytes behind the last reply: %w", n, rerr)
		}
	}
	return errors.Join(err, c.conn.Close())
}
