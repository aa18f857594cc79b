package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// listed is how many hosts, links or facts are named one by one.
const listed = 8

// summarize says in words what happened.
func summarize(w io.Writer, s *scenarios.Scenario, p *scenarios.Params, t *truth.Truth, r *simnet.Recording, keys bool) error {
	out := bufio.NewWriter(w)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "%s: %s\n", s.Name, s.Doc)
	line("again", "%s", command(s.Name, p))

	var hosts []string
	for _, h := range t.Hosts {
		a := ""
		if len(h.Addrs) > 0 {
			a = " " + h.Addrs[0].String()
		}
		hosts = append(hosts, h.Name+a)
	}
	line("hosts", "%s", list(hosts))
	for i, link := range links(t.Paths) {
		if i == 0 {
			line("links", "%s", link)
		} else {
			line("", "%s", link)
		}
	}
	line("connections", "%d", len(t.Connections))
	line("messages", "%s", messages(t))
	if len(t.Protected) > 0 {
		line("under TLS", "%d more", len(t.Protected))
	}
	if counts := countBy(t.Cache, func(c truth.CacheDecision) string { return c.Outcome }); counts != "" {
		line("cache", "%s", counts)
	}
	if counts := countBy(t.Choices, func(c truth.Choice) string { return c.What }); counts != "" {
		line("choices", "%s", counts)
	}
	for i, k := range slices.Sorted(maps.Keys(t.Facts)) {
		if i == listed {
			line("", "… and %d more", len(t.Facts)-listed)
			break
		}
		name := ""
		if i == 0 {
			name = "facts"
		}
		line(name, "%s = %s", k, fact(t.Facts[k]))
	}
	if r.Real != nil {
		line("capture", "none: who captures on lo while it plays has one (sudo wiretale sniff -i lo -w FILE)")
		return out.Flush()
	}
	if drops := countBy(t.Drops, func(d truth.Drop) string { return d.Reason }); drops != "" {
		line("drops", "%d packets: %s", len(t.Drops), drops)
	} else {
		line("drops", "none")
	}
	var bytes int64
	for _, k := range r.Packets {
		bytes += int64(len(k.Data))
	}
	var span time.Duration
	if n := len(r.Packets); n > 0 {
		span = time.Duration(r.Packets[n-1].Time - r.Packets[0].Time)
	}
	line("capture", "%d packets, %d bytes, %s, seen at: %s", len(r.Packets), bytes, span.Round(time.Microsecond), list(r.Interfaces))
	if keys {
		line("", "the keys of TLS and QUIC are in it")
	}
	return out.Flush()
}

// links are both directions of each link, in words.
func links(paths []truth.Path) []string {
	var out []string
	told := map[[2]string]bool{}
	for i := range paths {
		p := &paths[i]
		if told[[2]string{p.To, p.From}] {
			continue
		}
		told[[2]string{p.From, p.To}] = true
		var back *truth.Path
		for j := range paths {
			if paths[j].From == p.To && paths[j].To == p.From {
				back = &paths[j]
			}
		}
		s := fmt.Sprintf("%s - %s: %s there", p.From, p.To, p.Delay.Std())
		if back != nil {
			s += fmt.Sprintf(", %s back; %d and %d packets", back.Delay.Std(), p.Packets, back.Packets)
		}
		if p.Rate > 0 {
			s += "; " + RateText(p.Rate)
		}
		if p.Loss > 0 {
			s += "; loss " + ShareText(p.Loss)
		}
		if p.Jitter > 0 {
			s += "; jitter " + p.Jitter.Std().String()
		}
		if p.Reorder > 0 {
			s += "; reordering " + ShareText(p.Reorder)
		}
		out = append(out, s)
	}
	if len(out) > listed {
		out = append(out[:listed], fmt.Sprintf("… and %d more", len(out)-listed))
	}
	return out
}

// messages counts them by kind, and those that nobody received.
func messages(t *truth.Truth) string {
	if len(t.Messages) == 0 {
		return "none"
	}
	s := fmt.Sprintf("%d: %s", len(t.Messages), countBy(t.Messages, func(m truth.Message) string { return string(m.Kind) }))
	lost := 0
	for i := range t.Messages {
		if t.Messages[i].Lost || t.Messages[i].Receiver.End.IsZero() {
			lost++
		}
	}
	if lost > 0 {
		s += fmt.Sprintf("; %d of them lost", lost)
	}
	return s
}

// countBy counts things by name: "11 http.request, 11 http.response".
func countBy[T any](things []T, name func(T) string) string {
	counts := map[string]int{}
	for _, x := range things {
		counts[name(x)]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d %s", counts[k], k))
	}
	return strings.Join(out, ", ")
}

func list(names []string) string {
	if len(names) > listed {
		return strings.Join(names[:listed], ", ") + fmt.Sprintf(", … and %d more", len(names)-listed)
	}
	return strings.Join(names, ", ")
}

// factWidth is how much of a fact is worth a line.
const factWidth = 100

func fact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if s := []rune(string(b)); len(s) > factWidth {
		return string(s[:factWidth]) + "…"
	}
	return string(b)
}
