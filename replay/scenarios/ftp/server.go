package ftp

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"goftp.io/server/v2"
)

// serve runs the server until stop: one listener for each family.
func (t *transfer) serve(ctx context.Context) (stop func(), err error) {
	srv, err := server.NewServer(&server.Options{
		Name: "wiretale-replay", WelcomeMessage: "FTP server ready",
		Driver: t.files, Auth: &server.SimpleAuth{Name: user, Password: password}, Perm: server.NewSimplePerm(user, "users"),
		Logger: &server.DiscardLogger{}, Commands: t.commands(ctx),
	})
	if err != nil {
		return nil, err
	}
	var listeners []net.Listener
	var done []chan error
	stop = func() {
		for i, l := range listeners {
			l.Close()
			<-done[i]
		}
	}
	for _, a := range t.server.Addrs() {
		l, err := t.server.Listen(net.JoinHostPort(a.String(), strconv.Itoa(port)))
		if err != nil {
			stop()
			return nil, err
		}
		// A server of the library for each: it remembers one listener.
		one := *srv
		listeners, done = append(listeners, l), append(done, make(chan error, 1))
		go func(end chan<- error) { end <- one.Serve(l) }(done[len(done)-1])
	}
	return stop, nil
}

// plain is a command of the library that FEAT does not tell of. The library
// lists its extensions in the random order of a map, and a run is to be like
// the next one.
type plain struct{ server.Command }

func (plain) IsExtend() bool { return false }

// feature is what FEAT tells. It is no command: no verb has a blank.
type feature struct{ server.Command }

func (feature) IsExtend() bool { return true }

// command is one that needs a data connection. The library opens those on the
// sockets of the machine, where none must be.
type command struct {
	param bool // needs one
	do    func(s *session, param string)
	of    func(*server.Session) *session
}

func (c *command) IsExtend() bool     { return false }
func (c *command) RequireParam() bool { return c.param }
func (c *command) RequireAuth() bool  { return true }

func (c *command) Execute(s *server.Session, param string) { c.do(c.of(s), param) }

// commands are the library's, but for data connections.
func (t *transfer) commands(ctx context.Context) map[string]server.Command {
	of := func(s *server.Session) *session {
		const key = "data"
		d, ok := s.Data[key].(*session)
		if !ok {
			d = &session{Session: s, t: t, ctx: ctx}
			s.Data[key] = d
		}
		return d
	}
	out := map[string]server.Command{}
	for verb, c := range server.DefaultCommands() {
		out[verb] = plain{c}
	}
	out["REST STREAM"] = feature{out["NOOP"]}
	for _, verb := range []string{"LPRT", "MLSD", "MLST", "AUTH", "PBSZ", "PROT"} {
		delete(out, verb)
	}
	for verb, c := range map[string]command{
		"PORT": {true, (*session).port, of}, "EPRT": {true, (*session).eprt, of},
		"PASV": {false, (*session).pasv, of}, "EPSV": {false, (*session).epsv, of},
		"REST": {true, (*session).restart, of},
		"LIST": {false, (*session).list, of}, "NLST": {false, (*session).names, of},
		"RETR": {true, (*session).retrieve, of}, "STOR": {true, (*session).store, of}, "APPE": {true, (*session).appendTo, of},
	} {
		out[verb] = &c
	}
	return out
}

// reply says a code and a text.
func (s *session) reply(code int, format string, args ...any) {
	s.WriteMessage(code, fmt.Sprintf(format, args...))
}
