package pop3

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/wiretale/wiretale/replay/letters"
)

// maildrop is bob's mailbox. Numbers are from 1, in the order of arrival.
type maildrop struct {
	mu      sync.Mutex
	letters []*letters.Letter
	all     []*letters.Letter // also those that were deleted
}

func (d *maildrop) add(l *letters.Letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters = append(d.letters, l)
	d.all = append(d.all, l)
}

// snapshot is what a session sees (RFC 1939 section 5).
func (d *maildrop) snapshot() []*letters.Letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*letters.Letter(nil), d.letters...)
}

// id is the unique-id of a letter; "" where there is none of that number.
func (d *maildrop) id(n int) string {
	s := d.snapshot()
	if n < 1 || n > len(s) {
		return ""
	}
	return uniqueID(s[n-1])
}

// uniqueID (section 7) is the Message-ID without its brackets.
func uniqueID(l *letters.Letter) string { return strings.Trim(l.ID, "<>") }

// remove takes letters away.
func (d *maildrop) remove(gone map[*letters.Letter]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var left []*letters.Letter
	for _, l := range d.letters {
		if !gone[l] {
			left = append(left, l)
		}
	}
	d.letters = left
}

// serve runs the server until stop.
func (v *visits) serve() (stop func(), err error) {
	l, err := v.host.Listen(net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				s := &session{drop: v.drop, w: bufio.NewWriter(conn)}
				s.serve(bufio.NewReader(conn))
			})
		}
	})
	return func() {
		l.Close()
		wg.Wait()
	}, nil
}

// state is a state of a session (RFC 1939 section 3). In UPDATE no command is
// read any more.
type state uint8

const (
	authorization state = iota
	transaction
	update
)

// session is one client at the server.
type session struct {
	drop    *maildrop
	w       *bufio.Writer
	state   state
	user    string
	letters []*letters.Letter // the maildrop at log-in
	deleted map[*letters.Letter]bool
}

// serve answers until QUIT or until the client is gone; what goes wrong then
// shows at the client.
func (s *session) serve(r *bufio.Reader) {
	s.ok("POP3 server of hamburger.edu ready")
	for s.w.Flush() == nil && s.state != update {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, args, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		s.command(strings.ToUpper(verb), args)
	}
}

func (s *session) ok(format string, args ...any)  { fmt.Fprintf(s.w, "+OK "+format+"\r\n", args...) }
func (s *session) err(format string, args ...any) { fmt.Fprintf(s.w, "-ERR "+format+"\r\n", args...) }

func (s *session) command(verb, args string) {
	switch {
	case verb == "QUIT":
		s.quit()
	case verb == "CAPA":
		s.ok("Capability list follows")
		s.lines("USER", "TOP", "UIDL", "EXPIRE NEVER", "IMPLEMENTATION wiretale-replay")
	case s.state == authorization && verb == "USER":
		s.user = args
		s.ok("now the password")
	case s.state == authorization && verb == "PASS":
		if s.user != user || args != password {
			s.err("[AUTH] wrong name or password")
			return
		}
		s.state, s.letters, s.deleted = transaction, s.drop.snapshot(), map[*letters.Letter]bool{}
		s.ok("maildrop locked and ready")
	case s.state == transaction:
		s.transact(verb, args)
	default:
		s.err("not now")
	}
}

// transact takes the commands of RFC 1939 sections 5 and 7.
func (s *session) transact(verb, args string) {
	number, rest, _ := strings.Cut(args, " ")
	switch verb {
	case "NOOP":
		s.ok("done")
	case "RSET":
		clear(s.deleted)
		s.ok("nothing is marked")
	case "STAT":
		count, octets := 0, 0
		for _, l := range s.letters {
			if !s.deleted[l] {
				count, octets = count+1, octets+len(l.Raw)
			}
		}
		s.ok("%d %d", count, octets)
	case "LIST", "UIDL":
		s.list(verb, number)
	case "RETR", "TOP", "DELE":
		l := s.letter(number)
		if l == nil {
			s.err("no such message")
			return
		}
		s.with(verb, l, rest)
	default:
		s.err("not known: %s", verb)
	}
}

// list is LIST and UIDL, with a number or without.
func (s *session) list(verb, number string) {
	what := func(l *letters.Letter) string {
		if verb == "UIDL" {
			return uniqueID(l)
		}
		return strconv.Itoa(len(l.Raw))
	}
	if number != "" {
		if l := s.letter(number); l != nil {
			s.ok("%s %s", number, what(l))
		} else {
			s.err("no such message")
		}
		return
	}
	var all []string
	for i, l := range s.letters {
		if !s.deleted[l] {
			all = append(all, fmt.Sprintf("%d %s", i+1, what(l)))
		}
	}
	s.ok("%d messages", len(all))
	s.lines(all...)
}

// with is what is done with one letter.
func (s *session) with(verb string, l *letters.Letter, rest string) {
	switch verb {
	case "DELE":
		s.deleted[l] = true
		s.ok("marked")
	case "TOP":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			s.err("how many lines?")
			return
		}
		// RFC 1939 leaves the text open; some readers look for a size in it.
		head := top(l.Raw, n)
		s.ok("%d octets", len(head))
		s.body(head)
	default:
		s.ok("%d octets", len(l.Raw))
		s.body(l.Raw)
	}
}

// letter is one by its number that is not marked; nil: there is none.
func (s *session) letter(number string) *letters.Letter {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(s.letters) || s.deleted[s.letters[n-1]] {
		return nil
	}
	return s.letters[n-1]
}

// top is a letter's head, the blank line and n lines.
func top(raw []byte, n int) []byte {
	end := bytes.Index(raw, []byte("\r\n\r\n")) + 4
	for ; n > 0 && end < len(raw); n-- {
		end += bytes.IndexByte(raw[end:], '\n') + 1
	}
	return raw[:end]
}

func (s *session) lines(all ...string) {
	for _, l := range all {
		s.w.WriteString(l + "\r\n")
	}
	s.w.WriteString(".\r\n")
}

// body writes whole lines, with a dot before each that begins with one.
func (s *session) body(b []byte) {
	for line := range bytes.Lines(b) {
		if line[0] == '.' {
			s.w.WriteByte('.')
		}
		s.w.Write(line)
	}
	io.WriteString(s.w, ".\r\n")
}

// quit enters UPDATE (section 6): only now letters are deleted.
func (s *session) quit() {
	if s.state == transaction {
		s.drop.remove(s.deleted)
	}
	s.state = update
	s.ok("goodbye")
}
