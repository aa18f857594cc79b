package dnstransaction

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// word is a type, class, opcode or rcode as a number of this process.
type word uint32

// words gives texts numbers. A message has 16 bits for a type and a class, 12
// for an rcode and 4 for an opcode, so that there are never many.
type words struct {
	texts  []string
	ids    map[string]word
	recent [256]word // by length and last byte: mostly the one looked for
}

func newWords() words {
	return words{texts: []string{""}, ids: map[string]word{"": 0}}
}

func (w *words) of(s string) word {
	if s == "" {
		return 0
	}
	r := &w.recent[(len(s)*31^int(s[len(s)-1])*7^int(s[0]))&255]
	if w.texts[*r] == s {
		return *r
	}
	id, ok := w.ids[s]
	if !ok {
		s = strings.Clone(s) // it may be a piece of a whole message
		id = word(len(w.texts))
		w.texts = append(w.texts, s)
		w.ids[s] = id
	}
	*r = id
	return id
}

func (w *words) text(id word) string { return w.texts[id] }

// addrTexts keeps the text of addresses seen a moment ago.
type addrTexts [256]addrText

type addrText struct {
	addr events.Addr
	n    uint8
	text [39]byte // the longest: eight groups of four digits
}

func (x *addrTexts) append(b []byte, a *events.Addr) []byte {
	t := &x[hashAddr(1, a)>>56]
	if t.n == 0 || t.addr != *a {
		s := a.IP().AppendTo(t.text[:0])
		if len(s) > len(t.text) {
			return append(b, s...)
		}
		t.addr, t.n = *a, uint8(len(s))
	}
	return append(b, t.text[:t.n]...)
}
