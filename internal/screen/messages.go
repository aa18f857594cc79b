package screen

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

// shown is which messages are shown.
type shown uint8

const (
	everything   shown = iota
	following          // one stream, as it goes on
	conversation       // one stream, all of each message's text
)

// list is the view of messages.
type list struct {
	filter string
	typed  string // the filter before it was edited
	show   shown
	// transport and stream are the stream to which show is limited.
	transport string
	stream    uint32
	// chosen is the selected message where held is set; else it is the newest,
	// whichever that is.
	chosen Message
	later  int // messages like it that came after it
	held   bool
}

// has reports whether x is among those that are shown.
func (l *list) has(x *Message) bool {
	if l.show != everything && (x.Stream != l.stream || x.Transport != l.transport) {
		return false
	}
	return l.filter == "" || strings.Contains(strings.ToLower(report.Clean(x.Text)), strings.ToLower(l.filter))
}

// visible are the messages that are shown, and the place of the selected one:
// where it has gone, that of the first that came after it. -1: there is none.
func (m *model) visible() (shown []*Message, at int) {
	l := &m.list
	for i := range m.state.Messages {
		if x := &m.state.Messages[i]; l.has(x) {
			shown = append(shown, x)
		}
	}
	at = len(shown) - 1
	if !l.held {
		return shown, at
	}
	later := l.later
	for i := at; i >= 0 && shown[i].Frame >= l.chosen.Frame; i-- {
		at = i
		if *shown[i] == l.chosen {
			if later == 0 {
				break
			}
			later--
		}
	}
	return shown, at
}

// choose selects the message at a place; the last one stays the newest.
func (m *model) choose(shown []*Message, at int) {
	if len(shown) == 0 {
		return
	}
	at = min(max(at, 0), len(shown)-1)
	m.list.hold(shown, at)
	m.list.held = at < len(shown)-1
}

// hold selects the message at a place, whatever comes after it.
func (l *list) hold(shown []*Message, at int) {
	l.chosen, l.later, l.held = *shown[at], 0, true
	for _, x := range shown[at+1:] {
		if *x == l.chosen {
			l.later++
		}
	}
}

func (m *model) messagesKey(key string) {
	l := &m.list
	shown, at := m.visible()
	page := max(m.height-6, 1)
	switch key {
	case "up", "k":
		m.choose(shown, at-1)
	case "down", "j":
		m.choose(shown, at+1)
	case "pgup":
		m.choose(shown, at-page)
	case "pgdown":
		m.choose(shown, at+page)
	case "home", "g":
		m.choose(shown, 0)
	case "end", "G":
		l.held = false
	case "f":
		if l.show != everything {
			l.show = everything
		} else if at >= 0 {
			l.limit(following, shown[at])
			l.held = false
		}
	case "enter":
		if at >= 0 && l.show != conversation {
			l.hold(shown, at)
			l.limit(conversation, shown[at])
		}
	case "esc":
		if l.show != everything {
			l.show = everything
		} else {
			l.filter = ""
		}
	}
}

// limit shows the stream of x only.
func (l *list) limit(to shown, x *Message) {
	l.show, l.transport, l.stream = to, x.Transport, x.Stream
}

func (m *model) messages(c *canvas) {
	shown, at := m.visible()
	m.messagesHead(c, len(shown))
	if len(shown) == 0 {
		text := "none yet"
		if len(m.state.Messages) > 0 {
			text = "none such among the newest " + analyzers.CountText(int64(len(m.state.Messages)))
		}
		c.line(span{dim, text})
		return
	}
	// Lines of the messages around the selected one, until the body is full.
	first, last, used := at, at, len(m.lines(shown[at], c.width, true))
	for {
		before := used
		if first > 0 {
			if n := len(m.lines(shown[first-1], c.width, false)); used+n <= c.room() {
				first, used = first-1, used+n
			}
		}
		if last < len(shown)-1 {
			if n := len(m.lines(shown[last+1], c.width, false)); used+n <= c.room() {
				last, used = last+1, used+n
			}
		}
		if used == before {
			break
		}
	}
	for i := first; i <= last; i++ {
		mark, st := "  ", plain
		if i == at {
			mark, st = "> ", bold
		}
		for j, text := range m.lines(shown[i], c.width, i == at) {
			if j > 0 {
				mark = "    "
			}
			c.line(span{st, mark + text})
		}
	}
}

// How many lines a message takes at most: in a conversation, and where it is
// the selected one of a list.
const (
	maxWrapped  = 8
	maxSelected = 3
)

// lines are those of a message: one, but of the selected one and in a
// conversation all of its text.
func (m *model) lines(x *Message, width int, selected bool) []string {
	text := report.Clean(x.Text)
	most := maxSelected
	switch {
	case m.list.show == conversation:
		most = maxWrapped
	case !selected:
		return []string{inShort(x, width)}
	}
	room := max(width-4, 1)
	return firstLines(report.Wrap(text, room), most, room)
}

// messagesHead says which messages are shown.
func (m *model) messagesHead(c *canvas, n int) {
	l := &m.list
	var spans []span
	stream := l.transport + " stream " + analyzers.CountText(int64(l.stream))
	switch l.show {
	case everything:
		spans = append(spans, span{bold, "newest messages"})
	case following:
		spans = append(spans, span{bold, "following " + stream})
	case conversation:
		spans = append(spans, span{bold, "conversation of " + stream})
	}
	of := ""
	if all := len(m.state.Messages); n < all {
		of = " of " + analyzers.CountText(int64(all))
	}
	spans = append(spans, span{dim, "  " + analyzers.CountText(int64(n)) + of})
	if l.filter != "" {
		spans = append(spans, span{cyan, "  with “" + l.filter + "”"})
	}
	if l.held && l.show != conversation {
		spans = append(spans, span{dim, "  (End: newest)"})
	}
	c.line(spans...)
}
