package smtpsession

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// What is kept of texts that a stranger chose.
const (
	longestName   = 255
	maxExtensions = 64
	maxStripping  = 8
)

func clip(s string) string { return s[:min(len(s), longestName)] }

// hear takes the answer to EHLO (RFC 5321 section 4.1.1.1): the first line
// greets, each other one is an extension.
func (t *talk) hear(e *events.Event, b *events.SMTPReply) {
	before := t.offers
	t.extensions, t.offers = nil, 0
	for i, line := range b.Lines {
		word, _, _ := strings.Cut(line, " ")
		word = strings.ToUpper(word)
		if i == 0 {
			continue
		}
		t.offers |= offers[word]
		if len(t.extensions) < maxExtensions {
			t.extensions = append(t.extensions, strings.Clone(clip(word)))
		}
		if masked(word) && session.InClear(e) {
			t.tell(fmt.Sprintf("a line of X stands among the extensions (frame %d): some middleboxes write over what they do not want", e.Pos.Frame))
		}
	}
	switch {
	case !session.InClear(e):
		return
	case t.offers&offersTLS != 0:
		if t.offered == 0 {
			t.offered = e.Pos.Frame
		}
		if t.starttls == NotSeen || t.starttls == NotOffered {
			t.starttls = Offered
		}
	case before&offersTLS != 0:
		t.tell(fmt.Sprintf("STARTTLS was offered, and in clear not again (frame %d)", e.Pos.Frame))
	case t.starttls == NotSeen:
		t.starttls = NotOffered
	}
}

// masked: as long as STARTTLS, and all X but perhaps for the last letter.
func masked(word string) bool {
	return len(word) == len("STARTTLS") && strings.Trim(word[:len(word)-1], "X") == ""
}

// tell adds what tells of stripping, once.
func (t *talk) tell(why string) {
	if len(t.stripping) < maxStripping && !slices.Contains(t.stripping, why) {
		t.stripping = append(t.stripping, why)
	}
}
