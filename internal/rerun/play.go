package rerun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/truth"
)

// buffer is how much is read at once.
const buffer = 64 << 10

// stage is a script while it is played.
type stage struct {
	net      *simnet.Network
	hosts    map[netip.Addr]*simnet.Host
	p        scenarios.Params
	patience time.Duration // for a datagram that may be lost

	between map[[2]netip.Addr]time.Duration // round trips that are not p.RTT
	cast    map[ends]*role
	sockets map[netip.AddrPort]*socket

	mu      sync.Mutex
	closers []func() error
	over    bool
}

// ends name a conversation as it is played.
type ends struct{ client, server netip.AddrPort }

// role is one conversation with what becomes of its messages.
type role struct {
	*Conversation
	start      time.Duration // after the beginning of the run
	think      time.Duration // at most
	sent, got  []truth.End   // by index of Messages
	connection truth.Connection
	accepted   chan net.Conn
	boxes      [2]chan []byte // datagrams, by events.Dir of the receiver
}

// play runs the script and tells what was said.
func (s *Script) play(ctx context.Context, p scenarios.Params, think time.Duration, between map[[2]netip.Addr]time.Duration) (*scenarios.Result, error) {
	roles, limit := s.roles(think)
	limit += time.Minute
	longest := p.RTT
	for _, d := range between {
		longest = max(longest, min(d, replay.MaxRTT))
	}
	limit += time.Duration(len(roles)*20) * longest
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	network, err := simnet.New(simnet.Config{Seed: p.Seed, At: p.At, MTU: p.MTU})
	if err != nil {
		return nil, err
	}
	st := &stage{net: network, hosts: map[netip.Addr]*simnet.Host{}, p: p, patience: 10 * time.Second,
		between: between, cast: map[ends]*role{}, sockets: map[netip.AddrPort]*socket{}}
	if p.Loss > 0 {
		st.patience = time.Second + 2*longest + 2*p.Jitter
	}
	r := &scenarios.Result{}
	if err = st.build(roles, r); err == nil {
		stop := context.AfterFunc(ctx, st.closeAll)
		if err = st.run(ctx, roles); err == nil {
			err = network.Quiet(ctx, longest+50*time.Millisecond)
		}
		stop()
	}
	st.closeAll()
	if cerr := network.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	if err := tell(roles, &r.Truth); err != nil {
		return nil, err
	}
	r.Recording = network.Recording()
	return r, nil
}

// roles gives each conversation its beginning and its ports: those of the
// capture, but that a port which is used twice is made up the second time. The
// result is in order of time.
func (s *Script) roles(think time.Duration) ([]*role, time.Duration) {
	type port struct {
		udp bool
		at  netip.AddrPort
	}
	taken := map[port]bool{}
	for _, c := range s.Conversations {
		taken[port{c.Proto == "udp", c.Server}] = true
		if c.Proto == "tcp" {
			continue
		}
		taken[port{true, c.Client}] = true
	}
	used := map[ends]bool{}
	var out []*role
	var at, longest time.Duration
	var before events.Time
	for i, c := range s.Conversations {
		if i > 0 {
			at += min(c.Start.Sub(before).Std(), think)
		}
		before = c.Start
		r := &role{Conversation: c, start: at, think: think, accepted: make(chan net.Conn, 1),
			sent: make([]truth.End, len(c.Messages)), got: make([]truth.End, len(c.Messages))}
		r.boxes = [2]chan []byte{make(chan []byte, len(c.Messages)+16), make(chan []byte, len(c.Messages)+16)}
		c.from = c.Client
		udp := c.Proto == "udp"
		for n := uint16(20000); ; n++ {
			k := ends{c.from, c.Server}
			free := !used[k]
			if !udp {
				free = !taken[port{udp, c.from}]
			}
			if free && c.from.Port() != 0 {
				used[k] = true
				taken[port{udp, c.from}] = true
				break
			}
			c.from = netip.AddrPortFrom(c.Client.Addr(), n)
		}
		total := at
		for _, m := range c.Messages {
			total += min(m.Think, think)
		}
		longest = max(longest, total)
		out = append(out, r)
	}
	return out, longest
}

// build makes hosts, links and servers.
func (st *stage) build(roles []*role, r *scenarios.Result) error {
	joined := map[[2]netip.Addr]bool{}
	host := func(a netip.Addr, role string) error {
		if st.hosts[a] != nil {
			return nil
		}
		h, err := st.net.AddHost(a.String(), a)
		if err != nil {
			return err
		}
		st.hosts[a] = h
		r.Truth.Hosts = append(r.Truth.Hosts, truth.Host{Name: h.Name(), Role: role, MAC: h.HardwareAddr().String(), Addrs: h.Addrs()})
		return nil
	}
	listening := map[netip.AddrPort]bool{}
	for _, x := range roles {
		a, b := x.from.Addr(), x.Server.Addr()
		if err := errors.Join(host(a, "asks"), host(b, "answers")); err != nil {
			return err
		}
		if !joined[[2]netip.Addr{a, b}] {
			joined[[2]netip.Addr{a, b}], joined[[2]netip.Addr{b, a}] = true, true
			rtt := st.p.RTT
			if d, ok := st.between[[2]netip.Addr{a, b}]; ok {
				rtt = min(d, replay.MaxRTT)
			}
			way := st.p.Path(rtt)
			if err := st.net.Connect(st.hosts[a], st.hosts[b], way, way); err != nil {
				return err
			}
		}
	}
	for _, x := range roles {
		st.cast[ends{x.from, x.Server}] = x
		if x.Proto == "udp" {
			for _, at := range []netip.AddrPort{x.from, x.Server} {
				if err := st.socket(at); err != nil {
					return err
				}
			}
			continue
		}
		if listening[x.Server] {
			continue
		}
		listening[x.Server] = true
		l, err := st.hosts[x.Server.Addr()].Listen("tcp", x.Server.String())
		if err != nil {
			return err
		}
		st.onEnd(l.Close)
		go st.serve(l, x.Server)
	}
	for _, s := range st.sockets {
		go s.read(st)
	}
	return nil
}

// onEnd has f called when the play is over.
func (st *stage) onEnd(f func() error) {
	st.mu.Lock()
	over := st.over
	if !over {
		st.closers = append(st.closers, f)
	}
	st.mu.Unlock()
	if over {
		_ = f()
	}
}

func (st *stage) closeAll() {
	st.mu.Lock()
	closers := st.closers
	st.closers, st.over = nil, true
	st.mu.Unlock()
	for _, f := range closers {
		_ = f() // most are closed already
	}
}

// serve hands each connection to its role.
func (st *stage) serve(l net.Listener, at netip.AddrPort) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		st.onEnd(conn.Close)
		a, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
		if x := st.cast[ends{a, at}]; x != nil {
			x.accepted <- conn
		}
	}
}

// run plays all roles, each from its beginning on.
func (st *stage) run(ctx context.Context, roles []*role) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	begin := time.Now()
	for _, x := range roles {
		for _, dir := range []events.Dir{events.FromClient, events.FromServer} {
			wg.Go(func() {
				err := wait(ctx, x.start-time.Since(begin))
				switch {
				case err != nil:
				case x.Proto == "udp":
					err = st.datagrams(ctx, x, dir)
				default:
					err = st.connection(ctx, x, dir)
				}
				if err != nil {
					cancel(fmt.Errorf("rerun: %s to %s: %s: %w", x.Client, x.Server, dir, err))
					st.closeAll()
				}
			})
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (st *stage) now() time.Time { return st.net.Now().Std() }

// connection plays one side of a TCP connection.
func (st *stage) connection(ctx context.Context, x *role, dir events.Dir) error {
	c := &x.connection
	var conn net.Conn
	if dir == events.FromClient {
		c.Client, c.Server = x.from, x.Server
		c.ConnectStart = st.now()
		var err error
		if conn, err = st.hosts[x.from.Addr()].DialFrom(ctx, "tcp", x.from.String(), x.Server.String()); err != nil {
			return err
		}
		c.ConnectEnd = st.now()
		st.onEnd(conn.Close)
	} else {
		select {
		case conn = <-x.accepted:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		c.Accepted = st.now()
	}
	defer conn.Close()
	me := x.host(dir)
	heard := hearing{conn: conn, role: x, from: dir.Other(), host: x.host(dir), now: st.now}
	for i, m := range x.Messages {
		if m.From != dir {
			if err := heard.until(i); err != nil {
				return err
			}
			continue
		}
		if err := wait(ctx, min(m.Think, x.think)); err != nil {
			return err
		}
		start := st.now()
		if _, err := conn.Write(m.Bytes); err != nil {
			return err
		}
		x.sent[i] = truth.End{Host: me, Start: start, End: st.now()}
		if dir == events.FromClient {
			c.ClientBytes += int64(len(m.Bytes))
		} else {
			c.ServerBytes += int64(len(m.Bytes))
		}
	}
	if x.ServerCloses != (dir == events.FromServer) {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
	}
	closed := st.now()
	if dir == events.FromClient {
		c.ClientClosed = closed
	} else {
		c.ServerClosed = closed
	}
	return conn.Close()
}

func (x *role) host(dir events.Dir) string {
	if dir == events.FromServer {
		return x.Server.Addr().String()
	}
	return x.from.Addr().String()
}

// hearing reads what the other side says and notes when.
type hearing struct {
	conn net.Conn
	role *role
	from events.Dir
	host string
	now  func() time.Time
	buf  []byte // read, and not yet of a message
	at   time.Time
}

// until reads message i to its end.
func (h *hearing) until(i int) error {
	m := h.role.Messages[i]
	start := h.at
	for rest := m.Bytes; len(rest) > 0; {
		if len(h.buf) == 0 {
			b := make([]byte, buffer)
			n, err := h.conn.Read(b)
			h.buf, h.at = b[:n], h.now()
			if n == 0 && err != nil {
				return fmt.Errorf("hearing message %d: %w", i, err)
			}
		}
		if len(rest) == len(m.Bytes) {
			start = h.at
		}
		n := min(len(rest), len(h.buf))
		if !bytes.Equal(rest[:n], h.buf[:n]) {
			return fmt.Errorf("message %d is not what was sent", i)
		}
		rest, h.buf = rest[n:], h.buf[n:]
	}
	h.role.got[i] = truth.End{Host: h.host, Start: start, End: h.at}
	return nil
}

// socket is a UDP port that all conversations of it share.
type socket struct {
	at   netip.AddrPort
	conn net.PacketConn
}

func (st *stage) socket(at netip.AddrPort) error {
	if st.sockets[at] != nil {
		return nil
	}
	conn, err := st.hosts[at.Addr()].ListenPacket("udp", at.String())
	if err != nil {
		return err
	}
	st.onEnd(conn.Close)
	st.sockets[at] = &socket{at, conn}
	return nil
}

// read hands each datagram to its role.
func (s *socket) read(st *stage) {
	for {
		b := make([]byte, buffer)
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		a, _ := netip.ParseAddrPort(from.String())
		var box chan []byte
		if x := st.cast[ends{a, s.at}]; x != nil {
			box = x.boxes[events.FromServer]
		} else if x := st.cast[ends{s.at, a}]; x != nil {
			box = x.boxes[events.FromClient]
		}
		select {
		case box <- b[:n]:
		default: // more than was sent: the network does not do that
		}
	}
}

// datagrams plays one side of a UDP conversation. What does not come in time
// was lost; the side goes on without it.
func (st *stage) datagrams(ctx context.Context, x *role, dir events.Dir) error {
	to, at := x.Server, x.from
	if dir == events.FromServer {
		to, at = at, to
	}
	conn := st.sockets[at].conn
	here := func(i int) bool { return !x.got[i].End.IsZero() }
	deadline := time.Now()
	for i, m := range x.Messages {
		think := min(m.Think, x.think)
		deadline = deadline.Add(think)
		if m.From == dir {
			if err := wait(ctx, think); err != nil {
				return err
			}
			start := st.now()
			x.sent[i] = truth.End{Host: x.host(dir), Start: start, End: start}
			if _, err := conn.WriteTo(m.Bytes, net.UDPAddrFromAddrPort(to)); err != nil {
				return err
			}
			continue
		}
		late := time.NewTimer(time.Until(deadline) + st.patience)
		for !here(i) {
			select {
			case b := <-x.boxes[dir]:
				k := slices.IndexFunc(x.Messages, func(o *Message) bool { return o.From != dir && bytes.Equal(o.Bytes, b) })
				for k >= 0 && k < len(x.Messages) && (x.Messages[k].From == dir || here(k) || !bytes.Equal(x.Messages[k].Bytes, b)) {
					k++
				}
				if k >= 0 && k < len(x.Messages) {
					t := st.now()
					x.got[k] = truth.End{Host: x.host(dir), Start: t, End: t}
				}
				continue
			case <-late.C:
			case <-ctx.Done():
				late.Stop()
				return context.Cause(ctx)
			}
			break
		}
		late.Stop()
		if !here(i) {
			deadline = time.Now()
		}
	}
	return nil
}

// tell makes the truth of what the roles noted.
func tell(roles []*role, t *truth.Truth) error {
	connected := slices.DeleteFunc(slices.Clone(roles), func(x *role) bool { return x.Proto != "tcp" })
	slices.SortStableFunc(connected, func(a, b *role) int { return a.connection.ConnectStart.Compare(b.connection.ConnectStart) })
	for i, x := range connected {
		x.connection.ID = i
		t.Connections = append(t.Connections, x.connection)
	}
	for _, x := range roles {
		last := [2]int{-1, -1} // the head that a body belongs to
		for i, m := range x.Messages {
			if x.sent[i].End.IsZero() {
				return errors.New("rerun: a message was never sent")
			}
			if m.Body && last[m.From] >= 0 {
				h := &t.Messages[last[m.From]]
				h.Sender.End, h.Receiver.End = x.sent[i].End, x.got[i].End
				http := *h.HTTP
				http.BodyBytes, http.SHA256 = m.fill.HTTP.BodyBytes, m.fill.HTTP.SHA256
				if http.BodyBytes == 0 {
					http.SHA256 = ""
				}
				h.HTTP = &http
				continue
			}
			told := m.fill
			told.Kind, told.Transport, told.Client, told.Server = m.Kind, x.Proto, x.from, x.Server
			told.Sender, told.Receiver = x.sent[i], x.got[i]
			told.Lost = x.got[i].End.IsZero()
			if x.Proto == "tcp" {
				id := x.connection.ID
				told.Connection = &id
			}
			if told.HTTP != nil && told.HTTP.Status/100 == 1 {
				continue // interim responses are no messages of their own in the truth
			}
			last[m.From] = len(t.Messages)
			t.Messages = append(t.Messages, told)
		}
	}
	t.SortMessages()
	return nil
}

// leftOut are the conversations that are not played, in words.
func (s *Script) leftOut() string {
	var out []string
	for _, r := range reasons {
		if n := s.Left[r]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, r))
		}
	}
	return strings.Join(out, "; ")
}
