package ftp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"goftp.io/server/v2"
)

// session is what a client's data connections need at the server.
type session struct {
	*server.Session
	t   *transfer
	ctx context.Context

	// The last of PORT, EPRT, PASV and EPSV counts (RFC 959 section 3.2).
	target   netip.AddrPort // active: where the client waits
	listener net.Listener   // passive: where the server waits
	offset   int64          // of REST, for the next transfer
}

// peer is the client's address on the control connection.
func (s *session) peer() netip.Addr {
	a, err := netip.ParseAddrPort(s.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

func (s *session) port(param string) {
	a, err := parsePort(param)
	s.aim(a, err, "PORT")
}

func (s *session) eprt(param string) {
	a, err := parseEprt(param)
	s.aim(a, err, "EPRT")
}

// aim takes an address for the next transfer. Only the client's own: others
// are a bounce attack (RFC 2577 section 3).
func (s *session) aim(a netip.AddrPort, err error, verb string) {
	if err != nil || a.Addr() != s.peer() {
		s.reply(501, "That is no address of yours")
		return
	}
	s.drop()
	s.target = a
	s.reply(200, "%s command successful", verb)
}

// parsePort reads h1,h2,h3,h4,p1,p2 (RFC 959 section 4.1.2).
func parsePort(param string) (netip.AddrPort, error) {
	var n [6]byte
	parts := strings.Split(param, ",")
	if len(parts) != len(n) {
		return netip.AddrPort{}, errors.New("six numbers are wanted")
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return netip.AddrPort{}, err
		}
		n[i] = byte(v)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(n[:4])), uint16(n[4])<<8|uint16(n[5])), nil
}

// formatPort writes what parsePort reads.
func formatPort(a netip.AddrPort) string {
	ip := a.Addr().As4()
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d", ip[0], ip[1], ip[2], ip[3], a.Port()>>8, a.Port()&0xff)
}

// parseEprt reads |2|address|port| (RFC 2428 section 2).
func parseEprt(param string) (netip.AddrPort, error) {
	parts := strings.Split(param, "|")
	if len(parts) != 5 {
		return netip.AddrPort{}, errors.New("|family|address|port| is wanted")
	}
	return netip.ParseAddrPort(net.JoinHostPort(parts[2], parts[3]))
}

// listen waits for the client's data connection.
func (s *session) listen() (netip.AddrPort, error) {
	s.drop()
	host := s.t.server.Addrs()[0]
	if s.peer().Is6() {
		host = s.t.server.Addrs()[1]
	}
	l, err := s.t.server.Listen(net.JoinHostPort(host.String(), "0"))
	if err != nil {
		return netip.AddrPort{}, err
	}
	s.listener = l
	return netip.ParseAddrPort(l.Addr().String())
}

func (s *session) pasv(string) {
	a, err := s.listen()
	if err != nil || !a.Addr().Is4() {
		s.reply(425, "Data connection failed")
		return
	}
	s.reply(227, "Entering Passive Mode (%s)", formatPort(a))
}

func (s *session) epsv(string) {
	a, err := s.listen()
	if err != nil {
		s.reply(425, "Data connection failed")
		return
	}
	s.reply(229, "Entering Extended Passive Mode (|||%d|)", a.Port())
}

func (s *session) restart(param string) {
	n, err := strconv.ParseInt(param, 10, 64)
	if err != nil || n < 0 {
		s.reply(501, "That is no place")
		return
	}
	s.offset = n
	s.reply(350, "Restarting at %d", n)
}

// drop forgets an address that was agreed on.
func (s *session) drop() {
	if s.listener != nil {
		s.listener.Close()
	}
	s.target, s.listener = netip.AddrPort{}, nil
}

// open opens the data connection as agreed: one for one transfer.
func (s *session) open() (net.Conn, error) {
	defer s.drop()
	switch {
	case s.listener != nil:
		return s.listener.Accept()
	case s.target.IsValid():
		// From port L-1 (RFC 959 section 3.2).
		return s.t.serverData.DialFrom(s.ctx, "tcp", ":"+strconv.Itoa(port-1), s.target.String())
	}
	return nil, errors.New("no data connection was agreed on")
}

// refuse says that nothing will be transferred. A client in passive mode has
// connected already: its connection is closed with nothing on it, which is the
// transfer of no bytes.
func (s *session) refuse(m move, why string) {
	var conn net.Conn
	if s.listener != nil {
		conn, _ = s.open() // if there is none, there is nothing to close
	}
	s.reply(550, "%s", why)
	if conn != nil {
		conn.Close()
		s.t.done.add(conn, m)
	}
	s.drop()
}

// send is a transfer to the client.
func (s *session) send(m move, b []byte) {
	s.reply(150, "Opening data connection for %d bytes", len(b))
	conn, err := s.open()
	if err != nil {
		s.reply(425, "Data connection failed")
		return
	}
	_, err = conn.Write(b)
	if cerr := conn.Close(); err != nil || cerr != nil {
		s.reply(426, "Data connection broken")
		return
	}
	m.content, m.kind = b, fromServer
	s.t.done.add(conn, m)
	s.reply(226, "Transfer complete, %d bytes", len(b))
}

// receive is a transfer from the client; place is where in the file it goes,
// -1 for a new one.
func (s *session) receive(m move, place int64) {
	s.reply(150, "Ready for your data")
	conn, err := s.open()
	if err != nil {
		s.reply(425, "Data connection failed")
		return
	}
	var got bytes.Buffer
	n, err := s.t.files.PutFile(nil, s.BuildPath(m.path), io.TeeReader(conn, &got), place)
	if cerr := conn.Close(); err != nil || cerr != nil {
		s.reply(426, "Data connection broken")
		return
	}
	m.content, m.kind = got.Bytes(), fromClient
	s.t.done.add(conn, m)
	s.reply(226, "Transfer complete, %d bytes", n)
}

func (s *session) list(param string) { s.folder("LIST", param, entry.line) }
func (s *session) names(param string) {
	s.folder("NLST", param, func(e entry) string { return e.name + "\r\n" })
}

func (s *session) folder(verb, param string, line func(entry) string) {
	entries := s.t.files.list(s.BuildPath(param))
	if entries == nil {
		s.refuse(move{verb: verb, path: param}, "No such folder")
		return
	}
	var b []byte
	for _, e := range entries {
		b = append(b, line(e)...)
	}
	s.send(move{verb: verb, path: param}, b)
}

func (s *session) retrieve(param string) {
	from := s.offset
	s.offset = 0
	b, ok := s.t.files.get(s.BuildPath(param))
	if !ok || from > int64(len(b)) {
		s.refuse(move{verb: "RETR", path: param}, "No such file")
		return
	}
	s.send(move{verb: "RETR", path: param}, b[from:])
}

func (s *session) store(param string) {
	place := s.offset
	s.offset = 0
	s.receive(move{verb: "STOR", path: param}, place)
}

func (s *session) appendTo(param string) {
	b, _ := s.t.files.get(s.BuildPath(param))
	s.receive(move{verb: "APPE", path: param}, int64(len(b)))
}

// sender says whose data a move has.
type sender uint8

const (
	fromServer sender = iota
	fromClient
)

// move is a transfer as the server knows it.
type move struct {
	verb, path string
	kind       sender
	content    []byte
}

// moves are those of each data connection, by the client's address and the
// server's.
type moves struct {
	mu  sync.Mutex
	all map[[2]string]move
}

func (d *moves) add(server net.Conn, m move) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[[2]string]move{}
	}
	d.all[[2]string{server.RemoteAddr().String(), server.LocalAddr().String()}] = m
}

// take is the one between two addresses.
func (d *moves) take(client, server netip.AddrPort) (move, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, ok := d.all[[2]string{client.String(), server.String()}]
	return m, ok
}
