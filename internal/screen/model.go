package screen

import (
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/wiretale/wiretale/analyzers"
)

// view is what fills the screen.
type view uint8

const (
	overview view = iota
	messages
	tables
)

var viewNames = [...]string{overview: "overview", messages: "messages", tables: "tables"}

// mode is what keys mean.
type mode uint8

const (
	browsing mode = iota
	typing        // the text of the filter
	helping       // any key goes back
)

// model is the screen without a terminal.
type model struct {
	state   State
	latest  State // came while the view was paused
	paused  bool
	onPause func(bool)

	width, height int
	color         bool
	view          view
	mode          mode
	list          list
	table         tableView
}

func newModel(color bool, onPause func(bool)) *model {
	return &model{width: 80, height: 24, color: color, onPause: onPause, table: tableView{sorted: map[string]int{}}}
}

// Init is part of tea.Model.
func (m *model) Init() tea.Cmd { return nil }

// Update is part of tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case State:
		if m.latest = msg; !m.paused {
			m.take()
		}
	case tea.KeyMsg:
		return m, m.key(msg)
	}
	return m, nil
}

// take shows the latest state.
func (m *model) take() {
	m.state = m.latest
	if n := len(m.state.Messages); n > MaxMessages {
		m.state.Messages = m.state.Messages[n-MaxMessages:]
	}
}

func (m *model) pause() {
	if m.paused = !m.paused; !m.paused {
		m.take()
	}
	if m.onPause != nil {
		m.onPause(m.paused)
	}
}

// The smallest terminal on which all of a view has a meaning.
const minWidth, minHeight = 40, 12

// View is part of tea.Model: at most height lines of at most width columns.
func (m *model) View() string {
	c := &canvas{width: max(m.width, 0), height: max(m.height, 0), color: m.color}
	if m.width < minWidth || m.height < minHeight {
		c.line(span{bold, "wiretale"})
		c.line(span{plain, "The screen is too small:"})
		c.line(span{plain, "40 columns, 12 lines."})
		return c.String()
	}
	m.header(c)
	body := &canvas{width: c.width, height: c.room() - 1, color: c.color}
	switch {
	case m.mode == helping:
		m.help(body)
	case m.view == overview:
		m.overview(body)
	case m.view == messages:
		m.messages(body)
	case m.view == tables:
		m.tables(body)
	}
	c.lines = append(c.lines, body.lines...)
	c.bottom(m.footer()...)
	return c.String()
}

func (m *model) header(c *canvas) {
	s := &m.state
	spans := []span{{bold, "wiretale"}, {plain, "  " + s.Interface}}
	if !s.Started.IsZero() {
		spans = append(spans, span{plain, "  " + clock(s.Now.Sub(s.Started))})
	}
	if m.paused {
		spans = append(spans, span{yellow, "  paused"})
	}
	if n := s.KernelDrops + s.QueueDrops; n > 0 {
		spans = append(spans, span{red, "  " + analyzers.CountText(int64(n)) + " dropped"})
	}
	c.line(spans...)
	var tabs []span
	for v, name := range viewNames {
		st := dim
		text := " " + string(rune('1'+v)) + " " + name + " "
		if view(v) == m.view {
			st, text = reverse, "["+strings.TrimSpace(text)+"]"
		}
		tabs = append(tabs, span{st, text}, span{plain, " "})
	}
	c.line(tabs...)
}

// clock is d as hours, minutes and seconds.
func clock(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
