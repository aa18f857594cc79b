package dnstransaction

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/dns.transaction.md gives the reasons.
const (
	// slow: a page waits for each of its look-ups; half a second is noticed.
	slow = 500 * events.Duration(time.Millisecond)
	// tooYoung: an unanswered query whose row was made sooner after it than
	// this (the capture ended) is not called a fault: resolvers wait so long
	// before their first retry (the 5 s of resolv.conf(5)).
	tooYoung = 5 * events.Duration(time.Second)
	// manyMissing: unanswered queries are bad, not just odd, from this share
	// (1 in 100) on, or when somebody retried in vain.
	manyMissing = 100
	// flood: so many wrong answers to one query are no accident.
	flood = 10
)

const (
	shownRows = 10
	keptRows  = 1000
	exact     = 1024 // latencies kept exactly for the sentence at the top
)

// line is what is kept of a row.
type line struct {
	*Transaction
	key    string
	rank   uint8           // worse first
	cost   events.Duration // time lost
	number int             // of what the rank counts
}

func compareLines(a, b line) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.cost, a.cost), cmp.Compare(b.number, a.number),
		cmp.Compare(first(a.Frames), first(b.Frames)), strings.Compare(a.key, b.key), strings.Compare(a.Filter, b.Filter), cmp.Compare(a.ResponseFrame, b.ResponseFrame))
}

func first(fs []uint64) uint64 {
	if len(fs) == 0 {
		return 0
	}
	return fs[0]
}

// fault is one kind of finding: how often, and its worst rows.
type fault struct {
	count int
	cost  events.Duration
	worst *analyzers.Top[line]
}

func newFault() fault { return fault{worst: analyzers.NewTop(analyzers.MaxFrames, compareLines)} }

func (f *fault) add(l line) {
	f.count++
	f.cost += l.cost
	f.worst.Add(l)
}

type summary struct {
	rows      *analyzers.Top[line]
	latencies analyzers.Sketch

	queries, answered, unanswered, open, undecided, multicast int

	missing, slow, failed, differing, wrong, noFallback, unasked, retriedInVain fault
}

func newSummary() *summary {
	return &summary{
		rows:    analyzers.NewTop(keptRows, compareLines),
		missing: newFault(), slow: newFault(), failed: newFault(), differing: newFault(), wrong: newFault(), noFallback: newFault(), unasked: newFault(), retriedInVain: newFault(),
	}
}

// The ranks of rows in the table.
const (
	rankDiffers = iota
	rankWrong
	rankMissing
	rankSlow
	rankFailed
	rankPlain
)

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Transaction)
	if !ok {
		return
	}
	if v.Protocol != "dns" {
		s.multicast++
		return
	}
	l := line{Transaction: v, key: r.Key, rank: rankPlain}
	if v.QueryFrame == 0 {
		s.undecided++
		s.unasked.add(l)
		return
	}
	s.queries++
	if n := len(v.Mismatched); n > 0 {
		l.rank, l.number = rankWrong, n
		s.wrong.add(l)
	}
	for i := range v.SecondAnswers {
		if v.SecondAnswers[i].Differs && !v.SecondAnswers[i].Retry {
			l.number++
			l.rank = rankDiffers
		}
	}
	if l.rank == rankDiffers {
		s.differing.add(l)
	}
	switch v.Status {
	case Answered:
		s.answered++
		s.latencies.Add(int64(v.Store.Latency), exact)
		l.cost = max(v.Store.Latency, v.Waited)
		if l.cost > slow {
			l.rank = min(l.rank, rankSlow)
			s.slow.add(l)
		}
		if v.Rcode == "SERVFAIL" || v.Rcode == "REFUSED" {
			l.rank = min(l.rank, rankFailed)
			s.failed.add(l)
		}
		if v.Truncated && v.Transport == "udp" && v.TCPFallback == 0 {
			s.noFallback.add(l)
		}
	case Unanswered:
		if r.Time.Sub(v.Store.Last) < tooYoung {
			s.open++
			break
		}
		s.unanswered++
		l.cost, l.number = v.Store.Retried, len(v.Retries)
		l.rank = min(l.rank, rankMissing)
		s.missing.add(l)
		if l.number > 0 {
			s.retriedInVain.add(l)
		}
	default:
		s.undecided++
	}
	s.rows.Add(l)
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "DNS transactions",
		Brief: s.brief(),
		Lead:  s.lead(),
		Columns: []analyzers.Column{{Name: "query"}, {Name: "from"}, {Name: "to"}, {Name: "fate"}, {Name: "retries", Right: true},
			{Name: "time", Right: true}, {Name: "frame", Right: true}, {Name: "filter"}},
	}
	kept := s.rows.Kept()
	n := len(kept)
	if !full {
		n = min(n, shownRows)
	}
	for _, l := range kept[:n] {
		v := l.Transaction
		took := "–"
		if v.Status == Answered || v.Store.Retried > 0 {
			took = analyzers.DurationText(max(l.cost, v.Store.Retried))
			if v.Status == Answered {
				took = analyzers.DurationText(l.cost)
			}
		}
		retries := strconv.Itoa(len(v.Retries))
		if len(v.Retries) == 0 {
			retries = ""
		} else if v.Backoff == BackoffExponential || v.Backoff == BackoffFixed {
			retries += " " + string(v.Backoff)
		}
		out.Rows = append(out.Rows, []string{v.Name + " " + v.Type, v.Client, v.Server, fate(v), retries, took, strconv.FormatUint(first(v.Frames), 10), v.Filter})
	}
	out.More = s.rows.Count() - n
	out.Findings = s.findings()
	return out
}

// fate in a few words.
func fate(v *Transaction) string {
	w := v.Status.String()
	if v.Status == Answered {
		w = v.Rcode
	}
	if v.TCPFallback != 0 {
		w += ", truncated, then TCP"
	} else if v.Truncated {
		w += ", truncated"
	}
	if n := len(v.SecondAnswers); n > 0 {
		w += ", " + analyzers.CountOf(int64(n), "more answer")
	}
	if n := len(v.Mismatched); n > 0 {
		w += ", " + analyzers.CountOf(int64(n), "wrong answer")
	}
	return w
}

// brief are the main figures, "" where no unicast query was captured.
func (s *summary) brief() string {
	if s.queries == 0 {
		return ""
	}
	text := fmt.Sprintf("%s of %s queries answered", analyzers.CountText(int64(s.answered)), analyzers.CountText(int64(s.queries)))
	if s.answered > 0 {
		text += ", median " + analyzers.DurationText(events.Duration(s.latencies.Median()))
	}
	return text
}

func (s *summary) lead() string {
	var b strings.Builder
	if s.queries == 0 {
		b.WriteString("No unicast DNS query was captured")
	} else {
		b.WriteString(s.brief())
		if s.answered > 0 {
			b.WriteString(", p95 " + analyzers.DurationText(events.Duration(s.latencies.Percentile(95))))
		}
		if s.unanswered > 0 {
			fmt.Fprintf(&b, "; %s unanswered", analyzers.CountText(int64(s.unanswered)))
		}
		if s.open > 0 {
			fmt.Fprintf(&b, "; %s still open when the capture ended", analyzers.CountText(int64(s.open)))
		}
	}
	if s.undecided > 0 {
		fmt.Fprintf(&b, "; %s undecided", analyzers.CountText(int64(s.undecided)))
	}
	if s.multicast > 0 {
		fmt.Fprintf(&b, "; %s (mDNS, LLMNR)", counted(s.multicast, "multicast query", "multicast queries"))
	}
	b.WriteByte('.')
	return b.String()
}

func (s *summary) findings() []analyzers.Finding {
	var out []analyzers.Finding
	add := func(f *fault, sev analyzers.Severity, text string) {
		fd := analyzers.Finding{Severity: sev, Weight: float64(f.cost) / 1e9, Text: text}
		for _, l := range f.worst.Kept() {
			if len(fd.Frames) < analyzers.MaxFrames {
				fd.Frames = append(fd.Frames, first(l.Frames))
			}
		}
		fd.Filter = f.worst.Kept()[0].Filter
		out = append(out, fd)
	}
	count := func(n int) string { return analyzers.CountText(int64(n)) }
	if f := &s.missing; f.count > 0 {
		w := f.worst.Kept()[0]
		text := fmt.Sprintf("%s of %s DNS queries unanswered; worst: %s %s from %s to %s", count(f.count), count(s.queries), w.Name, w.Type, w.Client, w.Server)
		if n := len(w.Retries); n > 0 {
			text += fmt.Sprintf(", retried %s over %s", times(n), analyzers.DurationText(w.Store.Retried))
		}
		sev := analyzers.Warn
		if s.retriedInVain.count > 0 || f.count*manyMissing >= s.queries {
			sev = analyzers.Bad
		}
		add(f, sev, text)
	}
	if f := &s.differing; f.count > 0 {
		w := f.worst.Kept()[0]
		add(f, analyzers.Bad, fmt.Sprintf("%s got two different answers; worst: %s %s from %s to %s", counted(f.count, "DNS query", "DNS queries"), w.Name, w.Type, w.Client, w.Server))
	}
	if f := &s.wrong; f.count > 0 {
		w := f.worst.Kept()[0]
		sev := analyzers.Warn
		if w.number >= flood {
			sev = analyzers.Bad
		}
		add(f, sev, fmt.Sprintf("%s got answers with a wrong id or question; worst: %s %s from %s to %s, %s", counted(f.count, "DNS query", "DNS queries"), w.Name, w.Type, w.Client, w.Server, times(w.number)))
	}
	if f := &s.slow; f.count > 0 {
		w := f.worst.Kept()[0]
		text := fmt.Sprintf("%s of %s answered DNS queries took more than %s; worst: %s %s from %s to %s, %s", count(f.count), count(s.answered), analyzers.DurationText(slow), w.Name, w.Type, w.Client, w.Server, analyzers.DurationText(w.cost))
		if n := len(w.Retries); n > 0 {
			text += " with " + counted(n, "retry", "retries")
		}
		add(f, analyzers.Warn, text)
	}
	if f := &s.failed; f.count > 0 {
		w := f.worst.Kept()[0]
		add(f, analyzers.Warn, fmt.Sprintf("%s answered SERVFAIL or REFUSED; first by time lost: %s %s from %s by %s, %s", counted(f.count, "DNS query was", "DNS queries were"), w.Name, w.Type, w.Client, w.Server, w.Rcode))
	}
	if f := &s.noFallback; f.count > 0 {
		w := f.worst.Kept()[0]
		add(f, analyzers.Note, fmt.Sprintf("%s not followed by a query over TCP within %s; one: %s %s from %s", counted(f.count, "truncated DNS answer was", "truncated DNS answers were"), analyzers.DurationText(linger), w.Name, w.Type, w.Client))
	}
	if f := &s.unasked; f.count > 0 {
		w := f.worst.Kept()[0]
		add(f, analyzers.Note, fmt.Sprintf("%s no query in the capture; one: %s %s to %s", counted(f.count, "DNS answer has", "DNS answers have"), w.Name, w.Type, w.Client))
	}
	slices.SortFunc(out, analyzers.CompareFindings)
	return out
}

// counted is n with the words for one, or for many.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return analyzers.CountText(int64(n)) + " " + many
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return analyzers.CountText(int64(n)) + " times"
}
