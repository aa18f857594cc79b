package peer

import (
	"net/netip"
	"slices"
)

// greetExtended is the extension handshake (BEP 10): the number for ut_pex,
// and where this peer listens.
func (p *Peer) greetExtended(n *neighbour) {
	p.send(n, &message{kind: extended, extension: 0, name: "handshake", port: p.cfg.Addr.Port(), data: Encode(map[string]any{
		"m": map[string]any{"ut_pex": exchangeID},
		"p": int(p.cfg.Addr.Port()), "reqq": p.cfg.Pipeline, "v": Client,
	})})
}

func (p *Peer) hearExtended(n *neighbour, m message) {
	v, err := Decode(m.data)
	dict, ok := v.(map[string]any)
	if err != nil || !ok || !p.cfg.Exchange {
		return
	}
	switch m.extension {
	case 0:
		if port, ok := dict["p"].(int64); ok && port > 0 && port < 1<<16 {
			n.listens = netip.AddrPortFrom(n.remote.Addr(), uint16(port))
			p.known[n.listens] = true
		}
		names, _ := dict["m"].(map[string]any)
		if id, ok := names["ut_pex"].(int64); ok && id > 0 && id < 256 {
			n.exchange = uint8(id)
			p.tellPeers(n)
		}
	case exchangeID:
		added, _ := dict["added"].(string)
		for _, a := range ParseCompact(added) {
			p.meet(a)
		}
	}
}

// exchange tells every neighbour that wants to know who came and went.
func (p *Peer) exchange() {
	for _, n := range p.neighbours {
		if n.exchange != 0 && n.stage == open && p.state == running {
			p.tellPeers(n)
		}
	}
}

// tellPeers is ut_pex (BEP 11): what changed since n was last told.
func (p *Peer) tellPeers(n *neighbour) {
	m := &message{kind: extended, extension: n.exchange, name: "ut_pex"}
	here := map[netip.AddrPort]bool{}
	for _, x := range p.neighbours {
		if x != n && x.stage == open && x.listens.IsValid() {
			here[x.listens] = true
			if !n.told[x.listens] {
				m.added = append(m.added, x.listens)
			}
		}
	}
	for a := range n.told {
		if !here[a] {
			m.dropped = append(m.dropped, a)
		}
	}
	if len(m.added)+len(m.dropped) == 0 {
		return
	}
	n.told = here
	var added, dropped []byte
	slices.SortFunc(m.dropped, netip.AddrPort.Compare)
	for _, a := range m.added {
		added = AppendCompact(added, a)
	}
	for _, a := range m.dropped {
		dropped = AppendCompact(dropped, a)
	}
	m.data = Encode(map[string]any{
		"added": added, "added.f": make([]byte, len(m.added)), "dropped": dropped,
	})
	p.send(n, m)
}
