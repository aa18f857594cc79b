package ftp

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// longestVerb bounds what is taken for a verb. RFC 959 has four letters at
// most; extensions have more.
const longestVerb = 16

// command reads one line of the client (RFC 959 section 5.3).
func (c *control) command(line []byte, at decoders.Mark, w *decoders.Window, out decoders.Sink) error {
	if len(line) == 0 {
		return nil
	}
	verb, args, ok := splitCommand(line)
	if !ok {
		return c.strangeLine(events.FromClient, "a line that is no command", len(line), out)
	}
	c.spoken = true
	e := &events.FTPCommand{Verb: verb, Args: args, FirstFrame: at.Frame}
	x := exchange{verb: verb, frame: w.Frame}
	var expect *decoders.Expectation
	fault := ""
	switch verb {
	case "PASS", "ACCT", "ADAT": // RFC 959 section 4.1.1, RFC 2228 section 3
		if args != "" && !c.env.ShowSecrets {
			e.Args = decoders.Redacted
		}
	case "PORT", "EPRT", "LPRT":
		host, port, ok := activeAddress(verb, args)
		e.DataHost, e.DataPort = host, port
		x.transfer = c.announce("active")
		if !ok {
			fault = verb + " without an address"
			break
		}
		fault = c.lies(verb, host, port, c.env.Flow.Client)
		expect = c.expectation(x.transfer, false, port)
		c.standing = port
	case "PASV", "EPSV", "LPSV":
		if !strings.EqualFold(args, "ALL") { // RFC 2428 section 4: no other will follow
			x.transfer = c.announce("passive")
			c.standing = 0
		}
	case "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD": // transfers
		x.transfer = c.transfer(verb, args, w.Frame)
		if x.transfer == nil && c.standing != 0 {
			c.announce("active")
			x.transfer = c.transfer(verb, args, w.Frame)
			expect = c.expectation(x.transfer, false, c.standing)
		}
		c.set.restart = 0
	case "REST":
		x.was = c.set
		c.set.restart = 0
		if n, err := strconv.ParseInt(args, 10, 64); err == nil && n >= 0 {
			c.set.restart = n
		}
	case "TYPE":
		x.was = c.set
		c.set.typ = strings.ToUpper(args)
	case "MODE":
		x.was = c.set
		c.set.mode = strings.ToUpper(args)
	case "PROT":
		x.was = c.set
		c.set.prot = strings.ToUpper(args)
	case "REIN": // RFC 959 section 4.1.1: all parameters as at the start
		c.set, c.next, c.standing = settings{}, nil, 0
	case "ABOR":
		if c.active != nil && c.active.Final == 0 {
			c.active.Aborted = true
		}
	case "AUTH":
		if wantsTLS(args) {
			x.tls = true
			c.auth = asked
		}
	}
	out.Emit(events.FromClient, e)
	if fault != "" {
		violation(events.FromClient, out, fault)
	}
	if expect != nil {
		out.Expect(*expect)
	}
	if !c.queue.ask(x) {
		out.Limit("pending-requests", c.queue.max, "commands beyond are not paired with their replies", 0)
	}
	return nil
}

// transfers: the command moves data over a data connection.
func transfers(verb string) bool {
	switch verb {
	case "RETR", "STOR", "APPE", "STOU":
		return true
	}
	return listing(verb)
}

// splitCommand parts a line: the verb in upper case, and what follows the
// blank.
func splitCommand(line []byte) (verb, args string, ok bool) {
	n, ok := verbLen(line)
	if !ok {
		return "", "", false
	}
	verb = strings.ToUpper(string(line[:n]))
	if n < len(line) {
		args = string(line[n+1:])
	}
	return verb, args, true
}

// verbLen is the length of the verb that begins line.
func verbLen(line []byte) (n int, ok bool) {
	for n < len(line) && n <= longestVerb && (line[n]|0x20 >= 'a' && line[n]|0x20 <= 'z') {
		n++
	}
	return n, n >= 3 && n <= longestVerb && (n == len(line) || line[n] == ' ')
}

// wantsTLS: the mechanisms of RFC 4217 section 2 and older names for them.
func wantsTLS(mechanism string) bool {
	switch strings.ToUpper(strings.TrimSpace(mechanism)) {
	case "TLS", "TLS-C", "TLS-P", "SSL":
		return true
	}
	return false
}

// announce: a data connection that no command has taken yet.
func (c *control) announce(mode string) *decoders.HintFTPData {
	c.next = &decoders.HintFTPData{ControlStream: c.env.Stream, Mode: mode, User: c.env.Flow.Client}
	return c.next
}

// transfer ties a command to the data connection that was announced last. A
// connection whose command was refused is still there for the next one.
func (c *control) transfer(verb, path string, frame uint64) *decoders.HintFTPData {
	t := c.next
	if t == nil || t.Verb != "" && t.Final < 400 {
		c.next, c.active = nil, nil
		return nil
	}
	t.Verb, t.Path, t.CommandFrame, t.Restart = verb, path, frame, c.set.restart
	t.Type, t.TransferMode, t.Protected = c.set.typ, c.set.mode, c.set.prot == "P"
	t.Preliminary, t.Final, t.Aborted = 0, 0, false
	c.active = t
	return t
}

// dataTTL is how long an announced connection is waited for: people type.
const dataTTL = 300e9

// expectation announces a connection to flows. By port only: behind address
// translation the address that is told is not the one that is used.
func (c *control) expectation(t *decoders.HintFTPData, toServer bool, port uint16) *decoders.Expectation {
	if port == 0 {
		return nil
	}
	return &decoders.Expectation{Next: decoders.Next{Protocol: dataName, Hint: t}, ToServer: toServer, Port: port, Proto: events.ProtoTCP, TTL: dataTTL}
}

// lies says what is wrong with an announced address, "" if nothing is.
func (c *control) lies(what, host string, port uint16, own events.Addr) string {
	switch {
	case port == 0:
		return what + " names port 0"
	case host != "" && !sameHost(host, own):
		return what + " names another host than the one that sent it: " + host
	}
	return ""
}
