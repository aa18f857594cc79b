package rerun

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/internal/truthcheck"
)

// Figures compare one protocol at one server, before and after. What is in
// pairs is before and after.
type Figures struct {
	Protocol string
	Server   netip.Addr
	By       string // what played it
	Messages [2]int
	truthcheck.Count
	Bytes [2]int64 // of the application's messages; of HTTP that a library played, of contents
	// Answer is the median time at the capture point from the end of what a
	// client said to the answer, of HTTP to its head; 0: there is none.
	Answer [2]time.Duration
	// Took is from the first message to the end of the last.
	Took [2]time.Duration
}

// Page is what a client did with HTTP, DNS included.
type Page struct {
	Client   netip.Addr
	Requests [2]int
	// Took is from its first question to the end of the last response.
	Took [2]time.Duration
}

// item is a message as it is compared.
type item struct {
	protocol, by   string
	client, server netip.Addr
	key            string // what must be equal
	bytes          int64
	first, last    events.Time
	answer         time.Duration // 0: it is no answer
	request        bool          // of HTTP
	response       bool
}

// raw is what plays message by message.
const raw = "bytes"

// items are the messages of s, those of HTTP where it says them.
func (s *Script) items() []item {
	var out []item
	for _, c := range s.Conversations {
		protocol := c.protocol()
		for k, m := range c.Messages {
			if m.Part {
				continue
			}
			i := item{protocol: protocol, by: raw, client: c.Client.Addr(), server: c.Server.Addr(), bytes: int64(len(m.Bytes)),
				key: fmt.Sprint(c.Proto, " ", c.Server.Port(), " ", m.From, " ", m.key), first: m.at, last: m.at}
			if c.data != nil {
				i.key = m.key // its port is that of the moment
				if c.data.Mode == "active" {
					i.client, i.server = i.server, i.client
				}
			}
			http := protocol == "http"
			i.request, i.response = http && m.From == events.FromClient, http && m.From == events.FromServer
			if k > 0 && c.Messages[k-1].From != m.From && m.From == events.FromServer {
				i.answer = m.at.Sub(c.Messages[k-1].at).Std()
			}
			out = append(out, i)
		}
	}
	for _, n := range s.exchanges {
		x := n.played
		req := item{protocol: "http", by: x.Version.Library(), client: x.Client, server: x.Server.Addr(), request: true, bytes: int64(len(x.Content)),
			first: n.req.FirstTime, last: n.asked, key: fmt.Sprint("request ", x.Method, " ", x.URL("http"), " ", len(x.Content))}
		resp := req
		resp.request, resp.response, resp.bytes = false, true, int64(len(x.Body))
		resp.first, resp.last, resp.answer = n.answered, n.over, n.answered.Sub(n.asked).Std()
		resp.key = fmt.Sprint("response ", x.Method, " ", x.URL("http"), " ", x.Status, " ", len(x.Body))
		out = append(out, req, resp)
	}
	return out
}

// protocol is the name of what c speaks.
func (c *Conversation) protocol() string {
	for _, m := range c.Messages {
		if name, _, _ := strings.Cut(string(m.Kind), "."); name != "mail" {
			return name
		}
	}
	return "mail"
}

// told are the exchanges of s as the hosts that played them tell them: for
// what no capture shows.
func (s *Script) told() []item {
	var out []item
	for _, x := range s.played() {
		if x.Told.Err != nil {
			continue
		}
		t := &x.Told
		req := item{protocol: "http", by: x.Version.Library(), client: x.Client, server: x.Server.Addr(), request: true, bytes: t.GotBytes,
			first: events.TimeOf(t.Asked.Start), last: events.TimeOf(t.Asked.End), key: fmt.Sprint("request ", x.Method, " ", x.URL("http"), " ", t.GotBytes)}
		resp := req
		resp.request, resp.response, resp.bytes = false, true, t.Bytes
		resp.first, resp.last, resp.answer = events.TimeOf(t.Heard.Start), events.TimeOf(t.Heard.End), t.Heard.Start.Sub(t.Asked.End)
		resp.key = fmt.Sprint("response ", x.Method, " ", x.URL("http"), " ", t.Status, " ", t.Bytes)
		out = append(out, req, resp)
	}
	return out
}

// Hidden reports whether no capture shows what the libraries played without
// their keys.
func (s *Script) Hidden() bool { return s.As == web.HTTP3 || s.secure }

// Compare sets what was to be played beside what wiretale reads from the
// result: by protocol and server, and all together at the end. Messages are
// equal where their content is and the hosts are the same.
func Compare(before, after *Script) []Figures {
	now := after.items()
	if before.Hidden() {
		now = append(now, before.told()...)
	}
	return compare(before.items(), now)
}

func compare(before, after []item) []Figures {
	type key struct {
		protocol string
		server   netip.Addr
	}
	type span struct{ first, last events.Time }
	of := map[key]*Figures{}
	answers, spans := map[*Figures]*[2][]time.Duration{}, map[*Figures]*[2]span{}
	all := &Figures{Protocol: "all"}
	answers[all], spans[all] = new([2][]time.Duration), new([2]span)
	left := map[string]int{}
	for i, items := range [][]item{before, after} {
		for _, m := range items {
			k := key{m.protocol, m.server}
			f := of[k]
			if f == nil {
				f = &Figures{Protocol: m.protocol, Server: m.server, By: m.by}
				of[k] = f
				answers[f], spans[f] = new([2][]time.Duration), new([2]span)
			}
			equal := fmt.Sprint(m.protocol, m.client, m.server, m.key)
			agreed := 0
			if i == 0 {
				left[equal]++
			} else if left[equal] > 0 {
				left[equal]--
				agreed = 1
			}
			if !strings.Contains(f.By, m.by) {
				f.By += ", " + m.by
			}
			for _, f := range []*Figures{f, all} {
				f.Messages[i]++
				f.Bytes[i] += m.bytes
				f.Agreed += agreed
				if m.answer > 0 {
					answers[f][i] = append(answers[f][i], m.answer)
				}
				s := &spans[f][i]
				if s.first == 0 || m.first < s.first {
					s.first = m.first
				}
				s.last = max(s.last, m.last)
			}
		}
	}
	var out []Figures
	for _, f := range of {
		out = append(out, *f)
	}
	finish := func(f *Figures, from *Figures) {
		f.OnlyTruth, f.OnlyOurs = f.Messages[0]-f.Agreed, f.Messages[1]-f.Agreed
		for i := range 2 {
			f.Answer[i] = median(answers[from][i])
			f.Took[i] = spans[from][i].last.Sub(spans[from][i].first).Std()
		}
	}
	for i := range out {
		finish(&out[i], of[key{out[i].Protocol, out[i].Server}])
	}
	finish(all, all)
	slices.SortFunc(out, func(a, b Figures) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(b.Bytes[0], a.Bytes[0]), a.Server.Compare(b.Server))
	})
	return append(out, *all)
}

// Pages are the clients of HTTP, in order of their addresses.
func Pages(before, after *Script) []Page {
	now := after.items()
	if before.Hidden() {
		now = append(now, before.told()...)
	}
	type span struct{ first, last events.Time }
	pages, spans := map[netip.Addr]*Page{}, map[netip.Addr]*[2]span{}
	for i, items := range [][]item{before.items(), now} {
		for _, m := range items {
			if !m.request && !m.response && m.protocol != "dns" {
				continue
			}
			p, s := pages[m.client], spans[m.client]
			if p == nil {
				p, s = &Page{Client: m.client}, new([2]span)
				pages[m.client], spans[m.client] = p, s
			}
			if s[i].first == 0 || m.first < s[i].first {
				s[i].first = m.first
			}
			if m.request && !strings.Contains(m.key, "http.body") {
				p.Requests[i]++
			}
			if m.response {
				s[i].last = max(s[i].last, m.last)
			}
		}
	}
	var out []Page
	for a, p := range pages {
		if p.Requests[0] == 0 {
			continue
		}
		for i := range 2 {
			if s := spans[a][i]; s.last > 0 {
				p.Took[i] = s.last.Sub(s.first).Std()
			}
		}
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Page) int { return a.Client.Compare(b.Client) })
	return out
}

func median(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	slices.Sort(ds)
	return ds[len(ds)/2]
}
