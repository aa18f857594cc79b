package imap

import (
	"bytes"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// readLine takes the line at the front when it is whole, or goes over to
// passing it when it is too long.
func (c *call) readLine() (want int, err error) {
	s, d := c.s, c.d
	b := c.rest()
	d.scanned = min(d.scanned, len(b))
	i := bytes.IndexByte(b[d.scanned:], '\n')
	n := d.scanned + i + 1
	if i < 0 {
		n = len(b)
	}
	at := c.w.At(c.off)
	switch {
	case n > s.lines:
		// However the line was cut: its first bytes are read, the rest is
		// passed, and its end may still announce a literal.
		d.scanned = 0
		c.off += s.lines
		if !s.spoken {
			return 0, errNotIMAP
		}
		d.tail.n = 0
		d.tail.add(b[:s.lines])
		ok, err := c.part(b[:s.lines], at)
		if !ok || err != nil {
			d.state = tornLine
			return 0, err
		}
		d.build.cut = true
		d.state = longLine
		c.limit(0, "imap-line", s.env.Limits.IMAPLine, "the text beyond is left out")
	case i < 0:
		d.scanned = n
		return n + 1, nil
	default:
		d.scanned = 0
		c.off += n
		line := trim(b[:n])
		if d.state == inLine && !d.build.active && d.from == events.FromServer && c.simple(line, at) {
			return 0, nil
		}
		ok, err := c.part(line, at)
		if !ok || err != nil {
			return 0, err
		}
		d.tail.n = 0
		d.tail.add(line[max(0, len(line)-len(d.tail.b)):])
		c.lineOver()
	}
	return 0, nil
}

// part takes a line, or its first bytes: of a command or response that
// begins, or that goes on behind a literal. ok: it belongs to one that is not
// over.
func (c *call) part(line []byte, at decoders.Mark) (ok bool, err error) {
	s, d := c.s, c.d
	if d.build.active {
		if d.from == events.FromClient {
			s.client.sync, s.client.doubt = false, false // it goes on: it was not refused
		}
		c.more(line)
		c.bodies(line)
		return true, nil
	}
	if d.state == seeking && !c.sure(line) {
		if !s.spoken {
			return false, errNotIMAP
		}
		if !d.torn {
			c.strange(noLine[d.from])
		}
		return false, nil
	}
	d.state = inLine
	d.build = building{text: d.build.text[:0], first: at.Frame}
	if d.from == events.FromClient {
		ok = c.beginCommand(line)
	} else {
		ok = c.beginResponse(line)
	}
	d.build.active = ok
	return ok, nil
}

// noLine is what is said of a line that is none.
var noLine = [2]string{"a line that is no command", "a line that is no response"}

// more keeps text.
func (c *call) more(text []byte) {
	d := c.d
	room := c.s.env.Limits.IMAPLine - len(d.build.text)
	if room < len(text) {
		d.build.cut = true
		text = text[:max(0, room)]
		c.limit(0, "imap-line", c.s.env.Limits.IMAPLine, "the text beyond is left out")
	}
	d.build.text = append(d.build.text, text...)
}

// lineOver: the end of a line was reached, whose last bytes are in tail.
func (c *call) lineOver() {
	s, d := c.s, c.d
	d.state = inLine
	spec, ok := parseLiteral(d.tail.b[:d.tail.n])
	if ok && c.mayHoldLiteral() {
		if limit := s.env.Limits.IMAPLiterals; len(d.build.literals) >= limit {
			d.build.cut = true
			c.limit(1, "imap-literals", limit, "further literals are not listed")
		} else {
			d.build.literals = append(d.build.literals, spec.size)
		}
		d.left = spec.size
		d.state = inLiteral
		d.hint = nil
		if d.from == events.FromClient {
			s.client.sync = !spec.nonSync
		}
		if s.mail {
			if hint, is := c.messageHint(); is {
				d.hint = &hint
			}
		}
		s.literalOver(d, c.out)
		return
	}
	if d.from == events.FromClient {
		s.finishCommand(c.out, c.w.Frame)
		return
	}
	c.agreed(s.finishResponse(c.out, c.w.Frame))
}

// skip passes bytes up to the end of a line.
func (c *call) skip() {
	d := c.d
	b := c.rest()
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		d.tail.add(b)
		c.off += len(b)
		return
	}
	c.off += i + 1
	if d.state == tornLine {
		d.state = seeking
		return
	}
	d.tail.add(b[:i])
	d.tail.trim()
	c.lineOver()
}

// limit tells once for each side that a limit was reached.
func (c *call) limit(which int, name string, value int, reason string) {
	if !c.d.told[which] {
		c.d.told[which] = true
		c.out.Limit(name, value, reason, 0)
	}
}

// tail keeps the last bytes of a line: as many as a literal's announcement
// takes ("~{9223372036854775807+}").
type tail struct {
	b [32]byte
	n int
}

func (t *tail) add(p []byte) {
	if len(p) >= len(t.b) {
		t.n = copy(t.b[:], p[len(p)-len(t.b):])
		return
	}
	if over := t.n + len(p) - len(t.b); over > 0 {
		t.n = copy(t.b[:], t.b[over:t.n])
	}
	t.n += copy(t.b[t.n:], p)
}

// trim takes off the carriage return before a line feed.
func (t *tail) trim() {
	if t.n > 0 && t.b[t.n-1] == '\r' {
		t.n--
	}
}

// trim is a line without its end.
func trim(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}
