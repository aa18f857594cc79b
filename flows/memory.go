package flows

import "unsafe"

// memory gives out memory without pointers that is not the heap's, where the
// system has such: on the heap the collector would leave as much again free
// for it. All of it goes back at once.
type memory struct {
	mapped [][]byte
	rest   []byte // of the last mapping
}

const regionSize = 4 << 20

// take is room for n bytes, zeroed; nil: the heap must do.
func (m *memory) take(n int) unsafe.Pointer {
	n = (n + 63) &^ 63 // whole cache lines
	if len(m.rest) < n {
		b := mapping(max(n, regionSize))
		if b == nil {
			return nil
		}
		m.mapped = append(m.mapped, b)
		m.rest = aligned(b)
	}
	p := unsafe.Pointer(unsafe.SliceData(m.rest))
	m.rest = m.rest[n:]
	return p
}

func (m *memory) close() {
	for _, b := range m.mapped {
		unmap(b)
	}
	*m = memory{}
}

// chunk is room for records.
func (m *memory) chunk() *chunkOfRecords {
	if p := m.take(int(unsafe.Sizeof(chunkOfRecords{}))); p != nil {
		return (*chunkOfRecords)(p)
	}
	return new(chunkOfRecords)
}

// words is room for n words.
func (m *memory) words(n int) []uint64 {
	if n*8 >= 64<<10 {
		if p := m.take(n * 8); p != nil {
			return unsafe.Slice((*uint64)(p), n)
		}
	}
	return make([]uint64, n)
}
