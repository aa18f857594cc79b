package pop3session

import (
	"fmt"
	"slices"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
)

type summary struct {
	table                      session.Table
	sessions, fetched, deleted int
	bytes                      int64

	exposed, refused, uncommitted, unused session.Fault
}

func newSummary() *summary { return &summary{table: session.NewTable()} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Session)
	if !ok {
		return
	}
	s.sessions++
	s.fetched += v.Fetched
	if v.PerMessage != nil {
		s.bytes += v.PerMessage.MessageBytes
	}
	if v.Committed {
		s.deleted += v.Marked
	}
	cells := []string{v.Client, v.Server, string(v.Mode)}
	cells = append(cells, session.PerMessageCells(&v.Cost, v.PerMessage)...)
	left := "–"
	if v.Left != nil {
		left = analyzers.CountText(int64(*v.Left))
	}
	s.table.Add(session.Line{Key: r.Key, Cost: v.Cost.Duration, Frames: v.Frames, Cells: append(cells, left, v.Filter)})
	at := func(detail string, frames ...uint64) session.Case {
		if len(frames) == 0 {
			frames = v.Frames
		}
		return session.Case{Key: r.Key, Weight: 1, Frames: frames, Filter: v.Filter, Detail: detail}
	}
	if x := session.FirstExposed(v.Credentials); x != nil {
		s.exposed.Add(at(fmt.Sprintf("%s, %s", x.Mechanism, x.Outcome), x.Frame))
	}
	for i := range v.Credentials {
		if x := &v.Credentials[i]; x.Outcome == session.Refused {
			s.refused.Add(at(x.Mechanism, x.Frame))
		}
	}
	if v.Marked > 0 && !v.Committed && v.Left != nil {
		s.uncommitted.Add(at(analyzers.CountOf(int64(v.Marked), "message")))
	}
	if v.Offered && v.STLS == NotAsked && len(v.Credentials) > 0 {
		s.unused.Add(at(""))
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.sessions == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "POP3 sessions",
		Brief: fmt.Sprintf("POP3: %s fetched", analyzers.CountOf(int64(s.fetched), "message")),
		Lead: fmt.Sprintf("%s: %s fetched (%s), %s deleted.", analyzers.CountOf(int64(s.sessions), "POP3 session"),
			analyzers.CountOf(int64(s.fetched), "message"), analyzers.BytesText(s.bytes), analyzers.CountText(int64(s.deleted))),
		Columns: slices.Concat([]analyzers.Column{{Name: "client"}, {Name: "server"}, {Name: "mode"}}, session.PerMessageColumns(),
			[]analyzers.Column{{Name: "left", Right: true}, {Name: "filter"}}),
	}
	s.table.Fill(&out, full)
	var fs []analyzers.Finding
	fs = s.exposed.Finding(fs, analyzers.Bad, s.exposed.ExposedText("POP3"))
	fs = s.uncommitted.Finding(fs, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s ended without QUIT: what was marked is not deleted, and will be fetched again; one: %s (%s)", analyzers.CountOf(int64(s.uncommitted.Count), "POP3 session"), w.Detail, w.Key)
	})
	fs = s.refused.Finding(fs, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s refused by POP3 servers; one: %s (%s)", analyzers.CountOf(int64(s.refused.Count), "log-in"), w.Detail, w.Key)
	})
	fs = s.unused.Finding(fs, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s went on in clear though STLS was offered; one: %s", analyzers.CountOf(int64(s.unused.Count), "POP3 session"), w.Key)
	})
	slices.SortFunc(fs, analyzers.CompareFindings)
	out.Findings = fs
	return out
}
