package dns

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// memory is what messages are made of. Where many follow each other (the
// datagrams of a worker) their structs are used again when their batch is over,
// and their texts, which are not, share allocations.
type memory struct {
	batch *decoders.Batch // nil: nothing is shared or used again
	slots []slot
	text  strings.Builder
}

// slot is the memory of one batch.
type slot struct {
	number  uint64 // of the batch
	blocks  decoders.Slab[block]
	records decoders.Slab[events.DNSRecord]
}

const (
	fewRecords  = 64
	mostRecords = 16 << 10 // that a slot keeps
	sharedText  = 4 << 10
)

// slot is that of the batch, free of what earlier ones left there.
func (m *memory) slot() *slot {
	for m.batch.Slot >= len(m.slots) {
		m.slots = append(m.slots, slot{})
	}
	s := &m.slots[m.batch.Slot]
	if s.number != m.batch.Number {
		s.number = m.batch.Number
		s.blocks.Reset()
		s.records.Reset()
	}
	return s
}

// block is an empty one.
func (m *memory) block() *block {
	if m.batch == nil {
		return new(block)
	}
	b := m.slot().blocks.Get()
	*b = block{}
	return b
}

// recordsOf are n records, to be written in full.
func (m *memory) recordsOf(n int) []events.DNSRecord {
	if m.batch != nil && n <= fewRecords {
		if s := m.slot(); s.records.Len() < mostRecords {
			return s.records.Run(n)
		}
	}
	return make([]events.DNSRecord, n)
}

func (m *memory) textOf(b []byte) string {
	if m.batch == nil || len(b) > sharedText/4 {
		return string(b)
	}
	if m.text.Cap()-m.text.Len() < len(b) {
		m.text = strings.Builder{}
		m.text.Grow(sharedText)
	}
	begin := m.text.Len()
	m.text.Write(b)
	return m.text.String()[begin:]
}
