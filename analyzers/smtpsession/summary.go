package smtpsession

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/session"
	"github.com/wiretale/wiretale/events"
)

// What is worth a finding; docs/analyses/smtp.session.md gives the reasons.
const (
	// slowTurns: commands sent one by one cost this much more than together.
	slowTurns = events.Duration(500 * time.Millisecond)
	// tripsTogether are those of a message with pipelining (RFC 2920): MAIL,
	// RCPT and DATA together, then the message.
	tripsTogether = 2
	// keptServers are compared by what they offered.
	keptServers = 10000
)

// offers of one server, as its clients heard them.
type heard struct{ with, without *session.Case }

type summary struct {
	table   session.Table
	servers map[string]*heard
	beyond  int // sessions of servers that are not compared

	sessions, encrypted, accepted, transactions int
	bytes                                       int64

	exposed, stripped, unused, eightBit, refused, later, broken, slow session.Fault
}

func newSummary() *summary {
	return &summary{table: session.NewTable(), servers: map[string]*heard{}}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Session)
	if !ok {
		return
	}
	s.sessions++
	s.accepted += v.Accepted
	s.transactions += v.Transactions
	s.bytes += v.MessageBytes
	if v.STARTTLS == Used || v.STARTTLS == Implicit {
		s.encrypted++
	}
	accepted := fmt.Sprintf("%d of %d", v.Accepted, v.Transactions)
	if v.Transactions == 0 && (v.STARTTLS == Used || v.STARTTLS == Implicit) {
		accepted = "encrypted"
	}
	s.table.Add(session.Line{Key: r.Key, Cost: v.Cost.Duration, Frames: v.Frames, Cells: []string{
		v.Client, v.Server, accepted, session.Number(v.Refused), string(v.STARTTLS),
		session.Number(v.Cost.RoundTrips), session.Text(v.Cost.RTT), analyzers.DurationText(v.Cost.Duration), v.Closed, v.Filter,
	}})
	at := func(weight float64, detail string, frames ...uint64) session.Case {
		if len(frames) == 0 {
			frames = v.Frames
		}
		return session.Case{Key: r.Key, Weight: weight, Frames: frames, Filter: v.Filter, Detail: detail}
	}
	if x := session.FirstExposed(v.Credentials); x != nil {
		s.exposed.Add(at(1, fmt.Sprintf("AUTH %s, %s", x.Mechanism, x.Outcome), x.Frame))
	}
	if len(v.Stripping) > 0 {
		s.stripped.Add(at(1, v.Stripping[0]))
	}
	if v.STARTTLS == Offered && v.Transactions > 0 {
		s.unused.Add(at(float64(v.Transactions), "", v.OfferedFrame))
	}
	s.offers(v, at(1, ""))
	for i := range v.Messages {
		m := &v.Messages[i]
		if len(m.Violations) > 0 {
			s.eightBit.Add(at(float64(m.Bytes), m.Violations[0], m.Frame))
		}
		for _, x := range m.Refused {
			to := &s.refused
			if x.Code < 500 {
				to = &s.later
			}
			to.Add(at(1, fmt.Sprintf("%s, %d %s", x.Address, x.Code, x.Enhanced), x.Frame))
		}
		if m.Outcome == Broken {
			s.broken.Add(at(float64(m.Bytes), m.From, m.Frame))
		}
	}
	if p := v.Phases.Transfer; p != nil && v.Cost.RTT != nil && slices.Contains(v.Extensions, "PIPELINING") && v.Accepted > 0 {
		if lost := *v.Cost.RTT * events.Duration(p.RoundTrips-tripsTogether*v.Transactions); lost >= slowTurns {
			s.slow.Add(at(float64(lost)/1e9, analyzers.DurationText(lost)))
		}
	}
}

// offers notes whether a server offered STARTTLS in this session.
func (s *summary) offers(v *Session, c session.Case) {
	with := v.OfferedFrame != 0
	if !with && v.STARTTLS != NotOffered && v.STARTTLS != Refused || len(v.Extensions) == 0 {
		return // HELO tells nothing
	}
	h := s.servers[v.Server]
	if h == nil {
		if len(s.servers) >= keptServers {
			s.beyond++
			return
		}
		h = &heard{}
		s.servers[v.Server] = h
	}
	to := &h.without
	if with {
		to = &h.with
	}
	if *to == nil || slices.Compare(c.Frames, (*to).Frames) < 0 {
		*to = &c
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.sessions == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "SMTP sessions",
		Lead: fmt.Sprintf("%s, %d encrypted; %s of %s messages accepted, %s.", analyzers.CountOf(int64(s.sessions), "SMTP session"), s.encrypted,
			analyzers.CountText(int64(s.accepted)), analyzers.CountText(int64(s.transactions)), analyzers.BytesText(s.bytes)),
		Columns: []analyzers.Column{{Name: "client"}, {Name: "server"}, {Name: "accepted", Right: true}, {Name: "refused", Right: true}, {Name: "STARTTLS"},
			{Name: "round trips", Right: true}, {Name: "RTT", Right: true}, {Name: "took", Right: true}, {Name: "closed"}, {Name: "filter"}},
	}
	out.Brief = fmt.Sprintf("SMTP: %s of %s messages accepted", analyzers.CountText(int64(s.accepted)), analyzers.CountText(int64(s.transactions)))
	if s.beyond > 0 {
		out.Lead += fmt.Sprintf(" What servers offered is compared for the first %s servers only (%s are not).", analyzers.CountText(keptServers), analyzers.CountOf(int64(s.beyond), "session"))
	}
	s.table.Fill(&out, full)
	out.Findings = s.findings()
	return out
}

func (s *summary) findings() []analyzers.Finding {
	var out []analyzers.Finding
	out = s.exposed.Finding(out, analyzers.Bad, s.exposed.ExposedText("SMTP"))
	out = s.stripped.Finding(out, analyzers.Bad, func(w session.Case) string {
		return fmt.Sprintf("%s look as if somebody on the way took STARTTLS out; %s: %s", analyzers.CountOf(int64(s.stripped.Count), "SMTP session"), w.Key, w.Detail)
	})
	for _, server := range slices.Sorted(maps.Keys(s.servers)) {
		h := s.servers[server]
		if h.with == nil || h.without == nil {
			continue
		}
		out = append(out, analyzers.Finding{
			Severity: analyzers.Warn, Weight: 1, Frames: analyzers.Frames(slices.Concat(h.with.Frames[:1], h.without.Frames[:1])...),
			Text:   fmt.Sprintf("%s offered STARTTLS in %s and not in %s: it was taken out on the way, or the server treats clients differently", server, h.with.Key, h.without.Key),
			Filter: h.with.Filter + " || " + h.without.Filter,
		})
		if len(out) >= session.ShownRows {
			break
		}
	}
	out = s.eightBit.Finding(out, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s broke the seven-bit rule; one: %s (%s)", analyzers.CountOf(int64(s.eightBit.Count), "message"), w.Detail, w.Key)
	})
	out = s.broken.Finding(out, analyzers.Warn, func(w session.Case) string {
		return fmt.Sprintf("%s broken off; one from <%s> (%s)", was(s.broken.Count, "transaction"), w.Detail, w.Key)
	})
	out = s.slow.Finding(out, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s waited for each answer though PIPELINING was offered; dearest: %s, %s more than with it", analyzers.CountOf(int64(s.slow.Count), "SMTP session"), w.Key, w.Detail)
	})
	out = s.refused.Finding(out, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s refused for good; one: %s", was(s.refused.Count, "recipient"), strings.TrimSpace(w.Detail))
	})
	out = s.later.Finding(out, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s refused for now; one: %s", was(s.later.Count, "recipient"), strings.TrimSpace(w.Detail))
	})
	out = s.unused.Finding(out, analyzers.Note, func(w session.Case) string {
		return fmt.Sprintf("%s sent mail in clear though STARTTLS was offered; one: %s", analyzers.CountOf(int64(s.unused.Count), "SMTP session"), w.Key)
	})
	slices.SortFunc(out, analyzers.CompareFindings)
	return out
}

// was is "1 thing was", "2 things were".
func was(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " was"
	}
	return analyzers.CountOf(int64(n), thing) + " were"
}
