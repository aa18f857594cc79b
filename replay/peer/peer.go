// Package peer is a peer of BitTorrent: the wire of BEP 3 (rarest first, end
// game, tit-for-tat with an optimistic unchoke), extensions (BEP 10) with peer
// exchange (BEP 11), and a word about the DHT (BEP 5). It does what the
// documents say and notes all it says, hears and decides. It must not look at
// packets, and knows no tracker: whoever runs it tells it of others.
package peer

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/truth"
)

// More of the customs, in the scenario's own time.
const (
	keepAliveAfter = 2 * time.Minute // of silence (BEP 3)
	exchangeEvery  = time.Minute     // peers, at most (BEP 11)
)

// DefaultPipeline is how many requests wait at a neighbour (BEP 3: "keep
// several unfulfilled requests on each connection").
const DefaultPipeline = 5

// exchangeID is the number that this peer gives to ut_pex.
const exchangeID = 1

// Client is what the extension handshake says in v.
const Client = "wiretale-replay"

// Network is how a peer reaches others.
type Network interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
}

// Config is what makes one peer differ from another.
type Config struct {
	Name    string // of its host
	Network Network
	Now     func() events.Time
	NameOf  func(netip.Addr) string // of another host
	Addr    netip.AddrPort          // where it listens
	ID      Hash                    // its peer id
	Seed    uint64

	Torrent *Torrent
	Content []byte   // nil: it has nothing yet
	Have    Bitfield // the pieces of Content that it has; nil: all

	Upload    int64 // bit/s, at most; 0: no limit
	Pipeline  int   // requests that wait at a neighbour; 0: DefaultPipeline
	FreeRider bool  // it unchokes nobody
	Exchange  bool  // it knows BEP 10 and BEP 11
	DHT       uint16
	TimeScale float64 // seconds of its timers that go by in one; more than 0

	// OnPort is told of the DHT port that a neighbour named (BEP 5); nil: it
	// does not matter.
	OnPort func(netip.AddrPort)
}

// state of a peer.
type state uint8

const (
	running   state = iota
	quiescent       // dials nobody any more
	stopped         // says nothing more, and listens to what others still say
)

// Peer is one peer. All fields below inbox belong to its one goroutine.
type Peer struct {
	cfg Config

	inbox    chan func()
	quit     chan struct{} // closed: the goroutine ends
	complete chan struct{}
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	dials    sync.WaitGroup
	links    sync.WaitGroup
	workers  sync.WaitGroup

	state      state
	rnd        *rand.Rand
	picker     *picker
	content    []byte
	neighbours []*neighbour // in the order in which they came
	all        []*link      // also those that are gone
	unsaid     []*link      // what is queued there is to be written at the end of this turn
	known      map[netip.AddrPort]bool
	bucket     bucket
	turn       int // of the neighbours, whose request is answered next
	rounds     int
	finished   time.Time

	choices []truth.Choice
	on      []*link // of each choice
	history []truth.Peer
	given   map[string]int64 // bytes of blocks sent, by host
	taken   map[string]int64 // bytes of blocks received, by host
	errs    []error
}

// stage of a neighbour.
type stage uint8

const (
	greeting stage = iota // its handshake has not come
	open
	leaving // its link ends
)

// neighbour is a peer at the other end of a link.
type neighbour struct {
	*link
	stage   stage
	name    string
	id      Hash
	has     Bitfield
	listens netip.AddrPort // not valid where that is not known

	slot       slot // what it may
	interested bool // it is, in what is here
	choking    bool // it chokes this peer
	wanted     bool // this peer is interested in what it has

	wants     []message      // its requests
	owes      map[block]bool // what it was asked for
	lastBlock time.Time      // or when it was first asked
	up, down  meter
	lastSaid  time.Time

	exchange uint8 // its number for ut_pex; 0: it does not know it
	told     map[netip.AddrPort]bool
}

// Start listens and begins to answer.
func Start(cfg Config) (*Peer, error) {
	if cfg.Pipeline == 0 {
		cfg.Pipeline = DefaultPipeline
	}
	l, err := cfg.Network.Listen("tcp", cfg.Addr.String())
	if err != nil {
		return nil, fmt.Errorf("peer: %s: %w", cfg.Name, err)
	}
	t := cfg.Torrent
	have := NewBitfield(len(t.Pieces))
	content := make([]byte, t.Length)
	for i := range t.Pieces {
		if cfg.Content != nil && (cfg.Have == nil || cfg.Have.Has(i)) {
			at := i * t.PieceLength
			copy(content[at:at+t.pieceLen(i)], cfg.Content[at:])
			have.Set(i)
		}
	}
	rnd := rand.New(rand.NewPCG(cfg.Seed, 0x70656572)) // "peer"
	ctx, cancel := context.WithCancel(context.Background())
	p := &Peer{
		cfg: cfg, inbox: make(chan func(), 64), quit: make(chan struct{}), complete: make(chan struct{}),
		listener: l, ctx: ctx, cancel: cancel,
		rnd: rnd, picker: newPicker(t, rnd, have), content: content,
		known:  map[netip.AddrPort]bool{cfg.Addr: true},
		bucket: bucket{rate: cfg.Upload, room: t.BlockLength, last: cfg.Now().Std()},
		given:  map[string]int64{}, taken: map[string]int64{},
	}
	p.snapshot(p.now())
	if p.picker.complete() {
		close(p.complete)
	}
	p.workers.Add(2)
	go func() {
		defer p.workers.Done()
		p.loop()
	}()
	go func() {
		defer p.workers.Done()
		p.accept()
	}()
	return p, nil
}

// Complete is closed when the peer has all pieces.
func (p *Peer) Complete() <-chan struct{} { return p.complete }

// Meet tells the peer of others. It connects to those it does not know yet.
func (p *Peer) Meet(addrs []netip.AddrPort) {
	p.do(func() {
		for _, a := range addrs {
			p.meet(a)
		}
	})
}

// Counts is what an announce says: bytes sent, received and still missing.
func (p *Peer) Counts() (up, down, left int64) {
	done := make(chan struct{})
	p.do(func() {
		for _, n := range p.given {
			up += n
		}
		for _, n := range p.taken {
			down += n
		}
		left = int64(p.cfg.Torrent.Length)
		for i := range p.cfg.Torrent.Pieces {
			if p.picker.have.Has(i) {
				left -= int64(p.cfg.Torrent.pieceLen(i))
			}
		}
		close(done)
	})
	select {
	case <-done:
	case <-p.quit:
	}
	return up, down, left
}

// Quiesce stops connecting, and returns when no connection is being made.
func (p *Peer) Quiesce() {
	done := make(chan struct{})
	p.do(func() {
		p.state = max(p.state, quiescent)
		close(done)
	})
	select {
	case <-done:
	case <-p.quit:
	}
	p.dials.Wait()
}

// Stop says nothing more to anyone and returns when all links are closed, in
// peace, by both ends, or ctx is over. The others must run, or stop too.
func (p *Peer) Stop(ctx context.Context) {
	p.Quiesce()
	done := make(chan struct{})
	p.do(func() {
		p.state = stopped
		for _, n := range slices.Clone(p.neighbours) {
			p.leave(n)
		}
		close(done)
	})
	select {
	case <-done:
	case <-p.quit:
	}
	over := make(chan struct{})
	go func() {
		p.links.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-ctx.Done():
		p.do(func() {
			for _, l := range p.all {
				l.fail(context.Cause(ctx))
				l.conn.Close()
			}
		})
		<-over
	}
}

// Close ends what Stop left: the listener and the goroutine. The error is the
// first thing that went wrong.
func (p *Peer) Close() error {
	p.cancel()
	p.listener.Close()
	close(p.quit)
	p.workers.Wait()
	for _, l := range p.all {
		l.end()
		l.conn.Close() // of those that Stop closed, again
	}
	p.links.Wait()
	for _, l := range p.all {
		p.errs = append(p.errs, l.err)
	}
	return errors.Join(p.errs...)
}

// do runs f in the peer's goroutine, some time.
func (p *Peer) do(f func()) {
	select {
	case p.inbox <- f:
	case <-p.quit:
	}
}

func (p *Peer) now() time.Time { return p.cfg.Now().Std() }

// scaled is how long d of the scenario's time takes.
func (p *Peer) scaled(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)/p.cfg.TimeScale), time.Millisecond)
}

// loop is the peer's one goroutine.
func (p *Peer) loop() {
	rounds := time.NewTicker(p.scaled(round))
	defer rounds.Stop()
	exchanges := time.NewTicker(p.scaled(exchangeEvery))
	defer exchanges.Stop()
	alive := time.NewTicker(p.scaled(keepAliveAfter) / 4)
	defer alive.Stop()
	upload := time.NewTimer(0)
	defer upload.Stop()
	for {
		select {
		case <-p.quit:
			return
		case f := <-p.inbox:
			f()
		case <-rounds.C:
			p.rechoke(p.now(), true)
		case <-exchanges.C:
			p.exchange()
		case <-alive.C:
			p.keepAlive()
		case <-upload.C:
		}
		if d := p.serve(); d > 0 {
			upload.Reset(d)
		}
		p.flush()
	}
}

// flush lets go what was said in this turn.
func (p *Peer) flush() {
	for _, l := range p.unsaid {
		l.flush()
	}
	p.unsaid = p.unsaid[:0]
}

func (p *Peer) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		opened := p.now()
		p.do(func() { p.connected(conn, opened, false) })
	}
}

// meet dials a, once.
func (p *Peer) meet(a netip.AddrPort) {
	if p.state != running || p.known[a] {
		return
	}
	p.known[a] = true
	p.dials.Add(1)
	go func() {
		defer p.dials.Done()
		opened := p.now()
		conn, err := p.cfg.Network.DialContext(p.ctx, "tcp", a.String())
		done := make(chan struct{})
		p.do(func() {
			defer close(done)
			if err != nil {
				p.errs = append(p.errs, fmt.Errorf("peer: %s: %w", p.cfg.Name, err))
				return
			}
			p.connected(conn, opened, true)
		})
		select {
		case <-done:
		case <-p.quit:
			if conn != nil {
				conn.Close()
			}
		}
	}()
}

// connected begins a link.
func (p *Peer) connected(conn net.Conn, opened time.Time, dialled bool) {
	l, err := newLink(conn, p.cfg.Now, p.cfg.Torrent.InfoHash, opened)
	if err != nil {
		conn.Close()
		p.errs = append(p.errs, err)
		return
	}
	l.dialled = dialled
	window := p.scaled(rateWindow)
	n := &neighbour{
		link: l, name: p.cfg.NameOf(l.remote.Addr()), has: NewBitfield(len(p.cfg.Torrent.Pieces)), choking: true,
		owes: map[block]bool{}, told: map[netip.AddrPort]bool{},
		up: meter{window: window}, down: meter{window: window}, lastSaid: p.now(),
	}
	if dialled {
		n.listens = l.remote
	}
	p.neighbours = append(p.neighbours, n)
	p.all = append(p.all, l)
	p.links.Add(1)
	go func() {
		defer p.links.Done()
		l.run(func(m message) { p.do(func() { p.hear(n, m) }) }, func() { p.do(func() { p.leave(n) }) })
	}()
	switch {
	case p.state == stopped:
		p.leave(n)
	case dialled:
		p.greet(n)
	}
}

// leave ends the link to n from this side.
func (p *Peer) leave(n *neighbour) {
	if n.stage == leaving {
		return
	}
	n.stage = leaving
	n.end()
	n.wants = nil
	p.forget(n)
	p.picker.count(n.has, -1)
	p.neighbours = slices.DeleteFunc(p.neighbours, func(x *neighbour) bool { return x == n })
	p.fillAll()
}

// forget gives up what n owes.
func (p *Peer) forget(n *neighbour) {
	for b := range n.owes {
		p.picker.owed(b, -1)
	}
	clear(n.owes)
}

// send says m to n.
func (p *Peer) send(n *neighbour, m *message) {
	n.lastSaid = p.now()
	n.say(m)
	if !slices.Contains(p.unsaid, n.link) {
		p.unsaid = append(p.unsaid, n.link)
	}
}

// greet is the handshake of this side.
func (p *Peer) greet(n *neighbour) {
	m := &message{kind: handshake, infoHash: p.cfg.Torrent.InfoHash, peerID: p.cfg.ID}
	if p.cfg.Exchange {
		m.reserved[extendedByte] |= extendedBit
	}
	if p.cfg.DHT != 0 {
		m.reserved[dhtByte] |= dhtBit
	}
	p.send(n, m)
}

// choose notes a decision; on is the connection that it is about, or nil.
func (p *Peer) choose(c truth.Choice, on *link) {
	c.Host = p.cfg.Name
	p.choices, p.on = append(p.choices, c), append(p.on, on)
}

// snapshot notes what is here.
func (p *Peer) snapshot(now time.Time) {
	p.history = append(p.history, truth.Peer{Time: now, Host: p.cfg.Name, Pieces: p.picker.have.String()})
}

// hear acts on a message of n.
func (p *Peer) hear(n *neighbour, m message) {
	if n.stage == leaving {
		return
	}
	now := p.now()
	switch m.kind {
	case handshake:
		p.welcome(n, m)
	case choke:
		n.choking = true
		p.forget(n)
		p.fillAll()
	case unchoke:
		n.choking = false
		p.fill(n)
	case interested:
		n.interested = true
		p.rechoke(now, false)
	case notInterested:
		n.interested = false
		p.rechoke(now, false)
	case have:
		if m.piece < len(p.cfg.Torrent.Pieces) && !n.has.Has(m.piece) {
			n.has.Set(m.piece)
			p.picker.copies[m.piece]++
			p.weigh(n)
			p.fill(n)
		}
	case bitfield:
		if len(m.bits) == len(n.has) {
			p.picker.count(n.has, -1)
			n.has = m.bits
			p.picker.count(n.has, 1)
			p.weigh(n)
		}
	case request:
		if n.slot != choked && p.holds(m) {
			n.wants = append(n.wants, m)
		}
	case cancel:
		n.wants = slices.DeleteFunc(n.wants, func(w message) bool {
			return w.piece == m.piece && w.begin == m.begin && w.length == m.length
		})
	case pieceBlock:
		p.take(n, m, now)
	case port:
		if p.cfg.OnPort != nil {
			p.cfg.OnPort(netip.AddrPortFrom(n.remote.Addr(), m.port))
		}
	case extended:
		p.hearExtended(n, m)
	}
}

// welcome answers a handshake. Of two connections to the same peer, both ends
// keep the one that the lower peer id dialled.
func (p *Peer) welcome(n *neighbour, m message) {
	if m.infoHash != p.cfg.Torrent.InfoHash || m.peerID == p.cfg.ID {
		p.leave(n)
		return
	}
	n.id, n.stage = m.peerID, open
	if !n.dialled {
		p.greet(n)
	}
	for _, x := range p.neighbours {
		if x == n || x.stage != open || x.id != n.id {
			continue
		}
		drop := n
		if lower := slices.Compare(p.cfg.ID[:], n.id[:]) < 0; n.dialled == lower && x.dialled != lower {
			drop = x
		}
		p.leave(drop)
		if drop == n {
			return
		}
		break
	}
	if p.picker.have.Count() > 0 {
		p.send(n, &message{kind: bitfield, bits: slices.Clone(p.picker.have)})
	}
	if p.cfg.Exchange && m.reserved[extendedByte]&extendedBit != 0 {
		p.greetExtended(n)
	}
	if p.cfg.DHT != 0 && m.reserved[dhtByte]&dhtBit != 0 {
		p.send(n, &message{kind: port, port: p.cfg.DHT})
	}
}

// weigh tells n whether it has what is missing here.
func (p *Peer) weigh(n *neighbour) {
	want := p.picker.interesting(n.has)
	if want == n.wanted || n.stage != open {
		return
	}
	n.wanted = want
	k := notInterested
	if want {
		k = interested
	}
	p.send(n, &message{kind: k})
}

// holds: what m asks for is here.
func (p *Peer) holds(m message) bool {
	return m.piece < len(p.cfg.Torrent.Pieces) && p.picker.have.Has(m.piece) &&
		m.length > 0 && m.begin+m.length <= p.cfg.Torrent.pieceLen(m.piece)
}

// serve answers requests, one of each neighbour in turn, as fast as the upload
// rate allows. It says how long it takes until the next may go; 0: there is
// none.
func (p *Peer) serve() time.Duration {
	for {
		i := -1
		for k := range p.neighbours {
			if x := (p.turn + k) % len(p.neighbours); len(p.neighbours[x].wants) > 0 {
				i = x
				break
			}
		}
		if i < 0 || p.state == stopped {
			return 0
		}
		n, now := p.neighbours[i], p.now()
		m := n.wants[0]
		if d := p.bucket.wait(now, m.length); d > 0 {
			return d
		}
		p.bucket.spend(m.length)
		p.turn = i + 1
		n.wants = n.wants[1:]
		at := m.piece*p.cfg.Torrent.PieceLength + m.begin
		p.send(n, &message{kind: pieceBlock, piece: m.piece, begin: m.begin, length: m.length, data: p.content[at : at+m.length]})
		n.up.add(now, m.length)
		p.given[n.name] += int64(m.length)
	}
}

// take is a block that came.
func (p *Peer) take(n *neighbour, m message, now time.Time) {
	t := p.cfg.Torrent
	if m.piece >= len(t.Pieces) || m.begin%t.BlockLength != 0 {
		return
	}
	b := block{m.piece, m.begin / t.BlockLength}
	if begin, length := t.extent(b); begin >= t.pieceLen(m.piece) || length != m.length {
		return
	}
	n.down.add(now, m.length)
	n.lastBlock = now
	p.taken[n.name] += int64(m.length)
	if n.owes[b] {
		delete(n.owes, b)
		p.picker.owed(b, -1)
	}
	if p.picker.have.Has(b.piece) || p.picker.here[b] != 0 {
		p.fill(n) // it came from someone else before, in the end game
		return
	}
	copy(p.content[m.piece*t.PieceLength+m.begin:], m.data)
	whole := p.picker.arrived(b)
	for _, x := range p.neighbours {
		if x != n && x.owes[b] {
			delete(x.owes, b)
			p.picker.owed(b, -1)
			p.send(x, &message{kind: cancel, piece: m.piece, begin: m.begin, length: m.length})
		}
	}
	if whole {
		p.whole(b.piece, now)
	}
	p.fill(n)
}

// whole checks a piece of which all blocks are here.
func (p *Peer) whole(i int, now time.Time) {
	t := p.cfg.Torrent
	at := i * t.PieceLength
	good := sha1.Sum(p.content[at:at+t.pieceLen(i)]) == t.Pieces[i]
	p.picker.done(i, good)
	if !good {
		p.errs = append(p.errs, fmt.Errorf("peer: %s: piece %d is broken", p.cfg.Name, i))
		return
	}
	p.snapshot(now)
	for _, n := range p.neighbours {
		if n.stage == open {
			p.send(n, &message{kind: have, piece: i})
			p.weigh(n)
		}
	}
	if p.picker.complete() {
		p.finished = now
		close(p.complete)
	}
}

func (p *Peer) fillAll() {
	for _, n := range p.neighbours {
		p.fill(n)
	}
}

// fill asks n for blocks until enough requests wait there.
func (p *Peer) fill(n *neighbour) {
	for p.state != stopped && n.stage == open && !n.choking && n.wanted && len(n.owes) < p.cfg.Pipeline {
		k, ok := p.picker.next(n.has, func(b block) bool { return n.owes[b] })
		if !ok {
			return
		}
		now := p.now()
		c := truth.Choice{Time: now, Of: n.name, Piece: &k.block.piece}
		switch k.why {
		case begunBefore:
			c.What, c.Why = "", ""
		case rarestFirst:
			c.What, c.Copies = "request", k.copies
			c.Why = fmt.Sprintf("rarest first: %d of the neighbours have it, one of %d such pieces", p.picker.copies[k.block.piece], k.ties)
		case endGame:
			c.What, c.Why = "request_again", "end game: all that is missing is asked for"
		}
		if c.What != "" {
			p.choose(c, n.link)
		}
		if len(n.owes) == 0 {
			n.lastBlock = now
		}
		n.owes[k.block] = true
		p.picker.owed(k.block, 1)
		begin, length := p.cfg.Torrent.extent(k.block)
		p.send(n, &message{kind: request, piece: k.block.piece, begin: begin, length: length})
	}
}

// keepAlive breaks a long silence.
func (p *Peer) keepAlive() {
	now := p.now()
	for _, n := range p.neighbours {
		if n.stage == open && p.state != stopped && now.Sub(n.lastSaid) >= p.scaled(keepAliveAfter)*3/4 {
			p.send(n, &message{kind: keepAlive})
		}
	}
}
