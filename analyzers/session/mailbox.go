package session

import (
	"github.com/wiretale/wiretale/analyzers"
)

// PerMessageColumns are those that POP3 and IMAP share, so that their tables
// can be read side by side.
func PerMessageColumns() []analyzers.Column {
	return []analyzers.Column{{Name: "fetched", Right: true}, {Name: "bytes", Right: true}, {Name: "bytes each, with all", Right: true},
		{Name: "round trips", Right: true}, {Name: "each", Right: true}, {Name: "RTT", Right: true}, {Name: "took", Right: true}}
}

// PerMessageCells are theirs.
func PerMessageCells(c *Cost, p *PerMessage) []string {
	cells := []string{"–", "–", "–", Number(c.RoundTrips), "–", Text(c.RTT), analyzers.DurationText(c.Duration)}
	if p != nil {
		cells[0], cells[1], cells[2], cells[4] = Number(p.Messages), analyzers.BytesText(p.MessageBytes), analyzers.BytesText(int64(p.BytesEach)), Decimal(p.TripsEach)
	}
	return cells
}
