// Package mail reads messages (RFC 5322) and their MIME structure (RFC 2045 to
// 2049) out of the protocols that carry them. It walks through a message as
// its bytes come in and holds no body. It must not reject what real mailers
// send, and it must not judge: what breaks the rules is a flow.violation.
package mail

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

const name = "mail"

// Proto is a message inside another protocol (decoders.HintMail). It never
// claims a stream by its content.
var Proto = decoders.Proto{
	Name:   name,
	Probe:  func(from events.Dir, _ []byte) (decoders.Verdict, events.Dir) { return decoders.No, from },
	Stream: func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:    "messages (RFC 5322) and their MIME parts, inside SMTP, POP3 and IMAP",
}

// stream is one message.
type stream struct {
	hint decoders.HintMail
	walk walker
	over bool
}

func newStream(env decoders.Env) *stream {
	s := new(stream)
	s.hint, _ = env.Hint.(decoders.HintMail)
	s.walk.init(env, &s.hint)
	return s
}

// Data implements decoders.Stream. It always takes all.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	if w.From != s.hint.From || s.over {
		return len(w.Bytes), 0, nil
	}
	m := &s.walk
	m.frame = w.At(0).Frame
	if m.msg.FirstFrame == 0 {
		m.msg.FirstFrame = m.frame
	}
	m.out = out
	m.write(w.Bytes)
	m.out = nil
	return len(w.Bytes), 0, nil
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, n int64, out decoders.Sink) error {
	if from == s.hint.From && !s.over {
		s.walk.out = out
		s.walk.gap(n)
		s.walk.out = nil
	}
	return nil
}

// End implements decoders.Stream.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	if from != s.hint.From || s.over {
		return
	}
	s.over = true
	s.walk.out = out
	s.walk.end(why == events.EndFIN)
	s.walk.out = nil
}
