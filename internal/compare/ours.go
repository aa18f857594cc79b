package compare

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// cell is one field of one protocol in one frame.
type cell struct {
	frame uint64
	proto int // index into the protocols that are compared
	field int // index into its fields
}

// sheet is what one side says: the values of each cell, in no order.
type sheet map[cell][]string

// said is what wiretale says of a capture.
type said struct {
	values  sheet
	partial map[inPart]bool
	gaps    map[events.StreamKey]bool  // streams that lack bytes
	ports   map[uint16]map[string]bool // protocols found on TCP, by server port
}

// inPart is a value of a message whose end was not captured.
type inPart struct {
	stream events.StreamKey
	proto  int
	field  int
	value  string
}

// roomy is what limits on bytes held are raised to: tshark knows no such
// limits, and what is given up for one would count as a difference.
const roomy = 4 << 20

// ours is what wiretale says of file.
func ours(ctx context.Context, file string, ps []*protocol, readers []reader, p pipeline.Config) (*said, error) {
	s := &said{values: sheet{}, partial: map[inPart]bool{}, gaps: map[events.StreamKey]bool{}, ports: map[uint16]map[string]bool{}}
	p.Limits.HTTPHead = max(p.Limits.HTTPHead, roomy)
	p.Limits.Waiting = max(p.Limits.Waiting, roomy)
	tell := make([]func(message), len(ps))
	for i := range ps {
		tell[i] = func(m message) { s.tell(i, ps[i], &m) }
	}
	byKind := map[events.Kind][]int{}
	byQuestion := map[string][]int{}
	p.Paths, p.Stdin, p.ShowSecrets, p.Hash = []string{file}, nil, true, false
	p.Questions = nil
	p.Want = events.SetOf(events.KindFlowGap)
	for i, proto := range ps {
		if proto.as != "" {
			p.Want = p.Want.Or(events.SetOf(events.KindFlowDetected))
		}
		for _, k := range proto.kinds {
			byKind[k] = append(byKind[k], i)
		}
		p.Want = p.Want.Or(events.SetOf(proto.kinds...))
		for _, q := range proto.questions {
			byQuestion[q.Name] = append(byQuestion[q.Name], i)
			p.Questions = append(p.Questions, q)
		}
	}
	var mu sync.Mutex // the pipeline hands out events and rows side by side
	p.Events = func(evs []*events.Event) error {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range evs {
			if e.Body.Kind() == events.KindFlowGap {
				s.gaps[e.Key()] = true
			}
			if d, ok := e.Body.(*events.FlowDetected); ok {
				s.found(e, d)
			}
			for _, i := range byKind[e.Body.Kind()] {
				readers[i].event(e, tell[i])
			}
		}
		return nil
	}
	p.Rows = func(rows []analyzers.Row) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range rows {
			for _, n := range byQuestion[rows[i].Analysis] {
				readers[n].row(&rows[i], tell[n])
			}
		}
		return nil
	}
	_, err := pipeline.Run(ctx, p)
	for i, r := range readers {
		r.end(tell[i])
	}
	// A capture that breaks off is compared up to there.
	if e := (*capture.Error)(nil); errors.As(err, &e) && !errors.Is(err, capture.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return s, err
}

// found takes in which protocol speaks first on a TCP port.
func (s *said) found(e *events.Event, d *events.FlowDetected) {
	if e.Flow.Proto != events.ProtoTCP || strings.Count(e.Layer, "/") > 1 {
		return
	}
	if s.ports[e.Flow.ServerPort] == nil {
		s.ports[e.Flow.ServerPort] = map[string]bool{}
	}
	s.ports[e.Flow.ServerPort][d.Protocol] = true
}

// decodeAs are tshark's arguments for ports on which we found one protocol
// only, and tshark would not look for it.
func (s *said) decodeAs(ps []*protocol) (args []string) {
	for _, port := range slices.Sorted(maps.Keys(s.ports)) {
		for _, p := range ps {
			if p.as != "" && len(s.ports[port]) == 1 && s.ports[port][p.name] {
				args = append(args, "-d", "tcp.port=="+strconv.Itoa(int(port))+","+p.as)
			}
		}
	}
	return args
}

func (s *said) tell(proto int, p *protocol, m *message) {
	for i := range p.fields {
		c := cell{m.frame, proto, i}
		p.fields[i].of(m, func(v string) {
			if v != "" { // tshark does not show an empty value
				s.values[c] = append(s.values[c], v)
				if m.partial {
					s.partial[inPart{m.event.Key(), proto, i, v}] = true
				}
			}
		})
	}
}
