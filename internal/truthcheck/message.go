// Package truthcheck matches the messages of a replayed scenario's truth with
// those that wiretale decoded from its capture, one by one. It must not decode
// anything itself, and it must not change what either side says.
package truthcheck

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/wiretale/wiretale/replay/truth"
)

// Message is one application message as one side tells it.
type Message struct {
	Kind   truth.Kind
	Client netip.AddrPort
	Server netip.AddrPort
	// Proto is the transport: tcp or udp.
	Proto string
	// What is the message in words, for a person.
	What string
	// Brief is as much of it as every tool can tell; "" where tools do not.
	Brief string
	// FromClient: its client sent it.
	FromClient bool
	// Frame is where the capture has its end; 0 in the truth.
	Frame uint64
	// Sent counts, from 0, the messages of this account in the order told.
	Sent int
	// Lost: the truth knows of no receiver. A capture may have it or not.
	Lost bool

	// exact must be equal on both sides.
	exact string
	// maybe are compared where the truth tells them; unknown on our side fits
	// all.
	maybe []string
	// least and most bytes of what is encrypted.
	least, most int64
	// fields of HTTP by lower-case name: the truth tells some of them.
	fields map[string]string
}

// unknown is what wiretale cannot know from a capture.
const unknown = "\x00"

// Flow is the conversation in words.
func (m *Message) Flow() string { return m.Proto + " " + m.Client.String() + " > " + m.Server.String() }

func (m *Message) String() string {
	s := fmt.Sprintf("%s %s %q", m.Flow(), m.Kind, m.What)
	if m.Frame != 0 {
		s = fmt.Sprintf("frame %d: %s", m.Frame, s)
	}
	for _, v := range m.maybe {
		if v != "" && v != unknown {
			s += fmt.Sprintf(" [%s]", v)
		}
	}
	return s
}

// Ends are the addresses of the sender and of the receiver.
func (m *Message) Ends() (from, to netip.AddrPort) {
	if m.FromClient {
		return m.Client, m.Server
	}
	return m.Server, m.Client
}

// group is what both accounts of one message share.
func (m *Message) group() string {
	return string(m.Kind) + "\x01" + m.Flow() + "\x01" + m.exact
}

// fits reports whether ours may be the message t of the truth.
func (m *Message) fits(t *Message) bool {
	for i, want := range t.maybe {
		if want == "" || i >= len(m.maybe) || m.maybe[i] == unknown {
			continue
		}
		if m.maybe[i] != want {
			return false
		}
	}
	if m.most < t.least || m.most > t.most {
		return false
	}
	for name, want := range t.fields {
		if m.fields[name] != want {
			return false
		}
	}
	return true
}

// words joins what is not empty with one blank.
func words(ws ...string) string {
	var out []string
	for _, w := range ws {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}
