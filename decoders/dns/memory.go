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
	shared bool
	batch  *decoders.Batch // nil: nothing is used again
	slots  []slot
	text   strings.Builder
}

// slot is the memory of one batch.
type slot struct {
	number  uint64 // of the batch
	blocks  []*[pooledBlocks]block
	records []*[pooledRecords]events.DNSRecord
	nblock  int
	nrecord int
}

const (
	pooledBlocks  = 64
	pooledRecords = 256
	mostRecords   = 16 << 10 // that a slot keeps
	sharedText    = 4 << 10
)

// slot is that of the batch, free of what earlier ones left there.
func (m *memory) slot() *slot {
	for m.batch.Slot >= len(m.slots) {
		m.slots = append(m.slots, slot{})
	}
	s := &m.slots[m.batch.Slot]
	if s.number != m.batch.Number {
		s.number, s.nblock, s.nrecord = m.batch.Number, 0, 0
	}
	return s
}

// block is an empty one.
func (m *memory) block() *block {
	if m.batch == nil {
		return new(block)
	}
	s := m.slot()
	c := s.nblock / pooledBlocks
	if c == len(s.blocks) {
		s.blocks = append(s.blocks, new([pooledBlocks]block))
	}
	b := &s.blocks[c][s.nblock%pooledBlocks]
	s.nblock++
	*b = block{}
	return b
}

// recordsOf are n records, to be written in full.
func (m *memory) recordsOf(n int) []events.DNSRecord {
	if m.batch == nil || n > pooledRecords/4 {
		return make([]events.DNSRecord, n)
	}
	s := m.slot()
	if room := pooledRecords - s.nrecord%pooledRecords; n > room {
		s.nrecord += room
	}
	if s.nrecord >= mostRecords {
		return make([]events.DNSRecord, n)
	}
	c, at := s.nrecord/pooledRecords, s.nrecord%pooledRecords
	if c == len(s.records) {
		s.records = append(s.records, new([pooledRecords]events.DNSRecord))
	}
	s.nrecord += n
	return s.records[c][at : at+n : at+n]
}

func (m *memory) textOf(b []byte) string {
	if !m.shared || len(b) > sharedText/4 {
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
