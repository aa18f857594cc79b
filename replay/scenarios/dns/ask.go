package dns

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/replay/scenarios/internal/dnsnet"
	"github.com/wiretale/wiretale/replay/simnet"
)

// ask has a client ask a server for the whole answer. On a network that was
// asked to be poor there may be none, which is not an error: then the answer is
// SERVFAIL, as applications see it.
func ask(ctx context.Context, c *dnsnet.Client, server *simnet.Host, name string, qtype uint16) (*mdns.Msg, error) {
	a, err := tryOnce(ctx, c, server, name, qtype)
	if err == nil || !c.W.Poor() || ctx.Err() != nil {
		return a, err
	}
	c.W.Choose(c.Host.Name(), "give up", name, err.Error())
	a = c.Query(name, qtype, true)
	a.Response, a.Rcode = true, mdns.RcodeServerFailure
	return a, nil
}

// tryOnce asks and says why there is no answer.
func tryOnce(ctx context.Context, c *dnsnet.Client, server *simnet.Host, name string, qtype uint16) (*mdns.Msg, error) {
	return c.Ask(ctx, addrOf(server), c.Query(name, qtype, true))
}

// expect asks and checks what comes: an rcode, or data of the first records of
// the answer section in order.
func expect(ctx context.Context, c *dnsnet.Client, server *simnet.Host, name string, qtype uint16, want ...string) error {
	a, err := ask(ctx, c, server, name, qtype)
	if err != nil {
		return err
	}
	got := told(a)
	if c.W.Poor() && a.Rcode == mdns.RcodeServerFailure {
		return nil
	}
	if len(want) > len(got) {
		return fmt.Errorf("%s: the answer is %s, not %s", name, strings.Join(got, ", "), strings.Join(want, ", "))
	}
	for i, w := range want {
		if got[i] != w {
			return fmt.Errorf("%s: the answer is %s, not %s", name, strings.Join(got, ", "), strings.Join(want, ", "))
		}
	}
	return nil
}

// told is what an answer says, in short: its data, or why it has none.
func told(a *mdns.Msg) []string {
	if a.Rcode != mdns.RcodeSuccess {
		return []string{mdns.RcodeToString[a.Rcode]}
	}
	var out []string
	for _, rr := range a.Answer {
		if rr.Header().Rrtype != mdns.TypeRRSIG {
			out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	if out == nil {
		out = []string{"nothing"}
	}
	return out
}

func addrOf(h *simnet.Host) netip.Addr { return h.Addrs()[0] }
