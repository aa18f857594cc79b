package http2

import "golang.org/x/net/http2/hpack"

// entry is one field of a table. Its value is what may be shown of it: a
// secret is kept in its redacted form.
type entry struct {
	name, value string
	size        int // RFC 7541 section 4.1
	// unknown: its name was an index into what was lost.
	unknown bool
}

// entryOverhead is what an entry counts for beside its name and value.
const entryOverhead = 32

// staticTable is RFC 7541 appendix A, from index 1 on.
var staticTable = func() (t [62]entry) {
	for i := 1; i < len(t); i++ {
		fields, err := hpack.NewDecoder(0, nil).DecodeFull([]byte{0x80 | byte(i)})
		if err != nil || len(fields) != 1 {
			panic("http2: the static table has no such entry")
		}
		t[i] = entry{name: fields[0].Name, value: fields[0].Value, size: int(fields[0].Size())}
	}
	return t
}()

// table is the dynamic table of one direction (RFC 7541 section 2.3.2). Its
// indexes count from the newest entry on, so what was inserted since a loss
// can be used whatever stood there before.
type table struct {
	list  []entry // oldest first, from first on
	first int
	size  int
	max   int // as the encoder set it, within bound
	bound int // the limit http2-table
	// evicted counts entries that no longer fitted.
	evicted int
	// short: the encoder may hold older entries than are here.
	short bool
}

func (t *table) len() int { return len(t.list) - t.first }

// at is the entry of an index of the whole address space; nil: there is none.
func (t *table) at(index int) *entry {
	switch {
	case index <= 0:
		return nil
	case index < len(staticTable):
		return &staticTable[index]
	}
	if n := index - len(staticTable); n < t.len() {
		return &t.list[len(t.list)-1-n]
	}
	return nil
}

// add inserts e and evicts what no longer fits (RFC 7541 section 4.4).
func (t *table) add(e entry) {
	t.evict(t.max - e.size)
	if e.size > t.max {
		return
	}
	if t.first > 16 && t.first > len(t.list)/2 {
		n := copy(t.list, t.list[t.first:])
		clear(t.list[n:])
		t.list, t.first = t.list[:n], 0
	}
	t.list = append(t.list, e)
	t.size += e.size
}

// evict makes the table at most max bytes large.
func (t *table) evict(max int) {
	for t.size > max && t.len() > 0 {
		t.size -= t.list[t.first].size
		t.list[t.first] = entry{}
		t.first++
		t.evicted++
	}
}

// resize follows a size update of the encoder. over: it is more than the
// limit, so that older entries will be missing here.
func (t *table) resize(n int) (over bool) {
	t.max = min(n, t.bound)
	t.evict(t.max)
	if n == 0 {
		t.short = false // nothing older is left on either side
	}
	if n > t.bound {
		t.short = true
	}
	return n > t.bound
}

// lose forgets everything: a header block was not read, and nobody knows what
// it inserted, or how large it made the table.
func (t *table) lose() {
	t.list, t.first, t.size, t.short = nil, 0, 0, true
	t.max = t.bound
}
