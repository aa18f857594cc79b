// Package ftp observes the File Transfer Protocol (RFC 959, RFC 1123 section
// 4.1, RFC 2228, RFC 2389, RFC 2428, RFC 3659, RFC 4217) as a third party: the
// commands and replies of the control connection, and the data connections
// that it announces, each tied to its command. It must not hold a file, judge
// what a server does, or look for a data connection between other hosts.
package ftp

import (
	"bytes"
	"errors"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const (
	name     = "ftp"
	dataName = "ftp-data"
)

// Proto is the control connection.
var Proto = decoders.Proto{
	Name:     name,
	TCPPorts: []uint16{21, 2121},
	Probe:    probe,
	Stream:   func(env decoders.Env) decoders.Stream { return newControl(env) },
	Doc:      "FTP: commands, replies, and the data connections they announce",
}

// errNotFTP ends a decoder that was chosen by port and never found a line of
// FTP.
var errNotFTP = errors.New("ftp: neither commands nor replies")

// strangeLines are how many lines may be passed over before the first one of
// FTP.
const strangeLines = 8

// control is one control connection.
type control struct {
	env     decoders.Env
	sides   [2]side
	reply   reply
	queue   queue
	auth    auth
	set     settings
	strange int  // lines that are no FTP, while nothing was said
	spoken  bool // something was said

	// next is the data connection that was announced last; the next command
	// that transfers takes it. nil: none.
	next *decoders.HintFTPData
	// active is what the last such command took.
	active *decoders.HintFTPData
	// standing is the port of the last PORT, EPRT or LPRT: some servers connect
	// to it for every later transfer too (RFC 959 section 3.2). 0: none.
	standing uint16
}

// settings are the transfer parameters (RFC 959 section 4.1.2), as commands
// asked for them.
type settings struct {
	typ, mode, prot string
	restart         int64
}

// auth is how far AUTH TLS is (RFC 4217 section 4).
type auth uint8

const (
	notAsked auth = iota
	asked         // no answer yet: what the client sends may be TLS
	unheard       // the answer was lost
)

// state says what the next byte of a side belongs to.
type state uint8

const (
	inLine    state = iota
	torn            // bytes were lost: up to the next line end nothing can be read
	overlong        // a line beyond the limit
	searching       // server: behind a torn line there may be the rest of a reply
)

// side is one direction.
type side struct {
	state   state
	scanned int // bytes of an incomplete line without a line end
}

func newControl(env decoders.Env) *control {
	c := &control{env: env}
	c.queue.max = env.Limits.PendingRequests
	return c
}

// Data implements decoders.Stream.
func (c *control) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &c.sides[w.From]
	longest := min(c.env.Limits.FTPLine, c.env.Limits.Waiting)
	for used < len(w.Bytes) {
		b := w.Bytes[used:]
		if w.From == events.FromClient && c.auth != notAsked {
			if c.auth == asked {
				return used, 0, nil
			}
			c.auth = notAsked
			if b[0] == tlsHandshake {
				out.Switch(decoders.Next{Protocol: "tls"})
				return used, 0, nil
			}
		}
		nl := bytes.IndexByte(b[d.scanned:min(len(b), longest)], '\n')
		if nl < 0 && len(b) < longest && d.state != torn && d.state != overlong {
			d.scanned = len(b)
			return used, len(b) + 1, nil
		}
		if nl < 0 { // too long, or of no use
			n := min(len(b), longest)
			if d.state == inLine || d.state == searching {
				out.Limit("ftp-line", longest, "a line is longer", int64(n))
				d.state = overlong
			}
			d.scanned = 0
			used += n
			continue
		}
		nl += d.scanned
		d.scanned = 0
		at := w.At(used)
		used += nl + 1
		switch d.state {
		case torn:
			// What is dropped here may have been a whole command or reply.
			d.state = inLine
			if w.From == events.FromServer {
				d.state = searching
			}
			c.lose(w.From)
			continue
		case overlong:
			d.state = inLine
			c.lose(w.From)
			continue
		}
		line := plainText(bytes.TrimSuffix(b[:nl], []byte{'\r'}))
		if w.From == events.FromClient {
			err = c.command(line, at, &w, out)
		} else {
			var switched bool
			if switched, err = c.replyLine(line, at, out); switched {
				return used, 0, nil
			}
		}
		if err != nil {
			return used, 0, err
		}
	}
	return used, 0, nil
}

// tlsHandshake is the type of the record that begins TLS (RFC 8446 section
// 5.1). No command begins with it.
const tlsHandshake = 0x16

// strangeLine is a line that is no FTP.
func (c *control) strangeLine(from events.Dir, what string, n int, out decoders.Sink) error {
	if c.spoken {
		out.Emit(from, &events.FlowViolation{Protocol: name, Reason: what, Bytes: int64(n)})
		return nil
	}
	if c.strange++; c.strange >= strangeLines {
		return errNotFTP
	}
	return nil
}

func violation(from events.Dir, out decoders.Sink, reason string) {
	out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// Gap implements decoders.Stream.
func (c *control) Gap(from events.Dir, n int64, out decoders.Sink) error {
	d := &c.sides[from]
	d.state, d.scanned = torn, 0
	c.lose(from)
	return nil
}

// lose: a command or a reply was not read.
func (c *control) lose(from events.Dir) {
	c.queue.lose()
	if from == events.FromServer {
		c.reply = reply{}
		if c.auth == asked {
			c.auth = unheard
		}
		return
	}
	// A command that was lost may have taken what was announced.
	c.next, c.standing = nil, 0
	c.set.restart = 0
}

// End implements decoders.Stream.
func (c *control) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &c.sides[from]
	if d.scanned > 0 && d.state == inLine && c.spoken && (why == events.EndFIN || why == events.EndReset) {
		violation(from, out, "connection closed inside a line")
	}
	d.scanned = 0
	if from == events.FromServer && c.reply.code != 0 {
		c.reply.truncated = true
		c.emitReply(exchange{}, nil, out)
	}
}
