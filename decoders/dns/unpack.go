package dns

import (
	"encoding/binary"
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// unpacker reads one message at a time. All text of a message is written to
// one buffer; tell makes one string of it, of which every name and every
// RDATA is a piece, so that a message costs three allocations at most, however
// many records it has.
type unpacker struct {
	limits  *events.Limits
	memory  memory
	msg     []byte
	missing int // bytes of the message that were not captured

	text  []byte
	recs  []record // of all sections, questions too
	count [4]int   // records read, by section
	after int      // bytes after the last record

	opts []option
	opt  struct {
		present bool
		class   uint16
		ttl     uint32
	}

	seen  [16]seenName
	nseen int

	// What went wrong, if anything: fault is the first breach of a rule, in
	// section faultIn; stopped: nothing could be read after it. short: the
	// rest was not captured. limit: a limit was reached.
	fault   string
	faultIn section
	stopped bool
	short   bool
	limit   string
}

// section is one of the four sections of a message (RFC 1035 section 4.1).
type section int

const (
	inQuestion section = iota
	inAnswer
	inAuthority
	inAdditional
	inHeader // also: of the message as a whole
)

var sectionNames = [...]string{"question", "answer", "authority", "additional", "message"}

// record is a question or a record whose texts are still in the buffer.
type record struct {
	name, data span
	// typ and class are written out here when they have no name of their own.
	typText, classText span
	typ, class         uint16
	ttl                uint32
}

type option struct {
	code uint16
	data span
}

// keep is the most scratch text that is kept from message to message.
const keep = 64 << 10

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

// fail notes the first breach.
func (u *unpacker) fail(reason string) int {
	if u.fault == "" && !u.short {
		u.fault = reason
	}
	return -1
}

// over notes that something ends after end.
func (u *unpacker) over(end int) int {
	if end == len(u.msg) && u.missing > 0 {
		u.short = true
		return -1
	}
	return u.fail("shorter than it says")
}

// unpack reads msg, at least a header, of which missing bytes at its end were
// not captured.
func (u *unpacker) unpack(msg []byte, missing int) {
	if cap(u.text) > keep {
		u.text = nil
	}
	u.msg, u.missing = msg, missing
	u.text, u.recs, u.opts = u.text[:0], u.recs[:0], u.opts[:0]
	u.count, u.after, u.nseen = [4]int{}, 0, 0
	u.opt.present = false
	u.fault, u.faultIn, u.stopped, u.short, u.limit = "", inHeader, false, false, ""

	off := headerLen
	for s := inQuestion; s <= inAdditional; s++ {
		for n := be16(msg[4+2*s:]); n > 0; n-- {
			if u.full() {
				return
			}
			clean := u.fault == ""
			if s == inQuestion {
				off = u.question(off)
			} else {
				off = u.record(off, s)
			}
			if clean && u.fault != "" {
				u.faultIn = s
			}
			if off < 0 {
				u.stopped = true
				return
			}
		}
	}
	if u.after = len(msg) - off; u.after > 0 && u.fault == "" && u.opcode() != opDSO {
		// DSO has its own records in this place (RFC 8490 section 5.4).
		u.fault = "bytes after its end"
	}
}

// full says that a limit was reached.
func (u *unpacker) full() bool {
	switch {
	case len(u.recs) >= u.limits.DNSRecords:
		u.limit = "dns-records"
	case len(u.text) > u.limits.DNSText:
		u.limit = "dns-text"
	}
	return u.limit != ""
}

func (u *unpacker) opcode() uint16 { return be16(u.msg[2:]) >> 11 & 15 }

// nonsense says that what was unpacked is not DNS at all, rather than broken
// DNS: nothing but a header could be read, and that is none.
func (u *unpacker) nonsense() bool {
	return u.fault != "" && len(u.recs) == 0 && !plausible(u.msg, len(u.msg)+u.missing)
}

// question reads one entry of the question section (RFC 1035 section 4.1.2).
func (u *unpacker) question(off int) int {
	name, off := u.name(off, len(u.msg))
	if off < 0 {
		return -1
	}
	if off+4 > len(u.msg) {
		return u.over(len(u.msg))
	}
	r := u.add()
	r.name, r.typ, r.class = name, be16(u.msg[off:]), be16(u.msg[off+2:])
	u.spell(r)
	u.count[inQuestion]++
	return off + 4
}

// record reads one resource record (RFC 1035 section 4.1.3). Broken RDATA is
// no reason to stop: it is told in the form of RFC 3597.
func (u *unpacker) record(off int, s section) int {
	name, off := u.name(off, len(u.msg))
	if off < 0 {
		return -1
	}
	msg := u.msg
	if off+10 > len(msg) {
		return u.over(len(msg))
	}
	head := msg[off : off+10]
	typ, class, ttl := be16(head), be16(head[2:]), binary.BigEndian.Uint32(head[4:])
	off += 10
	end := off + int(be16(head[8:]))
	if end > len(msg) {
		return u.over(len(msg))
	}
	if typ == typeOPT && s == inAdditional && !u.opt.present {
		u.opt.present, u.opt.class, u.opt.ttl = true, class, ttl
		if u.text[name.off] != '.' {
			u.fail("OPT record with a name")
		}
		u.edns(off, end)
		return end
	}
	r := u.add()
	r.name, r.typ, r.class, r.ttl = name, typ, class, ttl
	u.spell(r)
	begin, nseen := len(u.text), u.nseen
	shared, ok := u.rdata(typ, class, off, end)
	switch {
	case u.short:
		u.recs = u.recs[:len(u.recs)-1]
		return -1
	case !ok:
		u.fail("broken RDATA")
		u.text, u.nseen = u.text[:begin], nseen
		u.text = appendGeneric(u.text, msg[off:end])
		r.data = u.from(begin)
	case shared.end > 0:
		r.data = shared
	default:
		r.data = u.from(begin)
	}
	u.count[s]++
	return end
}

// add is a new record, with what an earlier message left in it but for the
// texts that not every record has.
func (u *unpacker) add() *record {
	n := len(u.recs)
	if n < cap(u.recs) {
		u.recs = u.recs[:n+1]
	} else {
		u.recs = append(u.recs, record{})
	}
	return &u.recs[n]
}

// spell writes out a type and a class without names, and the class of mDNS.
func (u *unpacker) spell(r *record) {
	// The top bit of a class is no part of it in multicast DNS (RFC 6762
	// sections 10.2 and 5.4), whose messages have the id 0 (section 18.1).
	if r.class&classFlag != 0 && u.msg[0]|u.msg[1] == 0 {
		if c := r.class &^ classFlag; c == classIN || c == classANY {
			r.class = c
		}
	}
	if typeName(r.typ) == "" {
		begin := len(u.text)
		u.text = appendUint(append(u.text, "TYPE"...), uint64(r.typ))
		r.typText = u.from(begin)
	}
	if className(r.class) == "" {
		begin := len(u.text)
		u.text = appendUint(append(u.text, "CLASS"...), uint64(r.class))
		r.classText = u.from(begin)
	}
}

// block is a message with the parts that most messages have, in one
// allocation.
type block struct {
	message  events.DNSMessage
	question [1]events.DNSQuestion
	edns     events.DNSEDNS
}

// tell emits what was unpacked. firstFrame is 0 where the message lies in one
// packet.
func (u *unpacker) tell(from events.Dir, firstFrame uint64, out decoders.Sink) {
	if u.limit != "" {
		value := u.limits.DNSRecords
		if u.limit == "dns-text" {
			value = u.limits.DNSText
		}
		out.Limit(u.limit, value, "the rest of a DNS message was not read", int64(len(u.msg)))
	}
	if u.fault != "" {
		v := &events.FlowViolation{Protocol: "dns", Reason: u.reason()}
		if !u.stopped {
			v.Bytes = int64(u.after)
		}
		out.Emit(from, v)
	}
	b := u.memory.block()
	m := &b.message
	m.ID, m.Size, m.FirstFrame = be16(u.msg), len(u.msg)+u.missing, firstFrame
	setFlags(m, be16(u.msg[2:]), u.opt.ttl, u.opt.present)
	text := u.memory.textOf(u.text)
	questions := u.recs[:u.count[inQuestion]]
	switch {
	case len(questions) == 1:
		m.Question = b.question[:1:1]
	case len(questions) > 1:
		m.Question = make([]events.DNSQuestion, len(questions))
	}
	for i := range questions {
		r, q := &questions[i], &m.Question[i]
		q.Name = text[r.name.off:r.name.end]
		q.Type, q.Class = r.names(text)
	}
	if recs := u.recs[len(questions):]; len(recs) > 0 {
		all := u.memory.recordsOf(len(recs))
		for i := range recs {
			r, e := &recs[i], &all[i]
			e.Name = text[r.name.off:r.name.end]
			e.Type, e.Class = r.names(text)
			e.TTL = r.ttl
			e.Data = text[r.data.off:r.data.end]
		}
		m.Answer, all = cutSection(all, u.count[inAnswer])
		m.Authority, all = cutSection(all, u.count[inAuthority])
		m.Additional, _ = cutSection(all, u.count[inAdditional])
	}
	if u.opt.present {
		m.EDNS = &b.edns
		u.setEDNS(m.EDNS, text)
	}
	if u.missing > 0 {
		out.Truncated(from, m)
		return
	}
	out.Emit(from, m)
}

// reason is the violation in words.
func (u *unpacker) reason() string {
	s := sectionNames[u.faultIn]
	if u.faultIn < inHeader && u.stopped {
		s += " " + strconv.Itoa(u.count[u.faultIn]+1)
	}
	return s + ": " + u.fault
}

// cutSection is the first n of all, nil where there is none.
func cutSection(all []events.DNSRecord, n int) (section, rest []events.DNSRecord) {
	if n == 0 {
		return nil, all
	}
	return all[:n:n], all[n:]
}

func (r *record) names(text string) (typ, class string) {
	typ, class = typeName(r.typ), className(r.class)
	if typ == "" {
		typ = text[r.typText.off:r.typText.end]
	}
	if class == "" {
		class = text[r.classText.off:r.classText.end]
	}
	return typ, class
}

// setFlags reads the second word of the header (RFC 1035 section 4.1.1, RFC
// 4035 section 3.2), with the upper bits of the response code from the TTL of
// an OPT record.
func setFlags(m *events.DNSMessage, flags uint16, ttl uint32, edns bool) {
	m.Response = flags&0x8000 != 0
	m.Opcode = opcodeNames[flags>>11&15]
	m.AA = flags&0x0400 != 0
	m.TC = flags&0x0200 != 0
	m.RD = flags&0x0100 != 0
	m.RA = flags&0x0080 != 0
	m.AD = flags&0x0020 != 0
	m.CD = flags&0x0010 != 0
	rcode := flags & 15
	if edns {
		rcode |= uint16(ttl>>24) << 4
	}
	m.Rcode = rcodeName(rcode)
}
