package screen

import (
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
)

// key does what a key says.
func (m *model) key(k tea.KeyMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return tea.Quit
	}
	switch m.mode {
	case helping:
		if m.mode = browsing; k.String() == "q" {
			return tea.Quit
		}
		return nil
	case typing:
		m.typeKey(k)
		return nil
	}
	switch k.String() {
	case "q":
		return tea.Quit
	case "1":
		m.view = overview
	case "2":
		m.view = messages
	case "3":
		m.view = tables
	case " ":
		m.pause()
	case "?":
		m.mode = helping
	case "/":
		m.view, m.mode, m.list.typed = messages, typing, m.list.filter
	default:
		switch m.view {
		case overview:
			m.overviewKey(k.String())
		case messages:
			m.messagesKey(k.String())
		case tables:
			m.tablesKey(k.String())
		}
	}
	return nil
}

// maxFilter is the longest text that is looked for, in bytes.
const maxFilter = 200

// typeKey edits the text of the filter, which works while it is typed.
func (m *model) typeKey(k tea.KeyMsg) {
	l := &m.list
	switch k.Type {
	case tea.KeyEnter:
		m.mode = browsing
	case tea.KeyEsc:
		m.mode, l.filter = browsing, l.typed
	case tea.KeyBackspace:
		_, n := utf8.DecodeLastRuneInString(l.filter)
		l.filter = l.filter[:len(l.filter)-n]
	case tea.KeyCtrlU:
		l.filter = ""
	case tea.KeyRunes, tea.KeySpace:
		if len(l.filter)+len(string(k.Runes)) <= maxFilter {
			l.filter += string(k.Runes)
		}
	}
}

// footer says which keys do something now.
func (m *model) footer() []span {
	text := ""
	switch {
	case m.mode == helping:
		text = "any key: back   q quit"
	case m.mode == typing:
		return []span{{bold, "/" + m.list.filter + "_"}, {dim, "   enter: keep   esc: as before"}}
	case m.view == overview:
		text = "q quit  ? help  space pause  s sort  / filter"
	case m.view == messages && m.list.show == conversation:
		text = "q quit  ? help  space pause  esc back  ↑↓"
	case m.view == messages:
		text = "q quit  ? help  space pause  f follow  / filter  enter open  ↑↓"
	case m.view == tables:
		text = "q quit  ? help  space pause  tab next  s sort  ↑↓"
	}
	return []span{{dim, text}}
}
