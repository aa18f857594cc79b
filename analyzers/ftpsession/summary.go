package ftpsession

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

type summary struct {
	table                             session.Table
	sessions, files, listings, failed int
	bytes                             int64

	exposed, refused, broken, other session.Fault
}

func newSummary() *summary { return &summary{table: session.NewTable()} }

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Row)
	if !ok {
		return
	}
	at := func(weight float64, detail string, frames ...uint64) session.Case {
		if len(frames) == 0 {
			frames = v.Frames
		}
		return session.Case{Key: r.Key, Weight: weight, Frames: frames, Filter: v.Filter, Detail: detail}
	}
	if x := v.Session; x != nil {
		s.sessions++
		if c := session.FirstExposed(x.Credentials); c != nil {
			s.exposed.Add(at(1, fmt.Sprintf("%s, %s", c.Mechanism, c.Outcome), c.Frame))
		}
		return
	}
	x := v.File
	if x == nil {
		return
	}
	if listing(x.Command) {
		s.listings++
	} else {
		s.files++
	}
	s.bytes += x.Bytes
	what := strings.TrimSpace(x.Command + " " + x.Path)
	switch x.Outcome {
	case Refused:
		s.failed++
		s.refused.Add(at(1, fmt.Sprintf("%s, %d", what, x.Code)))
	case Broken:
		s.failed++
		s.broken.Add(at(float64(x.Bytes), fmt.Sprintf("%s after %s", what, analyzers.BytesText(x.Bytes))))
	}
	if x.OtherAddress {
		s.other.Add(at(1, fmt.Sprintf("%s for %s", x.Announced, what)))
	}
	rate, cost := "–", events.Duration(0)
	if x.Rate > 0 {
		rate = analyzers.RateText(x.Rate)
	}
	for _, d := range []*events.Duration{x.SetUp, x.Took} {
		if d != nil {
			cost += *d
		}
	}
	s.table.Add(session.Line{Key: r.Key, Cost: cost, Frames: v.Frames, Cells: []string{
		what, x.Directory, x.Mode, string(x.Outcome), analyzers.BytesText(x.Bytes), session.Text(x.SetUp), session.Decimal(x.SetUpRTTs), session.Number(x.SetUpTrips),
		session.Text(x.Took), rate, v.Filter,
	}})
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.sessions+s.files+s.listings == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "FTP files",
		Brief: fmt.Sprintf("FTP: %s", analyzers.CountOf(int64(s.files), "file")),
		Lead: fmt.Sprintf("%s on %s (%s), %s, %d refused or broken off.", analyzers.CountOf(int64(s.files), "file"), analyzers.CountOf(int64(s.sessions), "FTP session"),
			analyzers.BytesText(s.bytes), analyzers.CountOf(int64(s.listings), "listing"), s.failed),
		Columns: []analyzers.Column{{Name: "file"}, {Name: "directory"}, {Name: "mode"}, {Name: "outcome"}, {Name: "bytes", Right: true}, {Name: "set-up", Right: true},
			{Name: "in RTTs", Right: true}, {Name: "round trips", Right: true}, {Name: "took", Right: true}, {Name: "rate", Right: true}, {Name: "filter"}},
	}
	s.table.Fill(&out, full)
	var fs []analyzers.Finding
	fs = s.exposed.Finding(fs, analyzers.Bad, s.exposed.ExposedText("FTP"))
	fs = s.broken.Finding(fs, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s broken off; largest: %s", was(s.broken.Count, "FTP transfer"), w.Detail)
	})
	fs = s.other.Finding(fs, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s announced at an address that is not its side's own: address translation, or a transfer between servers; one: %s", was(s.other.Count, "FTP data connection"), w.Detail)
	})
	fs = s.refused.Finding(fs, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s refused; one: %s", was(s.refused.Count, "FTP transfer"), w.Detail)
	})
	slices.SortFunc(fs, analyzers.CompareFindings)
	out.Findings = fs
	return out
}

// was is "1 thing was", "2 things were".
func was(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return analyzers.CountOf(int64(n), thing) + " were"
}
