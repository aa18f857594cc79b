package dnsthreat

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// isPublic reports whether a top-level domain is in the public suffix list.
func isPublic(name string) bool {
	_, icann := publicsuffix.PublicSuffix(name)
	return icann || name == "arpa"
}

// special are names that are set aside, and by what.
func special(name string) string {
	switch name {
	case "test", "localhost", "invalid", "example":
		return "RFC 6761"
	case "local":
		return "RFC 6762"
	case "onion":
		return "RFC 7686"
	case "alt":
		return "RFC 9476"
	case "internal":
		return "ICANN resolution 2024.07.29.06"
	}
	return ""
}

func (fold) Close(_ struct{}, s *state, emit analyzers.Emit) {
	if s.tables == nil {
		return
	}
	for _, x := range s.suspects {
		if x.name == "" || x.wrong+x.differing+x.foreign == 0 {
			continue
		}
		// A single late answer with another id is no attack.
		if x.wrong < leastWrong && x.differing == 0 && x.foreign == 0 {
			continue
		}
		v := &Threat{What: Poisoning, Client: x.asker.String(), Server: x.server.String(), Name: x.name, Type: x.typ,
			WrongID: x.wrong, Differing: x.differing, Foreign: x.foreign, Taken: x.taken, Frames: analyzers.Frames(x.frames...)}
		v.Filter = "dns.qry.name == " + strconv.Quote(cmp.Or(strings.TrimSuffix(x.name, "."), "<Root>")) + " && " +
			addrFilter(x.asker) + " && " + addrFilter(x.server)
		emit(fmt.Sprintf("poisoning %s → %s %s %s", v.Client, v.Server, v.Name, v.Type), v)
	}
	for _, c := range s.loud {
		if !c.amplified() {
			continue
		}
		v := &Threat{What: Amplification, Client: c.addr.String(), Queries: c.queries, Responses: c.responses, QueryBytes: c.queryBytes, ResponseBytes: c.responseBytes,
			Frames: analyzers.Frames(c.first, c.longest, c.last), Filter: "dns && " + addrFilter(c.addr)}
		if c.queryBytes > 0 {
			f := float64(c.responseBytes) / float64(c.queryBytes)
			v.Factor = &f
		}
		emit("amplification "+v.Client, v)
	}
	for _, z := range s.busy {
		if z.missing > repeats*uint64(len(z.names)) && !z.more {
			continue
		}
		span := z.to.Sub(z.from)
		v := &Threat{What: Flood, Name: z.name, Names: uint64(len(z.names)), NamesAtLeast: z.more, Clients: len(z.clients), Responses: z.missing, Span: &span,
			Frames: analyzers.Frames(z.first, z.last),
			Filter: "dns.flags.rcode == 3 && dns.qry.name contains " + strconv.Quote("."+strings.TrimSuffix(z.name, "."))}
		emit("flood "+z.name, v)
	}
	for _, x := range s.leaks {
		emit("invalid_tld "+x.name, &Threat{What: InvalidTLD, Name: x.name, Queries: x.queries, Special: special(x.name),
			Frames: analyzers.Frames(x.first, x.last), Filter: "dns.flags.response == 0 && dns.qry.name contains " + strconv.Quote(x.name)})
	}
}

// leastWrong is how many answers with a wrong id or port make a row.
const leastWrong = 3

func addrFilter(a events.Addr) string {
	return analyzers.AddrFilter("addr", events.Flow{Client: a}, events.FromClient)
}
