package bittorrent

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wiretale/wiretale/replay/peer"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/truth"
)

// DHT is bt-dht's line in scenarios/all.
var DHT = scenarios.Scenario{
	Name:  "bt-dht",
	Doc:   "a seed and two leechers without a tracker: they find each other in a DHT of ten nodes",
	RTT:   defaultRTT,
	Takes: scenarios.TimeScale,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		return play(ctx, p, time.Minute, runDHT)
	},
}

const (
	strangers = 6 // nodes that are neither the bootstrap node nor a peer

	// closest is what BEP 5 calls K and sets to 8. In so small a table, half of
	// it makes a look-up take more than one step.
	closest = 4

	nodeVersion = "WT\x00\x01" // v of BEP 5

	nodeLen = 20 + 6 // of compact node information: an id, an address, a port
)

// runDHT: the nodes join by the bootstrap node, one after the other. The seed
// announces itself to the nodes nearest to the info hash; the leechers ask
// those, find it and each other, and connect.
func runDHT(ctx context.Context, s *swarm) error {
	s.make(8*pieceBytes, pieceBytes, blockBytes)
	var nodes []*node
	add := func(name, role string, upload int64) (*member, *node, error) {
		m, err := s.add(name, role, len(s.members), upload)
		if err != nil {
			return nil, nil, err
		}
		n := newNode(s, m)
		nodes = append(nodes, n)
		return m, n, nil
	}
	_, router, err := add("router", "bootstrap node of the DHT", 0)
	if err != nil {
		return err
	}
	for i := range strangers {
		if _, _, err := add(fmt.Sprintf("node%d", i+1), "node of the DHT", 0); err != nil {
			return err
		}
	}
	var peers []*member
	for _, x := range []struct {
		name, role string
		upload     int64
	}{
		{"seed", "has the file; node of the DHT", 200_000},
		{"leecher1", "wants the file; node of the DHT", 120_000},
		{"leecher2", "wants the file; node of the DHT", 80_000},
	} {
		m, _, err := add(x.name, x.role, x.upload)
		if err != nil {
			return err
		}
		peers = append(peers, m)
	}
	s.tellRates()
	ids := map[string]string{}
	for _, n := range nodes {
		ids[n.m.name] = n.id.String()
	}
	s.w.Fact("node_ids", ids)
	if err := s.join(s.p.RTT); err != nil {
		return err
	}
	for _, n := range nodes {
		if err := n.listen(); err != nil {
			return err
		}
	}
	first := len(nodes) - len(peers)
	for i, n := range nodes {
		if i > 0 {
			if err := n.bootstrap(ctx, router.contact()); err != nil {
				return err
			}
		}
		if i < first {
			continue
		}
		m := peers[i-first]
		var content []byte
		if i == first {
			content = s.content
		}
		if err := s.start(m, content, func(c *peer.Config) {
			c.DHT = peerPort
			c.OnPort = func(a netip.AddrPort) { n.pings.Go(func() { n.ping(ctx, a) }) }
		}); err != nil {
			return err
		}
		others, err := n.announce(ctx, s.torrent.InfoHash, m.addr.Port())
		if err != nil {
			return err
		}
		m.peer.Meet(others)
		if err := pause(ctx, joinGap); err != nil {
			return err
		}
	}
	if err := wait(ctx, peers...); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(float64(10*time.Second)/s.p.TimeScale)+s.p.RTT); err != nil {
		return err
	}
	for _, n := range nodes {
		n.pings.Wait()
	}
	return nil
}

// contact is a node and where it is.
type contact struct {
	id   peer.Hash
	addr netip.AddrPort
}

func (c contact) text() string { return c.id.String() + "@" + c.addr.String() }

// node is one node of the DHT (BEP 5). Of its table there is one bucket
// without a limit: no table of this net outgrows what a full one would hold.
type node struct {
	s      *swarm
	m      *member
	id     peer.Hash
	secret []byte
	sock   *socket
	pings  sync.WaitGroup

	mu      sync.Mutex
	next    uint16 // transaction
	table   []contact
	stored  map[peer.Hash][]netip.AddrPort
	waiting map[string]chan reply
}

// reply is an answer to a query.
type reply struct {
	values map[string]any
	from   netip.AddrPort
}

func newNode(s *swarm, m *member) *node {
	rnd := rand.New(rand.NewPCG(s.p.Seed, binary.BigEndian.Uint64(m.id[12:])^0x646874)) // "dht"
	n := &node{s: s, m: m, secret: make([]byte, 8), stored: map[peer.Hash][]netip.AddrPort{}, waiting: map[string]chan reply{}}
	for i := range n.id {
		n.id[i] = byte(rnd.Uint32())
	}
	for i := range n.secret {
		n.secret[i] = byte(rnd.Uint32())
	}
	n.next = uint16(rnd.Uint32())
	return n
}

func (n *node) contact() contact { return contact{n.id, n.m.addr} }

func (n *node) listen() (err error) {
	n.sock, err = n.s.open(n.m.host, peerPort, func(_ *socket, from netip.AddrPort, b []byte) { n.hear(from, b) })
	return err
}

// distance is how far a and b are from each other (BEP 5: exclusive or).
func distance(a, b peer.Hash) (d peer.Hash) {
	for i := range a {
		d[i] = a[i] ^ b[i]
	}
	return d
}

// nearest sorts a copy of list by the distance to target.
func nearest(list []contact, target peer.Hash) []contact {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b contact) int {
		x, y := distance(a.id, target), distance(b.id, target)
		return bytes.Compare(x[:], y[:])
	})
	return list
}

// know adds a node that spoke to the table.
func (n *node) know(c contact) {
	if c.id == n.id || slices.Contains(n.table, c) {
		return
	}
	n.table = append(n.table, c)
}

// token lets whoever asked from an address announce itself from there.
func (n *node) token(a netip.Addr) string {
	h := sha1.Sum(append(slices.Clone(n.secret), a.AsSlice()...))
	return string(h[:8])
}

// hear answers a query, or hands a response to who waits for it.
func (n *node) hear(from netip.AddrPort, b []byte) {
	v, err := peer.Decode(b)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		return
	}
	t, _ := m["t"].(string)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch m["y"] {
	case "r":
		values, _ := m["r"].(map[string]any)
		if id, ok := hashOf(values["id"]); ok {
			n.know(contact{id, from})
		}
		if c := n.waiting[t+from.String()]; c != nil {
			delete(n.waiting, t+from.String())
			c <- reply{values, from}
		}
	case "q":
		args, _ := m["a"].(map[string]any)
		q, _ := m["q"].(string)
		id, ok := hashOf(args["id"])
		if !ok {
			return
		}
		n.answer(from, t, q, args)
		n.know(contact{id, from})
	}
}

func hashOf(v any) (h peer.Hash, ok bool) {
	s, _ := v.(string)
	return h, copy(h[:], s) == len(h) && len(s) == len(h)
}

// answer is the response to a query (BEP 5). The caller holds n.mu.
func (n *node) answer(to netip.AddrPort, t, q string, args map[string]any) {
	r := map[string]any{"id": string(n.id[:])}
	w := &truth.Wire{Type: "response", Transaction: hex.EncodeToString([]byte(t)), ID: n.id.String()}
	nodes := func(target peer.Hash) {
		var compact []byte
		list := nearest(n.table, target)
		for _, c := range list[:min(closest, len(list))] {
			compact = peer.AppendCompact(append(compact, c.id[:]...), c.addr)
			w.Nodes = append(w.Nodes, c.text())
		}
		r["nodes"] = compact
	}
	switch q {
	case "ping":
	case "find_node":
		target, ok := hashOf(args["target"])
		if !ok {
			return
		}
		nodes(target)
	case "get_peers":
		hash, ok := hashOf(args["info_hash"])
		if !ok {
			return
		}
		if list := n.stored[hash]; len(list) > 0 {
			var values []any
			for _, a := range list {
				values = append(values, peer.AppendCompact(nil, a))
			}
			r["values"] = values
			w.Values = peer.Texts(list)
		}
		nodes(hash)
		token := n.token(to.Addr())
		r["token"], w.Token = token, hex.EncodeToString([]byte(token))
	case "announce_peer":
		hash, ok := hashOf(args["info_hash"])
		port, pok := args["port"].(int64)
		if !ok || !pok || args["token"] != n.token(to.Addr()) {
			return
		}
		a := netip.AddrPortFrom(to.Addr(), uint16(port))
		if !slices.Contains(n.stored[hash], a) {
			n.stored[hash] = append(n.stored[hash], a)
		}
	default:
		return
	}
	_ = n.sock.send(to, peer.Encode(map[string]any{"t": t, "y": "r", "r": r, "v": nodeVersion}), truth.DHT, w)
}

// A query that is not answered is sent again.
const (
	queryTries   = 4
	queryTimeout = 500 * time.Millisecond // and the round trip
)

var errNoNode = errors.New("a node of the DHT does not answer")

// query asks a node; args without the id.
func (n *node) query(ctx context.Context, to netip.AddrPort, q string, args map[string]any, w truth.Wire) (map[string]any, error) {
	args["id"] = string(n.id[:])
	w.Type, w.Query, w.ID = "query", q, n.id.String()
	for range queryTries {
		n.mu.Lock()
		n.next++
		t := string(binary.BigEndian.AppendUint16(nil, n.next))
		c := make(chan reply, 1)
		n.waiting[t+to.String()] = c
		n.mu.Unlock()
		said := w
		said.Transaction = hex.EncodeToString([]byte(t))
		if err := n.sock.send(to, peer.Encode(map[string]any{"t": t, "y": "q", "q": q, "a": args, "v": nodeVersion}), truth.DHT, &said); err != nil {
			return nil, err
		}
		timeout := time.NewTimer(queryTimeout + 2*n.s.p.RTT + 2*n.s.p.Jitter)
		select {
		case r := <-c:
			timeout.Stop()
			return r.values, nil
		case <-timeout.C:
		case <-ctx.Done():
			timeout.Stop()
			return nil, context.Cause(ctx)
		}
	}
	return nil, fmt.Errorf("%s to %s: %s: %w", n.m.name, to, q, errNoNode)
}

// ping is what BEP 5 wants when a peer names its port of the DHT: the node
// may be new.
func (n *node) ping(ctx context.Context, a netip.AddrPort) {
	_, _ = n.query(ctx, a, "ping", map[string]any{}, truth.Wire{}) // a node that does not answer is not added
}

// lookUp goes towards target until the nearest nodes that it heard of have
// answered; ask is the query. It returns these nodes, the nearest first.
func (n *node) lookUp(ctx context.Context, start []contact, target peer.Hash, ask func(contact) (map[string]any, error)) ([]contact, error) {
	known := slices.Clone(start)
	asked := map[netip.AddrPort]bool{}
	for {
		near := nearest(known, target)
		near = near[:min(closest, len(near))]
		i := slices.IndexFunc(near, func(c contact) bool { return !asked[c.addr] })
		if i < 0 {
			return near, nil
		}
		asked[near[i].addr] = true
		r, err := ask(near[i])
		if err != nil {
			return nil, err
		}
		list, _ := r["nodes"].(string)
		for ; len(list) >= nodeLen; list = list[nodeLen:] {
			id, _ := hashOf(list[:20])
			c := contact{id, peer.ParseCompact(list[20:nodeLen])[0]}
			if c.id != n.id && !slices.ContainsFunc(known, func(k contact) bool { return k.addr == c.addr }) {
				known = append(known, c)
			}
		}
	}
}

// bootstrap finds the nodes nearest to n itself.
func (n *node) bootstrap(ctx context.Context, router contact) error {
	_, err := n.lookUp(ctx, []contact{router}, n.id, func(c contact) (map[string]any, error) {
		return n.query(ctx, c.addr, "find_node", map[string]any{"target": string(n.id[:])}, truth.Wire{Target: n.id.String()})
	})
	return err
}

// announce asks for the peers of a torrent and then says to the nodes nearest
// to it that n is one.
func (n *node) announce(ctx context.Context, hash peer.Hash, port uint16) (others []netip.AddrPort, err error) {
	tokens := map[netip.AddrPort]string{}
	n.mu.Lock()
	start := slices.Clone(n.table)
	n.mu.Unlock()
	near, err := n.lookUp(ctx, start, hash, func(c contact) (map[string]any, error) {
		r, err := n.query(ctx, c.addr, "get_peers", map[string]any{"info_hash": string(hash[:])}, truth.Wire{InfoHash: hash.String()})
		if err != nil {
			return nil, err
		}
		tokens[c.addr], _ = r["token"].(string)
		values, _ := r["values"].([]any)
		for _, v := range values {
			s, _ := v.(string)
			for _, a := range peer.ParseCompact(s) {
				if !slices.Contains(others, a) {
					others = append(others, a)
				}
			}
		}
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	n.s.w.Choose(truth.Choice{Host: n.m.name, What: "announce_to", Of: names(n.s, near),
		Why: "the " + strconv.Itoa(len(near)) + " nodes nearest to the info hash that answered"})
	for _, c := range near {
		token := tokens[c.addr]
		if _, err := n.query(ctx, c.addr, "announce_peer",
			map[string]any{"info_hash": string(hash[:]), "port": int(port), "token": token},
			truth.Wire{InfoHash: hash.String(), Port: port, Token: hex.EncodeToString([]byte(token))}); err != nil {
			return nil, err
		}
	}
	return others, nil
}

func names(s *swarm, list []contact) (out string) {
	for i, c := range list {
		if i > 0 {
			out += ", "
		}
		out += s.nameOf(c.addr.Addr())
	}
	return out
}
