package dnsthreat

import (
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/dnsopen"
	"github.com/wiretale/wiretale/events"
)

// asked is one query of an exchange, under one id from one port.
type asked struct {
	frame, digest    uint64 // digest: of its first answer
	id, port         uint16
	queries, answers uint16 // 0 queries: vacant
}

// exchange is one question between two hosts, as it was asked last.
type exchange struct {
	key   uint64
	asked [4]asked // the last ones
	next  uint8
	// owed counts queries without an answer that had to make room here: their
	// answers have ids that are not known any more, and are not wrong.
	owed    uint16
	known   bool   // some query was captured
	answer  uint64 // frame of the last answer that fits
	suspect int32  // place in tables.suspects, plus 1
}

// exchanges hold the latest, in two generations.
type exchanges struct {
	young, old map[uint64]int32
	list, gone []exchange
	most       int
	last       uint64 // key of the one used last
	at         *exchange
}

func exchangeKey(asker, server *events.Addr, name uint64, typ string) uint64 {
	h := dnsopen.HashAddr(dnsopen.HashAddr(name, asker), server)
	for i := range len(typ) {
		h = h*31 + uint64(typ[i])
	}
	return h
}

// get is that of a key, a new one where there is none; good until the next
// call.
func (x *exchanges) get(key uint64) *exchange {
	if x.at != nil && x.last == key {
		return x.at
	}
	i, ok := x.young[key]
	if !ok {
		n := exchange{key: key}
		if o, ok := x.old[key]; ok {
			n = x.gone[o]
		}
		if len(x.list) >= x.most || x.young == nil {
			x.old, x.young = x.young, x.old
			x.gone, x.list = x.list, x.gone[:0]
			if x.young == nil {
				x.young = map[uint64]int32{}
			}
			clear(x.young)
		}
		x.list = append(x.list, n)
		i = int32(len(x.list) - 1)
		x.young[key] = i
	}
	x.last, x.at = key, &x.list[i]
	return x.at
}

func (x *exchange) ask(e *events.Event, m *events.DNSMessage, port uint16) {
	x.known = true
	a := x.fits(m.ID, port)
	switch {
	case a == nil:
		a = &x.asked[x.next%4]
		x.next++
		if a.queries > 0 && a.answers == 0 && x.owed < maxOwed {
			x.owed++
		}
	case a.answers == 0:
		a.queries++
		return
	}
	*a = asked{frame: e.Pos.Frame, id: m.ID, port: port, queries: 1}
}

const maxOwed = 1 << 15

// fits is the query of that id and port, or nil.
func (x *exchange) fits(id, port uint16) *asked {
	for i := range x.asked {
		if a := &x.asked[i]; a.id == id && a.port == port && a.queries > 0 {
			return a
		}
	}
	return nil
}

// query is the frame of the latest query.
func (x *exchange) query() uint64 { return x.asked[(x.next+3)%4].frame }

// suspect is an exchange whose answers do not fit together.
type suspect struct {
	asker, server             events.Addr
	name, typ                 string
	wrong, differing, foreign uint64
	lastWrong                 uint64 // frame
	taken                     bool
	frames                    []uint64
}

// digest says what an answer says, whatever the order and TTLs.
func digest(m *events.DNSMessage) uint64 {
	d := dnsopen.HashName(3, m.Rcode)
	for i := range m.Answer {
		r := &m.Answer[i]
		d += dnsopen.HashName(uint64(len(r.Type)), r.Data)
	}
	return d
}

func (t *tables) answer(x *exchange, e *events.Event, m *events.DNSMessage, asker, server *events.Addr, port uint16) {
	foreign := 0
	if !m.RA {
		foreign = foreignRecords(m)
	}
	a := x.fits(m.ID, port)
	switch {
	case !x.known: // the query was not captured
	case a == nil && x.owed > 0:
		x.owed--
	case a == nil:
		s := t.suspect(x, e, m, asker, server)
		s.wrong++
		s.lastWrong = e.Pos.Frame
	case a.answers == 0 || m.TC:
		a.answers++
		a.digest, x.answer = digest(m), e.Pos.Frame
		if x.suspect != 0 {
			s := t.suspects[x.suspect-1]
			s.taken = s.taken || s.lastWrong > a.frame
			s.frames = remember(s.frames, e.Pos.Frame)
		}
	case a.answers < a.queries:
		a.answers++ // to a repetition: names of many addresses differ honestly
	case digest(m) != a.digest:
		s := t.suspect(x, e, m, asker, server)
		s.differing++
		s.taken = true
	}
	if foreign > 0 {
		t.suspect(x, e, m, asker, server).foreign += uint64(foreign)
	}
}

// suspect is that of x, which this answer makes one.
func (t *tables) suspect(x *exchange, e *events.Event, m *events.DNSMessage, asker, server *events.Addr) *suspect {
	if x.suspect == 0 {
		if len(t.suspects) >= t.most {
			return &suspect{} // there are more than can be told
		}
		t.suspects = append(t.suspects, &suspect{asker: *asker, server: *server, name: strings.ToLower(m.Question[0].Name), typ: strings.Clone(m.Question[0].Type)})
		x.suspect = int32(len(t.suspects))
	}
	s := t.suspects[x.suspect-1]
	for _, f := range [...]uint64{x.query(), x.answer, e.Pos.Frame} {
		s.frames = remember(s.frames, f)
	}
	return s
}

func remember(fs []uint64, f uint64) []uint64 {
	if f == 0 || len(fs) >= 2*analyzers.MaxFrames {
		return fs
	}
	for _, x := range fs {
		if x == f {
			return fs
		}
	}
	return append(fs, f)
}

// foreignRecords counts what an authority has no business to say: servers and
// zones that lie beside the question, and addresses of hosts that nothing in
// the message names (RFC 2181 section 5.4.1, RFC 5452 section 6).
func foreignRecords(m *events.DNSMessage) int {
	n := 0
	for i := range m.Authority {
		r := &m.Authority[i]
		if (r.Type == "NS" || r.Type == "SOA") && !about(m, r.Name) {
			n++
		}
	}
	for i := range m.Additional {
		r := &m.Additional[i]
		if (r.Type == "A" || r.Type == "AAAA") && !named(m, r.Name) {
			n++
		}
	}
	return n
}

// about reports whether zone is above the question or a name that the answer
// leads to.
func about(m *events.DNSMessage, zone string) bool {
	if below(m.Question[0].Name, zone) {
		return true
	}
	for i := range m.Answer {
		if r := &m.Answer[i]; below(r.Name, zone) || r.Type == "CNAME" && below(r.Data, zone) {
			return true
		}
	}
	return false
}

func below(name, zone string) bool {
	if zone == "." {
		return true
	}
	d := len(name) - len(zone)
	return d >= 0 && (d == 0 || name[d-1] == '.') && strings.EqualFold(name[d:], zone)
}

// named reports whether a record names host, at the end of its data, or the
// question does.
func named(m *events.DNSMessage, host string) bool {
	if strings.EqualFold(m.Question[0].Name, host) {
		return true
	}
	for _, rrs := range [...][]events.DNSRecord{m.Answer, m.Authority} {
		for i := range rrs {
			r := &rrs[i]
			if r.Type == "SVCB" || r.Type == "HTTPS" || strings.EqualFold(r.Name, host) {
				return true
			}
			d := len(r.Data) - len(host)
			if d >= 0 && (d == 0 || r.Data[d-1] == ' ') && strings.EqualFold(r.Data[d:], host) {
				return true
			}
			// SOA names its server first.
			if strings.HasPrefix(r.Data, host) {
				return true
			}
		}
	}
	// A host that another additional record (SRV) names.
	for i := range m.Additional {
		if r := &m.Additional[i]; r.Type == "SRV" && strings.HasSuffix(r.Data, host) {
			return true
		}
	}
	return false
}
