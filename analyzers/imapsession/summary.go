package imapsession

import (
	"fmt"
	"slices"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// slowSearch: a person waits for what was searched for.
const slowSearch = events.Duration(time.Second)

type summary struct {
	table                                session.Table
	sessions, whole, searches, idleTimes int
	bytes                                int64
	exposed, refused, unused, slow       session.Fault
}

func newSummary() *summary { return &summary{table: session.NewTable()} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Session)
	if !ok {
		return
	}
	s.sessions++
	s.whole += v.Fetches.Whole
	s.bytes += v.Fetches.Bytes
	s.searches += len(v.Searches)
	if v.Idle != nil {
		s.idleTimes += v.Idle.Times
	}
	cells := []string{v.Client, v.Server, session.Number(len(v.Folders))}
	cells = append(cells, session.PerMessageCells(&v.Cost, v.PerMessage)...)
	idle := "–"
	if v.Idle != nil {
		idle = analyzers.DurationText(v.Idle.Duration)
	}
	cells = append(cells, session.Number(v.Fetches.Headers+v.Fetches.Parts+v.Fetches.Ranges), session.Number(len(v.Searches)), idle, v.Filter)
	s.table.Add(session.Line{Key: r.Key, Cost: v.Cost.Duration, Frames: v.Frames, Cells: cells})
	at := func(weight float64, detail string, frames ...uint64) session.Case {
		if len(frames) == 0 {
			frames = v.Frames
		}
		return session.Case{Key: r.Key, Weight: weight, Frames: frames, Filter: v.Filter, Detail: detail}
	}
	if x := session.FirstExposed(v.Credentials); x != nil {
		s.exposed.Add(at(1, fmt.Sprintf("%s, %s", x.Mechanism, x.Outcome), x.Frame))
	}
	for i := range v.Credentials {
		if x := &v.Credentials[i]; x.Outcome == session.Refused {
			s.refused.Add(at(1, x.Mechanism, x.Frame))
		}
	}
	for i := range v.Searches {
		if x := &v.Searches[i]; x.Duration >= slowSearch {
			s.slow.Add(at(float64(x.Duration)/1e9, fmt.Sprintf("%s %s, %s", x.Command, x.Criteria, analyzers.DurationText(x.Duration)), x.Frame))
		}
	}
	if v.STARTTLS == Offered && len(v.Credentials)+len(v.Folders) > 0 {
		s.unused.Add(at(1, ""))
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.sessions == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "IMAP sessions",
		Brief: fmt.Sprintf("IMAP: %s fetched", analyzers.CountOf(int64(s.whole), "message")),
		Lead: fmt.Sprintf("%s: %s fetched whole, %s of bodies in all, %s, %s.", analyzers.CountOf(int64(s.sessions), "IMAP session"),
			analyzers.CountOf(int64(s.whole), "message"), analyzers.BytesText(s.bytes), count(s.searches, "search", "searches"), count(s.idleTimes, "idle time", "idle times")),
		Columns: slices.Concat([]analyzers.Column{{Name: "client"}, {Name: "server"}, {Name: "folders", Right: true}}, session.PerMessageColumns(),
			[]analyzers.Column{{Name: "pieces", Right: true}, {Name: "searches", Right: true}, {Name: "idle", Right: true}, {Name: "filter"}}),
	}
	s.table.Fill(&out, full)
	var fs []analyzers.Finding
	fs = s.exposed.Finding(fs, analyzers.Bad, s.exposed.ExposedText("IMAP"))
	fs = s.slow.Finding(fs, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s of IMAP took %s or more; longest: %s (%s)", count(s.slow.Count, "search", "searches"), analyzers.DurationText(slowSearch), w.Detail, w.Key)
	})
	fs = s.refused.Finding(fs, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s refused by IMAP servers; one: %s (%s)", analyzers.CountOf(int64(s.refused.Count), "log-in"), w.Detail, w.Key)
	})
	fs = s.unused.Finding(fs, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s went on in clear though STARTTLS was offered; one: %s", analyzers.CountOf(int64(s.unused.Count), "IMAP session"), w.Key)
	})
	slices.SortFunc(fs, analyzers.CompareFindings)
	out.Findings = fs
	return out
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return analyzers.CountText(int64(n)) + " " + many
}
