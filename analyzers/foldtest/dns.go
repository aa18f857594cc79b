package foldtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
)

// DNS is a conversation between hosts that speak DNS over UDP: each call is
// one packet. Two hosts and an id are one flow.
type DNS struct {
	Events []*events.Event
	talks  map[string]Talk
}

func (s *DNS) talk(from, to string, id uint16) Talk {
	if s.talks == nil {
		s.talks = map[string]Talk{}
	}
	k := fmt.Sprint(from, to, id)
	t, ok := s.talks[k]
	if !ok {
		t = UDP(uint32(len(s.talks)), fmt.Sprintf("%s:%d", from, 20000+int(id)%40000), to+":53")
		s.talks[k] = t
	}
	return t
}

// Q is a query "name type" under id, at milliseconds. Flags: rd.
func (s *DNS) Q(at float64, from, to string, id uint16, question string, flags ...string) *events.DNSMessage {
	m := &events.DNSMessage{ID: id, Opcode: "QUERY", Question: ask(question), RD: slices.Contains(flags, "rd"), Size: 40}
	s.Events = append(s.Events, s.talk(from, to, id).Client(uint64(len(s.Events)+1), ms(at), m))
	return m
}

// A is its answer. Flags, apart by spaces, are rd, ra, aa, tc and an rcode.
// Records are "name TTL type data", or "name type data" with a TTL of 300;
// those after "ns" and "add" are in the other sections.
func (s *DNS) A(at float64, from, to string, id uint16, question, flags string, records ...string) *events.DNSMessage {
	f := strings.Fields(flags)
	has := func(x string) bool { return slices.Contains(f, x) }
	m := &events.DNSMessage{ID: id, Opcode: "QUERY", Response: true, Rcode: "NOERROR", Question: ask(question),
		RD: has("rd"), RA: has("ra"), AA: has("aa"), TC: has("tc"), Size: 40 + 16*len(records)}
	for _, x := range f {
		if strings.ToUpper(x) == x {
			m.Rcode = x
		}
	}
	section := &m.Answer
	for _, r := range records {
		switch r {
		case "ns":
			section = &m.Authority
			continue
		case "add":
			section = &m.Additional
			continue
		}
		name, rest, _ := strings.Cut(r, " ")
		ttl := uint64(300)
		typ, data, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseUint(typ, 10, 32); err == nil {
			ttl = n
			typ, data, _ = strings.Cut(data, " ")
		}
		*section = append(*section, events.DNSRecord{Name: name, Type: typ, Class: "IN", TTL: uint32(ttl), Data: data})
	}
	s.Events = append(s.Events, s.talk(from, to, id).Server(uint64(len(s.Events)+1), ms(at), m))
	return m
}

func ask(q string) []events.DNSQuestion {
	name, typ, _ := strings.Cut(q, " ")
	return []events.DNSQuestion{{Name: name, Type: typ, Class: "IN"}}
}

func ms(n float64) time.Duration { return time.Duration(n * 1e6) }
