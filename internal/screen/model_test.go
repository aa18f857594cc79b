package screen

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/report"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// made is a state with something in each part: messages on three streams, two
// questions, drops.
func made() State {
	s := State{
		Interface: "eth0", Started: began, Now: began.Add(83 * time.Second),
		Packets: 12345, Bytes: 6789000, Delivered: 12300, KernelDrops: 40, QueueDrops: 5, Flows: 34,
		Rates: []float64{0, 1e5, 2e5, 4e5, 8e5}, PacketRate: 999.6, ByteRate: 1e5,
		File: "/var/tmp/out.pcapng",
		Talkers: analyzers.Section{
			Title: "Top talkers", Lead: "6.79 MB between 6 pairs of hosts.",
			Columns: []analyzers.Column{{Name: "host A"}, {Name: "host B"}, {Name: "on the wire", Right: true}, {Name: "share", Right: true}, {Name: "now", Right: true},
				{Name: "A to B", Right: true}, {Name: "packets", Right: true}},
			Rows: [][]string{
				{"10.0.0.1", "10.0.9.1", "6.00 MB", "88.4 %", "–", "1.00 MB", "9,000"},
				{"10.0.0.2", "10.0.9.2", "700 kB", "10.3 %", "800 kb/s", "1.00 kB", "3,000"},
				{"10.0.0.3", "10.0.9.3", "60.0 kB", "0.9 %", "96.0 b/s", "1.00 kB", "300"},
				{"10.0.0.4", "10.0.9.4", "20.0 kB", "0.3 %", "1.00 Mb/s", "1.00 kB", "25"},
				{"10.0.0.5", "10.0.9.5", "6.00 kB", "0.088 %", "–", "1.00 kB", "12"},
				{"2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:8765:4321:9abc:def0:1234:5678", "3.00 kB", "0.044 %", "–", "1.00 kB", "8"},
			},
		},
		Protocols: analyzers.Section{
			Title: "Protocols", Brief: "tls 80.0 %, bittorrent 20.0 %", Lead: "6.79 MB in 2 protocols.",
			Columns: []analyzers.Column{{Name: "protocol"}, {Name: "on the wire", Right: true}},
			Rows:    [][]string{{"tls", "5.43 MB"}, {"bittorrent", "1.36 MB"}},
		},
		Sections: []analyzers.Section{
			{
				Area: analyzers.Transport, Title: "Round trips", Brief: "3 flows, 34 ms", Lead: "Three flows were measured.",
				Columns:  []analyzers.Column{{Name: "flow"}, {Name: "rtt", Right: true}, {Name: "bytes", Right: true}},
				Rows:     [][]string{{"b", "2.00 s", "900 B"}, {"a", "34.0 ms", "1.20 kB"}, {"c", "250 µs", "20 B"}},
				More:     4,
				Findings: []analyzers.Finding{{Severity: analyzers.Warn, Text: "flow b is slow"}},
			},
			{Area: analyzers.DNS, Title: "Silent", Brief: ""},
			{
				Area: analyzers.DNS, Title: "Look-ups", Brief: "9 queries", Lead: "Nine queries.",
				Columns:  []analyzers.Column{{Name: "name"}},
				Rows:     [][]string{{"example.com."}},
				Findings: []analyzers.Finding{{Severity: analyzers.Bad, Text: "one was never answered"}, {Severity: analyzers.Note, Text: "a remark"}},
			},
		},
	}
	for i := range 30 {
		transport, stream := "tcp", uint32(i%2)
		if i%3 == 2 {
			transport = "udp"
		}
		s.Messages = append(s.Messages, Message{Frame: uint64(i + 1), Stream: stream, Transport: transport, Text: fmt.Sprintf("%d %s %d Message-%d", i+1, transport, stream, i+1)})
	}
	return s
}

// on is a model with a state, on a screen.
func on(width, height int, s State) *model {
	m := newModel(false, nil)
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	m.Update(s)
	return m
}

var namedKeys = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "ctrl+c": tea.KeyCtrlC, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
}

// press presses keys, one after the other; it tells whether the last one quits.
func press(m *model, keys ...string) (quit bool) {
	for _, k := range keys {
		msg := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)}
		if t, ok := namedKeys[k]; ok {
			msg = tea.KeyMsg{Type: t}
		} else if k == " " {
			msg = tea.KeyMsg{Type: tea.KeySpace, Runes: []rune(k)}
		}
		_, cmd := m.Update(msg)
		if quit = cmd != nil; quit {
			_, quit = cmd().(tea.QuitMsg)
		}
	}
	return quit
}

func has(t *testing.T, m *model, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if v := m.View(); !strings.Contains(v, w) {
			t.Errorf("%q is not on the screen:\n%s", w, v)
		}
	}
}

func hasNot(t *testing.T, m *model, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if v := m.View(); strings.Contains(v, w) {
			t.Errorf("%q is on the screen:\n%s", w, v)
		}
	}
}

var styles = regexp.MustCompile("\x1b\\[[0-9;]*m")

// fits checks that a screen fits, and that nothing but styles steers it.
func fits(t *testing.T, m *model) {
	t.Helper()
	v := styles.ReplaceAllString(m.View(), "")
	lines := strings.Split(v, "\n")
	if len(lines) > max(m.height, 1) {
		t.Errorf("%dx%d: %d lines", m.width, m.height, len(lines))
	}
	for _, l := range lines {
		if w := report.Width(l); w > m.width {
			t.Errorf("%dx%d: %d columns: %q", m.width, m.height, w, l)
		}
		for _, r := range l {
			if !unicode.IsPrint(r) {
				t.Errorf("%dx%d: %q in %q", m.width, m.height, r, l)
			}
		}
	}
}

// hostile is text that would clear the screen, set the title, turn text around
// and break lines.
const hostile = "a\x1b[2J\x1b]0;owned\a\r\nb\u202eevil\u200b\x9b31m\xff\x00漢字🙂\tend"

func hostileState() State {
	s := made()
	s.Interface, s.File = hostile, hostile
	for i := range s.Messages {
		s.Messages[i].Text = hostile
		s.Messages[i].Transport = hostile
	}
	all := []*analyzers.Section{&s.Talkers, &s.Protocols}
	for i := range s.Sections {
		all = append(all, &s.Sections[i])
	}
	for _, x := range all {
		x.Title, x.Brief, x.Lead = hostile, hostile, hostile
		x.Columns = append(x.Columns, analyzers.Column{Name: hostile})
		x.Rows = [][]string{{hostile, hostile}, {}, {hostile, "1", "2", "3", "4", "5", "6"}}
		x.Findings = []analyzers.Finding{{Severity: analyzers.Bad, Text: hostile}}
	}
	return s
}

// Every view at every size: it fits, whatever the wire says.
func TestFitsAnySize(t *testing.T) {
	views := [][]string{{"1"}, {"1", "s"}, {"1", "s", "s", "s", "s", "s"}, {"2"}, {"2", "up", "up", "f"}, {"2", "enter"}, {"/", "a"}, {"/", hostile}, {"3"}, {"3", "tab", "s", "end"}, {"3", "shift+tab", "s"}, {"?"}}
	for name, s := range map[string]State{"made": made(), "hostile": hostileState(), "empty": {}} {
		for _, color := range []bool{false, true} {
			for _, size := range [][2]int{{0, 0}, {1, 1}, {5, 2}, {39, 12}, {40, 11}, {40, 12}, {41, 13}, {80, 24}, {100, 20}, {132, 43}, {300, 100}} {
				for _, keys := range views {
					t.Run(fmt.Sprintf("%s/%v/%dx%d/%q", name, color, size[0], size[1], keys), func(t *testing.T) {
						m := on(size[0], size[1], s)
						m.color = color
						press(m, keys...)
						fits(t, m)
					})
				}
			}
		}
	}
}

func TestNoColorHasNoEscapes(t *testing.T) {
	m := on(80, 24, hostileState())
	for _, k := range []string{"1", "2", "3", "?"} {
		press(m, k)
		hasNot(t, m, "\x1b")
	}
}

func TestOverview(t *testing.T) {
	m := on(100, 24, made())
	has(t, m, "eth0", "12,300 of 12,345, 1,000/s", "6.79 MB", "34 flows", "800 kb/s", "40 by the kernel, 5 by us (0.4 %)", "45 dropped",
		"/var/tmp/out.pcapng", "transport", "1 warn", "3 flows, 34 ms", "DNS", "1 bad", "9 queries", "flow b is slow", "0:01:23")
	v := m.View()
	if strings.Index(v, "one was never answered") > strings.Index(v, "flow b is slow") {
		t.Errorf("the worst finding is not first:\n%s", v)
	}
	m.color = true
	if !strings.Contains(m.View(), string(red)+"40 by the kernel") {
		t.Errorf("drops are not red: %q", m.View())
	}
	s := made()
	s.KernelDrops, s.QueueDrops = 0, 0
	m.Update(s)
	has(t, m, "none", "12,345, 1,000/s")
	hasNot(t, m, "dropped", "of 12,345", string(red)+"0")
}

// What does not fit is told: a finding that is cut, those that are left out.
func TestFindingsThatDoNotFit(t *testing.T) {
	s := made()
	s.Sections[0].Findings = nil
	for i := range 9 {
		s.Sections[0].Findings = append(s.Sections[0].Findings, analyzers.Finding{Severity: analyzers.Bad, Text: fmt.Sprint("no", i, strings.Repeat(" word", 60))})
	}
	// Eight lines are left below what comes first: two for each of three, one for
	// the fourth, and one that tells of seven more.
	m := on(60, 20, s)
	has(t, m, "no0", "no1", "no3", "wor…", "7 more findings")
	hasNot(t, m, "no4")
	hasNot(t, m, "no8", "……")
	fits(t, m)
	m = on(60, 60, s)
	has(t, m, "no0", "no8", "a remark")
	hasNot(t, m, "more finding")
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		values       []float64
		width, lines int
		want         []string
	}{
		{[]float64{0, 1, 4, 8}, 10, 1, []string{" ▁▄█"}},
		{[]float64{9, 0, 1, 4, 8}, 4, 1, []string{" ▁▄█"}}, // the newest
		{[]float64{4, 8, 6, 0.001}, 10, 2, []string{" █▄ ", "███▁"}},
		{[]float64{0, 0}, 10, 1, []string{"  "}},
		{nil, 10, 1, []string{""}},
		{[]float64{1}, 0, 1, []string{""}},
	} {
		if got, _ := spark(c.values, c.width, c.lines); !slicesEqual(got, c.want) {
			t.Errorf("spark(%v, %d, %d) = %q, want %q", c.values, c.width, c.lines, got, c.want)
		}
	}
}

func slicesEqual(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

func TestQuit(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"2", "q"}, {"3", "q"}, {"?", "q"}, {"/", "ctrl+c"}} {
		if !press(on(80, 24, made()), keys...) {
			t.Errorf("%q does not quit", keys)
		}
	}
	m := on(80, 24, made())
	if press(m, "/", "q") {
		t.Error("q in the text of a filter quits")
	}
	if has(t, m, "/q_"); press(m, "esc", "?", "x") {
		t.Error("x in help quits")
	}
	has(t, m, "newest messages")
}

func TestPause(t *testing.T) {
	var told []bool
	m := newModel(false, func(p bool) { told = append(told, p) })
	m.Update(made())
	press(m, " ")
	has(t, m, "paused", "12,345")
	s := made()
	s.Packets = 99999
	m.Update(s)
	has(t, m, "12,345")
	hasNot(t, m, "99,999")
	press(m, " ")
	has(t, m, "99,999")
	hasNot(t, m, "paused")
	if fmt.Sprint(told) != "[true false]" {
		t.Errorf("told %v", told)
	}
}

func TestFilter(t *testing.T) {
	m := on(80, 40, made())
	press(m, "/", "mESSAGE-3", "0", "backspace")
	has(t, m, "Message-3", "Message-30", "2 of 30")
	hasNot(t, m, "Message-4", "Message-29")
	press(m, "enter")
	has(t, m, "2 of 30")
	press(m, "/", "x", "esc") // as before
	has(t, m, "2 of 30")
	press(m, "esc") // none
	has(t, m, "Message-29")
	press(m, "/", "nowhere", "enter")
	has(t, m, "none")
	press(m, "up", "down", "enter", "f", "home", "end") // of nothing
	fits(t, m)
}

func TestFollowAndConversation(t *testing.T) {
	m := on(80, 40, made())
	press(m, "2", "up") // to message 29
	x := made().Messages[28]
	press(m, "f")
	has(t, m, fmt.Sprintf("following %s stream %d", x.Transport, x.Stream))
	for _, o := range made().Messages {
		if same := o.Stream == x.Stream && o.Transport == x.Transport; same {
			has(t, m, " "+o.Text)
		} else {
			hasNot(t, m, " "+o.Text)
		}
	}
	// It goes on with the stream.
	s := made()
	s.Messages = append(s.Messages, Message{Frame: 31, Stream: x.Stream, Transport: x.Transport, Text: "new here"}, Message{Frame: 32, Stream: 77, Transport: x.Transport, Text: "elsewhere"})
	m.Update(s)
	has(t, m, "> new here")
	hasNot(t, m, "elsewhere")
	press(m, "f")
	has(t, m, "elsewhere")

	press(m, "home", "enter")
	has(t, m, "conversation of tcp stream 0", "> 1 tcp 0 Message-1")
	hasNot(t, m, "udp 1")
	press(m, "esc")
	has(t, m, "newest messages", "udp 1")
}

func TestConversationHasTheWholeText(t *testing.T) {
	s := made()
	s.Messages = []Message{{Frame: 1, Transport: "tcp", Text: strings.Repeat("word ", 30) + "end"}, {Frame: 2, Transport: "tcp", Text: "short"}}
	m := on(60, 24, s)
	press(m, "2")
	hasNot(t, m, "end")
	press(m, "enter")
	has(t, m, "end")
}

// Of the selected one, more is seen than of the others.
func TestSelectedIsWrapped(t *testing.T) {
	s := made()
	s.Messages = []Message{{Frame: 1, Text: strings.Repeat("word ", 20) + "end"}, {Frame: 2, Text: strings.Repeat("more ", 90) + "end"}}
	m := on(60, 12, s)
	press(m, "2", "up")
	has(t, m, "end")
	press(m, "down")
	hasNot(t, m, "end")
	if n := strings.Count(m.View(), "\n    more"); n != maxSelected-1 {
		t.Errorf("%d lines more:\n%s", n, m.View())
	}
}

// The selected message stays where it is while others come and the oldest go.
func TestSelectionStays(t *testing.T) {
	m := on(80, 16, made())
	press(m, "2", "up", "up", "up")
	has(t, m, "> 27 ")
	s := made()
	s.Messages = append(s.Messages[10:], Message{Frame: 99, Text: "newest of all"})
	m.Update(s)
	has(t, m, "> 27 ")
	press(m, "end")
	has(t, m, "> newest of all")
	press(m, "home")
	has(t, m, "> 11 ")
	s = made()
	s.Messages = s.Messages[20:]
	m.Update(s) // it has gone: the first that came after it
	has(t, m, "> 21 ")
}

// Two messages of one frame with one text are two places.
func TestSelectionAmongEquals(t *testing.T) {
	s := made()
	x := Message{Frame: 1, Text: "same"}
	s.Messages = []Message{x, x, x, {Frame: 2, Text: "last"}}
	m := on(80, 16, s)
	press(m, "2", "up", "up")
	if _, at := m.visible(); at != 1 {
		t.Errorf("at %d, want 1", at)
	}
	press(m, "down", "down")
	has(t, m, "> last")
}

func TestTooManyMessages(t *testing.T) {
	s := made()
	s.Messages = make([]Message, MaxMessages+7)
	for i := range s.Messages {
		s.Messages[i] = Message{Frame: uint64(i), Text: fmt.Sprint("no ", i)}
	}
	m := on(80, 24, s)
	press(m, "2", "home")
	has(t, m, "> no 7")
}

func TestTables(t *testing.T) {
	m := on(80, 24, made())
	press(m, "3")
	has(t, m, "Top talkers", "  1 of 4")
	press(m, "tab")
	has(t, m, "Protocols", "  2 of 4", "5.43 MB")
	press(m, "tab")
	has(t, m, "Round trips", "  3 of 4", "Three flows were measured.", "34.0 ms", "4 more")
	order := func(want string) {
		t.Helper()
		var got string
		for _, l := range strings.Split(m.View(), "\n") {
			if f := strings.Fields(l); len(f) > 2 && len(f[0]) == 1 && strings.Contains("abc", f[0]) {
				got += f[0]
			}
		}
		if got != want {
			t.Errorf("rows are in the order %q, want %q:\n%s", got, want, m.View())
		}
	}
	order("bac")
	press(m, "s")
	has(t, m, "by flow")
	order("abc")
	press(m, "s")
	order("bac") // 2 s, 34 ms, 250 µs
	press(m, "s")
	order("abc") // 1.2 kB, 900 B, 20 B
	press(m, "s")
	hasNot(t, m, "by bytes")
	order("bac")
	press(m, "tab")
	has(t, m, "Look-ups", "  4 of 4", "example.com.")
	hasNot(t, m, "Silent")
	press(m, "tab")
	has(t, m, "Top talkers")
	press(m, "shift+tab")
	has(t, m, "Look-ups")
	// Each table keeps its order.
	press(m, "shift+tab", "s", "tab", "shift+tab")
	has(t, m, "by flow")
	order("abc")
}

// A question that comes later does not move the one that is looked at.
func TestTheQuestionStays(t *testing.T) {
	m := on(80, 24, made())
	press(m, "3", "tab", "tab", "tab")
	s := made()
	s.Sections = append([]analyzers.Section{{Title: "Early", Lead: "First."}}, s.Sections...)
	m.Update(s)
	has(t, m, "Look-ups", "  5 of 5")
}

func TestScroll(t *testing.T) {
	s := made()
	s.Sections[0].Rows = nil
	for i := range 50 {
		s.Sections[0].Rows = append(s.Sections[0].Rows, []string{fmt.Sprint("row-", i)})
	}
	s.Sections[0].More = 0
	m := on(80, 20, s)
	press(m, "3", "tab", "tab")
	has(t, m, "row-0", "more")
	hasNot(t, m, "above", "row-49")
	press(m, "end")
	has(t, m, "row-49", "above")
	hasNot(t, m, "more")
	press(m, "up")
	has(t, m, "row-48")
	hasNot(t, m, "row-49")
	press(m, "home", "down")
	has(t, m, "row-1", "1 above")
}

func TestFigure(t *testing.T) {
	for cell, want := range map[string]float64{"1,234": 1234, "34.0 ms": 0.034, "3.5 %": 3.5, "-2.00 s": -2, "1.54 Mb/s": 1.54e6, "12": 12, "3.20 h": 11520, "5,662 d": 5662 * 86400} {
		if got, ok := figure(cell); !ok || got != want {
			t.Errorf("figure(%q) = %v, %v; want %v", cell, got, ok, want)
		}
	}
	for _, cell := range []string{"", "–", "10.0.0.1:80", "12 cats", "example.com", "0x10"} {
		if got, ok := figure(cell); ok {
			t.Errorf("figure(%q) = %v", cell, got)
		}
	}
}
