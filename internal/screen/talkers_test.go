package screen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers"
)

// talkersOf are the last figures of host A of the rows of talkers, from top to
// bottom.
func talkersOf(m *model) string {
	var got []string
	for l := range strings.Lines(m.View()) {
		for i := 1; i <= 5; i++ {
			if strings.Contains(l, fmt.Sprintf("10.0.0.%d ", i)) {
				got = append(got, fmt.Sprint(i))
			}
		}
		if strings.Contains(l, "2001:db8:") {
			got = append(got, "6")
		}
	}
	return strings.Join(got, "")
}

// How many there are depends on the height; what gives way is told nowhere else,
// so the protocols stay until the screen is very low.
func TestTalkersByHeight(t *testing.T) {
	for _, c := range []struct {
		width, height int
		want          string
		protocols     bool
	}{{40, 12, "1", false}, {60, 16, "12", true}, {80, 24, "123", true}, {100, 30, "12345", true}, {120, 40, "123456", true}} {
		m := on(c.width, c.height, made())
		if got := talkersOf(m); got != c.want {
			t.Errorf("%dx%d: talkers %s, want %s:\n%s", c.width, c.height, got, c.want, m.View())
		}
		if got := strings.Contains(m.View(), "tls 80.0 %"); got != c.protocols {
			t.Errorf("%dx%d: protocols %v, want %v", c.width, c.height, got, c.protocols)
		}
	}
}

// On 80x24 all parts of the overview have room: figures whole, and a finding.
func TestOverview80x24(t *testing.T) {
	m := on(80, 24, made())
	has(t, m, "800 kb/s", "most 6.40 Mb/s", "12,345", "40 by the kernel", "/var/tmp/out.pcapng",
		"10.0.0.1  10.0.9.1", "6.00 MB  88.4 %", "10.0.0.2", "700 kB", "tls 80.0 %, bittorrent 20.0 %", "transport", "DNS", "one was never answered", "flow b is slow", "a remark")
	s := made()
	s.KernelDrops, s.QueueDrops, s.File, s.Sections = 0, 0, "", nil
	m.Update(s)
	has(t, m, "newest messages", "Message-30")
}

// s sorts the talkers of the overview as it sorts tables, and the table of them
// with it.
func TestTalkersAreSorted(t *testing.T) {
	m := on(80, 24, made())
	for _, c := range []struct{ by, want string }{
		{"by host A", "123"}, {"by host B", "123"}, {"by on the wire", "123"}, {"by share", "123"}, {"by now", "423"}, {"", "123"},
	} {
		press(m, "s")
		if got := talkersOf(m); got != c.want {
			t.Errorf("%q: talkers %s, want %s:\n%s", c.by, got, c.want, m.View())
		}
		if has(t, m, c.by); c.by == "" {
			hasNot(t, m, "by now")
		}
	}
	press(m, "s", "s", "s", "s", "s", "3")
	has(t, m, "Top talkers", "by now")
	if got := talkersOf(m); got != "423156" {
		t.Errorf("in the table: %s", got)
	}
	press(m, "s")
	has(t, m, "by A to B")
	press(m, "1") // which the overview does not have
	has(t, m, "by A to B")
}

// On the smallest screen there is who and how much.
func TestTalkersNarrow(t *testing.T) {
	m := on(40, 12, made())
	has(t, m, "talkers        88.4 %  10.0.0.1")
	s := made()
	s.Talkers.Rows = [][]string{{"a", "b"}, {}}
	m.Update(s)
	fits(t, m)
}

func TestNoTalkers(t *testing.T) {
	s := made()
	s.Talkers, s.Protocols = analyzers.Section{}, analyzers.Section{}
	m := on(80, 24, s)
	press(m, "s")
	has(t, m, "none yet")
}

// On a narrow screen a message is shorter at its head, where it has a head.
func TestMessageInShort(t *testing.T) {
	x := Message{Frame: 12, Text: "12  0.5  tcp:1  a:1 → b:2  http1  GET /"}
	for width, want := range map[int]string{80: "tcp:1  a:1 → b:2  http1  GET /", 120: x.Text} {
		if got := inShort(&x, width); got != want {
			t.Errorf("%d columns: %q", width, got)
		}
	}
	for _, text := range []string{"", "12", "12  0.5", "13  0.5  other frame", "  "} {
		if got := inShort(&Message{Frame: 12, Text: text}, 80); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
