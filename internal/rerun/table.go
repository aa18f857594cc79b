package rerun

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/report"
)

// listed is how many servers of a protocol, and how many clients, are named one
// by one.
const listed = 10

// Table writes the comparison, what of the capture was not played and why, and
// what is different on purpose.
func Table(w io.Writer, before, after *Script, o report.Options) error {
	right := func(name string) analyzers.Column { return analyzers.Column{Name: name, Right: true} }
	columns := []analyzers.Column{{Name: "protocol"}, {Name: "server"}, {Name: "played by"}, right("messages"), right("equal"),
		right("bytes"), right("until answer, median"), right("took")}
	var rows [][]string
	number, unlisted := map[string]int{}, 0
	figures := Compare(before, after)
	if len(figures) == 2 {
		figures = figures[:1] // all is that
	}
	for _, f := range figures {
		if number[f.Protocol]++; number[f.Protocol] > listed {
			unlisted++
			continue
		}
		server := ""
		if f.Server.IsValid() {
			server = f.Server.String()
		}
		rows = append(rows, []string{f.Protocol, server, f.By, arrow(strconv.Itoa(f.Messages[0]), strconv.Itoa(f.Messages[1])), strconv.Itoa(f.Agreed),
			arrow(strconv.FormatInt(f.Bytes[0], 10), strconv.FormatInt(f.Bytes[1], 10)), spans(f.Answer), spans(f.Took)})
	}
	if err := report.Table(w, columns, rows, o); err != nil {
		return err
	}
	var b strings.Builder
	if unlisted > 0 {
		fmt.Fprintf(&b, "… and %d more servers\n", unlisted)
	}
	rows = nil
	for i, p := range Pages(before, after) {
		if i == listed {
			break
		}
		rows = append(rows, []string{p.Client.String(), arrow(strconv.Itoa(p.Requests[0]), strconv.Itoa(p.Requests[1])), spans(p.Took)})
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	b.Reset()
	if len(rows) > 0 {
		columns := []analyzers.Column{{Name: "client of HTTP"}, right("requests"), right("first question to last response")}
		if err := report.Table(w, columns, rows, o); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	for _, n := range notes(before, after) {
		b.WriteString(n + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// arrow is before and after, once where they are the same.
func arrow(a, b string) string {
	if a == b {
		return a
	}
	return a + " → " + b
}

func spans(d [2]time.Duration) string {
	one := func(d time.Duration) string {
		switch {
		case d == 0:
			return "—"
		case d < time.Second:
			return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
		}
		if d > time.Hour {
			return d.Round(time.Second).String()
		}
		return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) + " s"
	}
	if d[0] == 0 && d[1] == 0 {
		return ""
	}
	return one(d[0]) + " → " + one(d[1])
}

// notes are what is to be said beside the figures.
func notes(before, after *Script) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch n, k := len(before.Conversations), len(before.exchanges); {
	case k == 0:
		say("played: %s.", count(n, "conversation"))
	case n == 0:
		say("played: %s of HTTP.", count(k, "exchange"))
	default:
		say("played: %s, and %s of HTTP.", count(n, "conversation"), count(k, "exchange"))
	}
	if before.Broken != nil {
		say("of the capture, up to a break: %s.", before.Broken)
	}
	if stopped := list(before.Stopped); stopped != "" {
		say("of these, conversations played up to a place only: %s.", stopped)
	}
	oneSided := 0
	for _, c := range before.Conversations {
		if c.stopped == "" && c.oneSided() {
			oneSided++
		}
	}
	if oneSided > 0 {
		say("one-sided: %s; the other direction was not captured, so nobody answers.", count(oneSided, "conversation"))
	}
	if left := list(before.Left); left != "" {
		say("left out, conversations: %s.", left)
	}
	if left := list(before.LeftExchanges); left != "" {
		say("left out, exchanges of HTTP: %s.", left)
	}
	if before.refused != "" {
		say("  of these, the first: %s.", before.refused)
	}
	bytes := false
	for _, c := range before.Conversations {
		bytes = bytes || c.protocol() == "http"
	}
	if bytes {
		say("HTTP/1 is played byte by byte: net/http would sort the fields and spell some anew. --as http1 lets it.")
	}
	versions := map[web.Version]bool{}
	for _, n := range before.exchanges {
		versions[n.played.Version] = true
	}
	switch {
	case versions[web.HTTP2] && before.As == "":
		say("HTTP/2 is played by its library: the frames of a capture cannot be said again.")
	case before.Hidden() && len(before.exchanges) > 0:
		say("What is encrypted now is told by the hosts that played it; Wireshark reads it with the keys in the file.")
	}
	failed, why := 0, ""
	for _, n := range before.exchanges {
		if err := n.played.Told.Err; err != nil {
			if failed++; why == "" {
				why = err.Error()
			}
		}
	}
	if failed > 0 {
		say("failed: %s; the first: %s.", count(failed, "exchange"), why)
	}
	if before.shortened > 0 {
		say("cut short: %s longer than --max-think.", count(before.shortened, "pause"))
	}
	left := map[Reason]int{}
	for r, n := range after.Left {
		// A client may open a connection that it then does not need.
		if !(r == Encrypted && before.Hidden()) && r != Silent {
			left[r] = n
		}
	}
	if s := list(left); s != "" {
		say("of the result, not read again: %s.", s)
	}
	return out
}

// oneSided reports whether only one side of a dialogue was captured.
func (c *Conversation) oneSided() bool {
	for _, m := range c.Messages {
		if c.data != nil || m.From != c.Messages[0].From {
			return false
		}
	}
	return true
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// list is how many were left out for each reason, in words.
func list(left map[Reason]int) string {
	var out []string
	for _, r := range reasons {
		if n := left[r]; n > 0 {
			out = append(out, fmt.Sprintf("%d × %s", n, r))
		}
	}
	return strings.Join(out, "; ")
}
