package ftp

import (
	"fmt"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// reply is one that is being read (RFC 959 section 4.2). code 0: none is.
type reply struct {
	code      int
	lines     []string
	frames    []uint64 // nil: all lines began in first
	first     uint64
	size      int // bytes of lines
	over      bool
	truncated bool // its beginning may be lost
}

// replyLine reads one line of the server.
func (c *control) replyLine(line []byte, at decoders.Mark, out decoders.Sink) (switched bool, err error) {
	r := &c.reply
	code, rest, more, ok := splitReply(line)
	if r.code != 0 {
		switch {
		case ok && code == r.code:
			line = rest
			ok = !more
		default:
			ok = false
		}
		c.add(line, at, out)
		if !ok {
			return false, nil
		}
		return c.finish(out), nil
	}
	d := &c.sides[events.FromServer]
	if !ok {
		if d.state == searching {
			c.queue.lose() // it may be of a reply whose beginning was lost
			return false, nil
		}
		if len(line) == 0 {
			return false, nil
		}
		return false, c.strangeLine(events.FromServer, "a line that is no reply", len(line), out)
	}
	c.spoken = true
	*r = reply{code: code, first: at.Frame, truncated: d.state == searching}
	d.state = inLine
	c.add(rest, at, out)
	if more {
		return false, nil
	}
	return c.finish(out), nil
}

// splitReply parts a line that begins with a code. more: lines follow.
func splitReply(line []byte) (code int, text []byte, more, ok bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '6' || !digit(line[1]) || !digit(line[2]) {
		return 0, nil, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	switch {
	case len(line) == 3: // without text, as some servers do
		return code, nil, false, true
	case line[3] == ' ' || line[3] == '-':
		return code, line[4:], line[3] == '-', true
	}
	return 0, nil, false, false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// add keeps a line, as far as there is room.
func (c *control) add(text []byte, at decoders.Mark, out decoders.Sink) {
	r := &c.reply
	if r.over {
		return
	}
	// A line takes more than its bytes.
	const each = 16
	if limit := c.env.Limits.FTPReply; r.size+len(text)+each > limit && len(r.lines) > 0 {
		r.over = true
		out.Limit("ftp-reply", limit, "further lines of a reply are left out", 0)
		return
	}
	r.size += len(text) + each
	if r.frames == nil && at.Frame != r.first {
		for range r.lines {
			r.frames = append(r.frames, r.first)
		}
	}
	if at.Frame != r.first || r.frames != nil {
		r.frames = append(r.frames, at.Frame)
	}
	r.lines = append(r.lines, string(text))
}

// finish: the last line of a reply was read.
func (c *control) finish(out decoders.Sink) (switched bool) {
	r := &c.reply
	x := c.queue.answer(r.code)
	code, lines := r.code, r.lines
	var expect *decoders.Expectation
	var data *place
	fault := ""
	switch {
	case code >= 227 && code <= 229:
		p := passiveAddress(code, lines)
		data = &p
		t := x.transfer
		if x.verb != "PASV" && x.verb != "EPSV" && x.verb != "LPSV" || t == nil {
			t = c.announce("passive")
		}
		if !p.ok {
			fault = fmt.Sprintf("%d without an address", code)
			break
		}
		fault = c.lies(fmt.Sprint(code), p.host, p.port, c.env.Flow.Server)
		expect = c.expectation(t, true, p.port)
	case x.verb == "" && c.queue.pairing == unsure:
		c.next = nil // it may answer a command that took it
	}
	c.settle(x, code, lines)
	c.emitReply(x, data, out)
	if fault != "" {
		violation(events.FromServer, out, fault)
	}
	if expect != nil {
		out.Expect(*expect)
	}
	switch {
	case x.tls:
		c.auth = notAsked
		// 334 is what servers before RFC 4217 said.
		switched = code == 234 || code == 334
	case x.verb == "" && code == 234, c.auth == unheard && code == 234:
		switched = true
	case c.auth == asked && x.verb == "":
		// Whether it answers AUTH is not known.
		c.auth = unheard
	}
	if switched {
		out.Switch(decoders.Next{Protocol: "tls"})
	}
	return switched
}

// settle draws from a reply what it means for the command it answers.
func (c *control) settle(x exchange, code int, lines []string) {
	switch x.verb {
	case "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD":
		t := x.transfer
		if t == nil || t.CommandFrame != x.frame || t.Verb != x.verb {
			return
		}
		if code >= 200 {
			t.Final = code
			return
		}
		t.Preliminary = code
		if t.Verb == "STOU" {
			// RFC 1123 section 4.1.2.9: "150 FILE: name".
			if _, path, ok := strings.Cut(lines[0], "FILE: "); ok {
				t.Path = path
			}
		}
	case "PASV", "EPSV", "LPSV", "PORT", "EPRT", "LPRT":
		if code >= 400 && c.next == x.transfer {
			c.next, c.standing = nil, 0
		}
	case "TYPE":
		if code >= 400 {
			c.set.typ = x.was.typ
		}
	case "MODE":
		if code >= 400 {
			c.set.mode = x.was.mode
		}
	case "PROT":
		if code >= 400 {
			c.set.prot = x.was.prot
		}
	case "REST":
		if code >= 400 {
			c.set.restart = x.was.restart
		}
	}
}

// emitReply tells the reply that was read.
func (c *control) emitReply(x exchange, data *place, out decoders.Sink) {
	r := c.reply
	c.reply = reply{}
	e := &events.FTPReply{Code: r.code, Lines: r.lines, Verb: x.verb, CommandFrame: x.frame, FirstFrame: r.first, Frames: r.frames}
	if data != nil {
		e.DataHost, e.DataPort = data.host, data.port
	}
	if r.truncated {
		out.Truncated(events.FromServer, e)
	} else {
		out.Emit(events.FromServer, e)
	}
}
