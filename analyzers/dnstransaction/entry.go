package dnstransaction

import (
	"encoding/binary"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// none is the index of no entry: the first place of the store stays empty, so
// that zero values mean none.
const none = 0

// phase is where an entry stands.
type phase uint8

const (
	vacant   phase = iota
	open           // no answer yet
	trailing       // answered, but other queries of it are not
	done           // all its queries are answered; waiting out linger
)

// attempt is one sending of the question on one flow under one id, and its
// repetitions there.
type attempt struct {
	key       uint64 // of (flow, id, question)
	frame     uint64 // its first query
	base      events.Time
	last      events.Time // of its last query
	baseFrame uint64      // the query that Wireshark measures from
	server    events.Addr
	stream    uint32
	queries   uint32 // sent
	answers   uint32 // received
	id        uint16
	proto     uint8
}

// inlineName is how long a name may be to have its place in the entry; a
// longer one is in the store.
const inlineName = 32

// entry is one question, as it was first asked, and its first answer: 176
// bytes without a pointer, so that the garbage collector need not look at the
// many that wait out their two seconds.
type entry struct {
	next, prev               int32 // in list, or free
	nextSame, prevSame       int32 // chain of one question, newest first
	nextPending, prevPending int32 // the same, of those that a query may belong to
	rare                     int32 // what most entries do not have
	question                 uint32

	key    uint64 // of (flow, id, question)
	frame  uint64
	sent   events.Time
	server events.Addr
	stream uint32
	id     uint16
	proto  uint8
	kind   kind

	responseTime  events.Time
	responseFrame uint64
	digest        uint64

	owner                 uint32 // its table
	typ, class, op, rcode word
	queryBytes            int32
	answers               int32
	responseBytes         int32

	phase     phase
	truncated bool
	pushedOut bool
	pending   bool // in the chain of that name
	far       bool // the name is in the store, its place in name
	nameLen   uint8
	name      [inlineName]byte
}

// course is how it went on after the first query.
type course struct {
	lastTime  events.Time // of the queries
	lastFrame uint64
	// Once it is answered:
	latency    events.Duration
	fromFrame  uint64      // query that latency is measured from
	settled    events.Time // when it became done; AXFR: of the last message
	responses  int         // messages: AXFR, multicast
	answeredBy events.Addr
}

// rare is what makes a question more than a query and its answer.
type rare struct {
	course
	attempts       []attempt   // the first one, then the others
	client         events.Addr // multicast: who asked
	retries        []retry
	retriesLeftOff int
	copies         int
	fallback       uint64 // frame of the TCP query
	fallbackOf     uint64
	repeatOf       uint64
	probe          bool
	knownAnswers   int
	seconds        []SecondAnswer
	mismatched     []Mismatch
	leftOff        int
}

// plain is the course of an entry without a rare part.
func (en *entry) plain() course {
	x := course{lastTime: en.sent, lastFrame: en.frame, answeredBy: en.server}
	if en.phase != open {
		x.latency, x.fromFrame = en.responseTime.Sub(en.sent), en.frame
		x.settled, x.responses = en.responseTime, 1
	}
	return x
}

// first is how en was first asked, as long as there is no more to it.
func (en *entry) first() attempt {
	a := attempt{
		key: en.key, frame: en.frame, base: en.sent, last: en.sent, baseFrame: en.frame,
		server: en.server, stream: en.stream, queries: 1, id: en.id, proto: en.proto,
	}
	if en.phase != open {
		a.answers = 1
	}
	return a
}

// retry is one more query of an entry.
type retry struct {
	time   events.Time
	frame  uint64
	server events.Addr
	stream uint32
	id     uint16
	proto  uint8
}

// chunkBits: entries live in chunks that never move.
const chunkBits = 9

type chunk [1 << chunkBits]entry

// store holds the entries of all tables of one fold, so that what one client
// no longer needs serves the next.
type store struct {
	chunks    []*chunk
	made      int32  // entries ever made
	free      int32  // list of free entries, by next
	tables    uint32 // ever made
	rares     []*rare
	freeRares []int32
	longs     [][]byte // names too long for their entry
	freeLongs []uint32
	flows     hashIndex // attempts, by key
	questions hashIndex
	words     words
	texts     addrTexts
	blank     []*Transaction  // rows to be made, or made again
	rowText   strings.Builder // the texts of rows, many in one allocation
}

// transaction is an empty row. Rows are made in blocks: each is looked at once,
// soon, and all of a block go together.
func (s *store) transaction() *Transaction {
	if n := len(s.blank); n > 0 {
		v := s.blank[n-1]
		s.blank = s.blank[:n-1]
		*v = Transaction{}
		return v
	}
	block := new([8]Transaction)
	for i := 1; i < len(block); i++ {
		s.blank = append(s.blank, &block[i])
	}
	return &block[0]
}

// mostBlank is how many rows are kept to be made again.
const mostBlank = 1 << 14

// Reuse is that of analyzers.Reuser.
func (f *fold) Reuse(v any) {
	if len(f.blank) < mostBlank {
		f.blank = append(f.blank, v.(*Transaction))
	}
}

// text is b as a string.
func (s *store) text(b []byte) string {
	const block = 4 << 10
	if s.rowText.Cap()-s.rowText.Len() < len(b) {
		s.rowText = strings.Builder{}
		s.rowText.Grow(max(block, len(b)))
	}
	begin := s.rowText.Len()
	s.rowText.Write(b)
	return s.rowText.String()[begin:]
}

func newStore() *store {
	return &store{made: 1, rares: []*rare{nil}, words: newWords()}
}

func (s *store) at(i int32) *entry { return &s.chunks[i>>chunkBits][i&(1<<chunkBits-1)] }

// take gives a free entry, all zero.
func (s *store) take() int32 {
	if i := s.free; i != none {
		en := s.at(i)
		s.free, en.next = en.next, none
		return i
	}
	if int(s.made>>chunkBits) == len(s.chunks) {
		s.chunks = append(s.chunks, new(chunk))
	}
	s.made++
	return s.made - 1
}

// release takes entry i back.
func (s *store) release(i int32) {
	en := s.at(i)
	if en.rare != none {
		x := s.rares[en.rare]
		*x = rare{attempts: x.attempts[:0]} // the row has the other lists
		s.freeRares = append(s.freeRares, en.rare)
	}
	if en.far {
		at := binary.LittleEndian.Uint32(en.name[:])
		s.longs[at] = nil
		s.freeLongs = append(s.freeLongs, at)
	}
	*en = entry{next: s.free}
	s.free = i
}

// also is the rare part of en, to be written.
func (s *store) also(en *entry) *rare {
	if en.rare != none {
		return s.rares[en.rare]
	}
	if n := len(s.freeRares); n > 0 {
		en.rare = s.freeRares[n-1]
		s.freeRares = s.freeRares[:n-1]
	} else {
		en.rare = int32(len(s.rares))
		s.rares = append(s.rares, &rare{})
	}
	x := s.rares[en.rare]
	x.course = en.plain()
	x.attempts = append(x.attempts, en.first())
	return x
}

// lastTime is when en was asked last.
func (s *store) lastTime(en *entry) events.Time {
	if en.rare != none {
		return s.rares[en.rare].lastTime
	}
	return en.sent
}

func (s *store) setName(en *entry, name string) {
	if len(name) <= inlineName {
		en.nameLen = uint8(copy(en.name[:], name))
		return
	}
	at := uint32(len(s.longs))
	if n := len(s.freeLongs); n > 0 {
		at = s.freeLongs[n-1]
		s.freeLongs = s.freeLongs[:n-1]
		s.longs[at] = []byte(name)
	} else {
		s.longs = append(s.longs, []byte(name))
	}
	en.far = true
	binary.LittleEndian.PutUint32(en.name[:], at)
}

// name is borrowed until en is released.
func (s *store) name(en *entry) []byte {
	if en.far {
		return s.longs[binary.LittleEndian.Uint32(en.name[:])]
	}
	return en.name[:en.nameLen]
}

// attemptOn is the number of the attempt of that key, or -1.
func (s *store) attemptOn(en *entry, key uint64) int {
	if en.key == key {
		return 0
	}
	if en.rare != none {
		for n, a := range s.rares[en.rare].attempts {
			if a.key == key {
				return n
			}
		}
	}
	return -1
}

// answered reports whether that attempt has an answer.
func (s *store) answered(en *entry, n int) bool {
	if en.rare == none {
		return en.phase != open
	}
	return s.rares[en.rare].attempts[n].answers > 0
}

// onFlow is the entry with an attempt of that key, or none.
func (s *store) onFlow(key uint64) int32 {
	if p := s.flowSlot(key); p >= 0 {
		return s.flows.slots[p].head
	}
	return none
}

// flowSlot is the place of that key, or -1.
func (s *store) flowSlot(key uint64) int {
	x, tag := &s.flows, tagOf(key)
	for p := x.home(tag); ; p = x.next(p) {
		switch sl := &x.slots[p]; {
		case sl.head == none:
			return -1
		case sl.tag == tag && s.attemptOn(s.at(sl.head), key) >= 0:
			return int(p)
		}
	}
}

// putFlow makes entry i that of the key: of two, the newer.
func (s *store) putFlow(key uint64, i int32) {
	s.flows.grow()
	if p := s.flowSlot(key); p >= 0 {
		s.flows.slots[p].head = i
		return
	}
	s.flows.insert(tagOf(key)).head = i
}
