package dns

import (
	"strings"

	"github.com/wiretale/wiretale/events"
)

// memory is what messages are made of. Where many follow each other (the
// datagrams of a worker) they share allocations: a few dozen small messages
// stay until none of them is used any more. Nothing is used twice.
type memory struct {
	shared  bool
	blocks  []block
	records []events.DNSRecord
	text    strings.Builder
}

const (
	sharedBlocks  = 16
	sharedRecords = 64
	sharedText    = 4 << 10
)

func (m *memory) block() *block {
	if !m.shared {
		return new(block)
	}
	if len(m.blocks) == 0 {
		m.blocks = make([]block, sharedBlocks)
	}
	b := &m.blocks[0]
	m.blocks = m.blocks[1:]
	return b
}

func (m *memory) recordsOf(n int) []events.DNSRecord {
	if !m.shared || n > sharedRecords/4 {
		return make([]events.DNSRecord, n)
	}
	if len(m.records) < n {
		m.records = make([]events.DNSRecord, sharedRecords)
	}
	rs := m.records[:n:n]
	m.records = m.records[n:]
	return rs
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
