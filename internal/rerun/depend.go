package rerun

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
)

// queueing is how soon after an answer a request goes that had waited for a
// connection, and not for what the answer says.
const queueing = 20 * time.Millisecond

// depend finds what each exchange waited for. A client asks because of
// something it got: a page names its images, a redirect the next page. Images
// and fonts name nothing. So an exchange is after the last answer, of the same
// client, that can have named something; or, where the client had nothing else
// under way, after the last answer of all. A request that followed an image at
// once had waited for a connection only: it is after what that image was after,
// and behind it. Where a page in progress is its Referer, the head of that is
// enough. xs are in order of decided.
func depend(xs []*exchange) {
	of := map[netip.Addr][]*exchange{}
	var clients []netip.Addr
	for _, n := range xs {
		a := n.c.Client.Addr()
		if of[a] == nil {
			clients = append(clients, a)
		}
		of[a] = append(of[a], n)
	}
	for _, a := range clients {
		dependOne(of[a])
	}
}

func dependOne(xs []*exchange) {
	ends := slices.Clone(xs)
	slices.SortStableFunc(ends, func(a, b *exchange) int { return cmp.Compare(a.over, b.over) })
	var over int
	var done, cause *exchange
	pages := map[string]*exchange{}
	for i, n := range xs {
		for over < len(ends) && ends[over].over < n.decided {
			done = ends[over]
			if done.names() {
				cause = done
			}
			over++
		}
		if page := pages[events.Get(n.req.Headers, "Referer")]; page != nil && page.over > n.decided && page.answered <= n.decided {
			n.after, n.afterHalf = page, true
		} else if front := n.queuedBehind(done); front != nil {
			n.after, n.afterHalf, n.thought = front.after, front.afterHalf, front.thought
			n.played.Behind = front.played
			n.link()
			continue
		} else if n.after = cause; cause == nil || over == i {
			n.after = done
		}
		if n.after != nil {
			from := n.after.over
			if n.afterHalf {
				from = n.after.answered
			}
			n.thought = max(0, n.decided.Sub(from).Std()-n.after.c.gaps[events.FromClient])
		}
		n.link()
		if n.names() {
			pages[n.played.URL("http")] = n
		}
	}
}

func (n *exchange) link() {
	if n.after != nil {
		n.played.After, n.played.Head = n.after.played, n.afterHalf
	}
}

// queuedBehind is the exchange whose end n waited for to have a connection; nil
// where it was not so. done is what was over last.
func (n *exchange) queuedBehind(done *exchange) *exchange {
	for _, p := range []*exchange{n.before, done} {
		if p == nil || p.played == nil || p.names() || p.after == nil || p.over > n.decided || n.req.Version == "2" {
			continue
		}
		if n.decided.Sub(p.over).Std()-p.c.gaps[events.FromClient] <= queueing {
			return p
		}
	}
	return nil
}

// names reports whether the response of n may have made the client ask for
// more.
func (n *exchange) names() bool {
	kind, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(events.Get(n.resp.Headers, "Content-Type"))), "/")
	return n.resp.Status/100 == 3 && n.resp.Status != 304 || kind != "image" && kind != "font"
}

// when sets the times of n: begin is when its conversation begins. No host
// thinks longer than most. shortened counts what did.
func (n *exchange) when(begin, most time.Duration) (shortened int) {
	limit := func(d time.Duration) time.Duration {
		if d > most {
			shortened++
		}
		return min(max(0, d), most)
	}
	x := n.played
	if n.after == nil {
		x.Start = begin + limit(n.decided.Sub(n.c.Start).Std())
	}
	x.Think = limit(n.thought)
	x.Ready = limit(n.worked())
	return shortened
}

// worked is how long the server had n. Over HTTP/1 it answers in order: while it
// said the answer before, n waited for that.
func (n *exchange) worked() time.Duration {
	if p := n.before; p != nil && n.req.Version != "2" && p.resp != nil && p.over > n.asked {
		return n.resp.FirstTime.Sub(p.over).Std()
	}
	return n.resp.FirstTime.Sub(n.asked).Std() - n.c.gaps[events.FromServer]
}

// decide finds when the client began with n.
func (n *exchange) decide() {
	n.decided = n.req.FirstTime
	if n.first {
		n.decided = max(n.c.Start, n.req.FirstTime.Add(-events.Duration(n.c.gaps[0]+n.c.gaps[1])))
	}
	// Clocks of captures may jump; nothing waits for what comes later.
	n.asked = max(n.asked, n.decided)
	n.answered = max(n.answered, n.asked+1)
	n.over = max(n.over, n.answered)
}
