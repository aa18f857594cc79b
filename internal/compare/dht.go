package compare

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// dht is BitTorrent's DHT. tshark shows the strings and numbers of a message
// in the order of the wire, keys and values alike, without their place.
var dht = protocol{
	name:    "dht",
	kinds:   []events.Kind{events.KindDHTMessage},
	reader:  func() reader { return dhtReader{faults: map[uint64]bool{}} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "bt-dht.bencoded.string", of: inMessage(dhtStrings)},
		{name: "bt-dht.bencoded.int", of: inMessage(dhtInts)},
		{name: "bt-dht.id", of: inMessage(func(m *events.DHTMessage, add func(string)) {
			for _, n := range m.Nodes {
				id, _, _ := strings.Cut(n, "@")
				add(id)
			}
		})},
		{name: "bt-dht.ip", of: inMessage(func(m *events.DHTMessage, add func(string)) {
			endpoints(m, func(a netip.AddrPort) {
				if a.Addr().Is4() {
					add(a.Addr().String())
				}
			})
		})},
		{name: "bt-dht.ip6", of: inMessage(func(m *events.DHTMessage, add func(string)) {
			endpoints(m, func(a netip.AddrPort) {
				if !a.Addr().Is4() {
					add(a.Addr().String())
				}
			})
		})},
		{name: "bt-dht.port", of: inMessage(func(m *events.DHTMessage, add func(string)) {
			endpoints(m, func(a netip.AddrPort) { add(strconv.Itoa(int(a.Port()))) })
		})},
	},
}

// dhtReader knows the errors, of which tshark reads the beginning.
type dhtReader struct {
	plain
	faults map[uint64]bool
}

func (r dhtReader) event(e *events.Event, tell func(message)) {
	if e.Body.(*events.DHTMessage).Type == "error" {
		r.faults[e.Pos.Frame] = true
	}
	tell(message{frame: e.Pos.Frame, event: e})
}

// aside: behind code and text of an error, tshark 4.0.17 takes the end of
// their list for the end of the message.
func (r dhtReader) aside(d *Difference, _ *theirs) string {
	if d.Side == OnlyOurs && r.faults[d.Frame] {
		return "behind an error, where tshark stops reading"
	}
	return ""
}

func inMessage(f func(*events.DHTMessage, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) { f(m.event.Body.(*events.DHTMessage), add) }
}

// endpoints are all addresses with a port that a message bears.
func endpoints(m *events.DHTMessage, f func(netip.AddrPort)) {
	add := func(s string) {
		if a, err := netip.ParseAddrPort(s); err == nil {
			f(a)
		}
	}
	add(m.ExternalAddress)
	for _, n := range m.Nodes {
		_, a, _ := strings.Cut(n, "@")
		add(a)
	}
	for _, v := range m.Values {
		add(v)
	}
}

// dhtStrings are the keys of a message, and the values that are strings; what
// is not text is in hexadecimal.
func dhtStrings(m *events.DHTMessage, add func(string)) {
	pair := func(key, value string) {
		if value != "" {
			add(key)
			add(value)
		}
	}
	key := func(key string, there bool) {
		if there {
			add(key)
		}
	}
	switch m.Type {
	case "query":
		pair("y", "q")
		pair("q", m.Query)
		add("a")
	case "response":
		pair("y", "r")
		add("r")
	case "error":
		pair("y", "e")
		add("e")
		if m.Message != "" {
			add(m.Message)
		}
	}
	pair("t", m.Transaction)
	pair("v", m.Version)
	pair("id", m.ID)
	pair("target", m.Target)
	pair("info_hash", m.InfoHash)
	pair("token", m.Token)
	pair("salt", m.Salt)
	pair("k", m.Key)
	pair("sig", m.Signature)
	pair("BFsd", m.SeedFilter)
	pair("BFpe", m.PeerFilter)
	if m.ExternalAddress != "" {
		add("ip")
		if a, err := netip.ParseAddr(m.ExternalAddress); err == nil { // without a port
			add(hex.EncodeToString(a.AsSlice()))
		}
	}
	four, six := m.Nodes != nil && len(m.Nodes) == 0, false
	for _, n := range m.Nodes {
		four = four || !strings.Contains(n, "[")
		six = six || strings.Contains(n, "[")
	}
	key("nodes", four)
	key("nodes6", six)
	key("values", len(m.Values) > 0)
	key("want", len(m.Want) > 0)
	for _, w := range m.Want {
		add(w)
	}
	if len(m.Samples) > 0 {
		pair("samples", strings.Join(m.Samples, ""))
	}
	key("port", m.Port != 0)
	key("p", m.ExternalPort != 0)
	key("implied_port", m.ImpliedPort)
	key("ro", m.ReadOnly)
	key("seq", m.Seq != nil)
	key("cas", m.CAS != nil)
	key("num", m.Num != nil)
	key("interval", m.Interval != nil)
	for _, f := range m.Flags {
		add(f)
	}
}

func dhtInts(m *events.DHTMessage, add func(string)) {
	if m.Code != 0 {
		add(strconv.Itoa(m.Code))
	}
	for _, p := range []uint16{m.Port, m.ExternalPort} {
		if p != 0 {
			add(strconv.Itoa(int(p)))
		}
	}
	for _, on := range []bool{m.ImpliedPort, m.ReadOnly} {
		if on {
			add("1")
		}
	}
	for range m.Flags {
		add("1")
	}
	for _, n := range []*int64{m.Seq, m.CAS, m.Num, m.Interval} {
		if n != nil {
			add(strconv.FormatInt(*n, 10))
		}
	}
}
