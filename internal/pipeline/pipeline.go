// Package pipeline wires capture, flows, decoders and analyzers.
package pipeline

import (
	"context"
	"errors"
	"io"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// Config says what to run over which captures, and who gets the results.
type Config struct {
	Paths             []string
	Stdin             io.Reader
	Workers           int // 0: one per CPU
	Limits            events.Limits
	Hash, ShowSecrets bool
	Want              events.KindSet                  // kinds that Events wants
	Events            func(evs []*events.Event) error // Pos order, borrowed until return
	Questions         []analyzers.Question
	Rows              func(rows []analyzers.Row) error // (frame, analysis, key) order
	Progress          func(Progress)
}

// Progress says how far a run is.
type Progress struct {
	Read, Total int64
	Packets     uint64
}

// Stats are the figures of a run.
type Stats struct {
	Packets, Bytes                                         uint64
	First, Last                                            events.Time
	NotIP, Malformed, UnknownLink, Fragments, CutBySnaplen uint64
}

// Run runs c until the input is over or ctx is.
func Run(ctx context.Context, c Config) (Stats, error) {
	return Stats{}, errors.New("not wired")
}
