// Package rerun plays the application exchanges of a capture again over the
// simulated network. It knows the capture by wiretale's events only: what
// those do not hold (bodies) is made up in the same size, and a conversation
// that cannot be rebuilt from them is told with its reason, never guessed.
package rerun

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay/truth"
)

// Reason says why a conversation is not played again.
type Reason string

// The reasons, in the order in which they count.
const (
	Encrypted   Reason = "encrypted"
	Gap         Reason = "bytes of it were not captured"
	Midway      Reason = "its beginning was not captured"
	Inside      Reason = "another protocol inside"
	CutOff      Reason = "a message is cut off"
	Multicast   Reason = "multicast, broadcast or no address"
	Itself      Reason = "a host's talk with itself"
	Unsupported Reason = "of a protocol that is not played again"
	Unbuilt     Reason = "a message cannot be rebuilt from what is known of it"
	TooMany     Reason = "beyond the limit on hosts and conversations"
	Silent      Reason = "no message that wiretale knows"
)

// Those of HTTP exchanges beside.
const (
	NoRequest  Reason = "its request was not captured"
	NoResponse Reason = "its response was not captured"
	Refused    Reason = "the reference implementation does not send it"
)

// Apart is a reason of FTP.
const Apart Reason = "data of FTP whose command is not played"

var reasons = []Reason{Encrypted, Gap, Midway, Inside, CutOff, NoRequest, NoResponse, Multicast, Itself, Unsupported, Apart, Unbuilt, Refused, TooMany, Silent}

// What one run plays at most: each host is a whole TCP/IP stack, each
// conversation two goroutines.
const (
	maxHosts         = 100
	maxConversations = 2000
	maxExchanges     = 10_000
	maxBytes         = 256 << 20 // of all messages
)

// Script is a capture as conversations that can be played.
type Script struct {
	// As is what all HTTP is played over; "": HTTP/1 as it was, byte by byte
	// where that is known.
	As            web.Version
	Conversations []*Conversation // message by message
	Left          map[Reason]int  // conversations that cannot
	// Stopped are those of Conversations that are played up to a place only.
	Stopped map[Reason]int
	// LeftExchanges are the HTTP exchanges that cannot, of those that would be
	// played by the libraries.
	LeftExchanges map[Reason]int
	// Broken is why the capture was not read to its end; nil: it was.
	Broken error
	RTT    time.Duration // median of the handshakes; 0: there were none
	// between are the round-trip times of hosts, client first.
	between map[[2]netip.Addr]time.Duration

	exchanges []*exchange     // by the libraries, in order of decided
	talks     []*Conversation // that these were in
	secure    bool            // the last run was under TLS
	refused   string          // the first exchange that its library does not take, and why
	shortened int             // thoughts that were longer than was allowed, at the last run
}

// Conversation is one TCP connection or one pair of UDP ports.
type Conversation struct {
	Proto          string // tcp or udp
	Client, Server netip.AddrPort
	Start          events.Time
	Messages       []*Message // in the order in which they were complete
	// ServerCloses: the server gives up the connection first.
	ServerCloses bool

	stream     events.StreamKey
	reason     Reason
	stopped    Reason           // why it is played up to here only; "": it is played to its end
	clean      int              // so many messages are whole
	gaps       [2]time.Duration // capture point to each side and back, from the handshake
	from       netip.AddrPort   // of the client when played
	pending    [2]bool          // by sender: a head was seen whose body is to come
	untilClose bool             // the last body from the server ends with the connection
	asked      []*events.HTTPRequest
	pop3       string // the last command

	exchanges []*exchange
	settled   int // of these, so many are over

	// opens is what the client waits for before it connects; then it thinks for
	// lead. nil: it connects when its time has come.
	opens *mark
	lead  time.Duration
	data  *events.FTPData       // of a data connection
	mails []*events.MailMessage // of IMAP, whose literal's owner is to come
	chunk []*Message            // of BDAT, whose message is to come
}

// mark is a message of a conversation.
type mark struct {
	of      *Conversation
	message int // index
}

// Message is what one side says at once.
type Message struct {
	Kind  truth.Kind
	From  events.Dir
	Bytes []byte
	// Think is the time from the message before it until its first byte, as
	// far as its sender was the cause.
	Think time.Duration
	// Body: these bytes belong to the last head of the same side.
	Body bool
	// Part: these bytes belong to the next message of the same side.
	Part bool

	// needs is what the sender waits for beside; nil: nothing.
	needs *mark
	frame uint64 // in which it was complete
	// answers is the frame of the command that a reply of FTP answers.
	answers uint64
	at      events.Time // its last byte, at the capture point
	key     string      // what must be equal when it is played again
	fill    truth.Message
}

// Read makes the script of the captures at paths, with HTTP as it is to be
// played. A broken file is read up to the break.
func Read(ctx context.Context, as web.Version, paths ...string) (*Script, error) {
	b := builder{as: as, of: map[events.StreamKey]*Conversation{}}
	_, err := pipeline.Run(ctx, pipeline.Config{
		Paths: paths, Limits: events.DefaultLimits(), ShowSecrets: true, Want: events.SetOf(events.Kinds()...),
		Events: func(evs []*events.Event) error {
			for _, e := range evs {
				b.event(e)
			}
			return nil
		},
	})
	if err != nil && (len(b.order) == 0 || ctx.Err() != nil) {
		return nil, err
	}
	s := b.script()
	s.Broken = err
	return s, nil
}

type builder struct {
	as    web.Version
	of    map[events.StreamKey]*Conversation
	order []*Conversation
	rtts  []time.Duration
	bytes int64
}

func (b *builder) conversation(e *events.Event) *Conversation {
	c := b.of[e.Key()]
	if c == nil {
		client, server := e.Flow.Ends()
		c = &Conversation{Proto: e.Flow.Transport(), Client: client, Server: server, Start: e.Time, stream: e.Key()}
		for _, a := range []netip.Addr{client.Addr(), server.Addr()} {
			if a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
				c.leave(Multicast)
			}
		}
		b.of[e.Key()] = c
		b.order = append(b.order, c)
	}
	return c
}

// leave notes why c is not played; the reason that counts first stays.
func (c *Conversation) leave(r Reason) {
	if c.reason == "" || slices.Index(reasons, r) < slices.Index(reasons, c.reason) {
		c.reason = r
	}
}

// event takes one event of the capture.
func (b *builder) event(e *events.Event) {
	c := b.conversation(e)
	switch x := e.Body.(type) {
	case *events.FlowStart:
		c.Start = e.Time
		if client, server := e.Flow.Ends(); len(c.Messages) == 0 {
			c.Client, c.Server = client, server
		}
		if x.Midway {
			c.leave(Midway)
		}
	case *events.FlowDetected:
		c.Client, c.Server = e.Flow.Ends()
		if x.Encrypted {
			c.leave(Encrypted)
		}
	case *events.FlowEnd:
		if x.Encrypted {
			c.leave(Encrypted)
		}
	case *events.FlowGap:
		c.stop(Gap)
	case *events.TCPRTT:
		if x.Of != events.RTTData {
			if c.gaps[e.From&1] == 0 {
				c.gaps[e.From&1] = x.RTT.Std()
			}
			if x.Of == events.RTTAck && c.gaps[events.FromServer] > 0 {
				b.rtts = append(b.rtts, c.gaps[0]+c.gaps[1])
			}
		}
	case *events.FlowViolation, *events.FlowLimit, *events.FlowBytes, *events.TCPSegment, *events.TCPHOL, *events.HTTP2Frame:
	case *events.TLSClientHello, *events.TLSServerHello, *events.TLSCertificate, *events.TLSAlert, *events.TLSHandshake, *events.QUICPacket:
		c.leave(Encrypted)
	default:
		b.message(c, e)
	}
}

// message takes an event that is a message of an application.
func (b *builder) message(c *Conversation, e *events.Event) {
	if b.asExchange(e) {
		b.exchange(c, e)
		return
	}
	switch {
	case e.Truncated:
		c.stop(CutOff)
	case strings.Count(strings.TrimSuffix(e.Layer, "/mail"), "/") > 1:
		c.leave(Inside)
	}
	if c.reason != "" || c.stopped != "" {
		return
	}
	m, reason := c.build(e)
	switch reason {
	case "":
	case CutOff, Unbuilt:
		c.stop(reason)
		return
	default:
		c.leave(reason)
		return
	}
	if m == nil {
		return
	}
	if b.bytes += int64(len(m.Bytes)); b.bytes > maxBytes {
		c.leave(TooMany)
		return
	}
	c.add(m, e)
}

// add puts m behind what was said before.
func (c *Conversation) add(m *Message, e *events.Event) {
	m.From, m.at, m.frame = e.From&1, e.Time, e.Pos.Frame
	first := e.Time
	switch x := e.Body.(type) {
	case *events.HTTPRequest:
		first = x.FirstTime
	case *events.HTTPResponse:
		first = x.FirstTime
	case *events.HTTPBody:
		first = x.FirstTime
	case *events.MailMessage, *events.FTPData:
		first = 0 // it is not known
	}
	before, network := c.Start, c.gaps[0]+c.gaps[1]
	if n := len(c.Messages); n > 0 {
		last := c.Messages[n-1]
		before, network = last.at, 0
		if last.From != m.From {
			network = c.gaps[m.From]
		}
	}
	m.Think = max(0, first.Sub(before).Std()-network)
	c.Messages = append(c.Messages, m)
	if c.whole() {
		c.clean = len(c.Messages)
	}
}

// whole reports whether nothing is open: no body is to come, no owner of a
// literal, no message of chunks.
func (c *Conversation) whole() bool {
	return !c.pending[0] && !c.pending[1] && len(c.chunk)+len(c.mails) == 0
}

// stop says that c is played up to here only, for r; where nothing was said
// yet, it is not played.
func (c *Conversation) stop(r Reason) {
	switch {
	case c.clean == 0:
		c.leave(r)
	case c.stopped == "":
		c.stopped, c.Messages = r, c.Messages[:c.clean]
	}
}

// script is what can be played, in order of time.
func (b *builder) script() *Script {
	s := &Script{As: b.as, Left: map[Reason]int{}, Stopped: map[Reason]int{}, LeftExchanges: map[Reason]int{}}
	hosts := map[netip.Addr]bool{}
	room := func(c *Conversation) bool {
		more := 0
		for _, a := range []netip.Addr{c.Client.Addr(), c.Server.Addr()} {
			if !hosts[a] {
				more++
			}
		}
		return len(hosts)+more <= maxHosts && len(s.Conversations)+len(s.talks) < maxConversations
	}
	sort.SliceStable(b.order, func(i, k int) bool { return b.order[i].Start < b.order[k].Start })
	for _, c := range b.order {
		if len(c.exchanges) > 0 {
			switch {
			case c.reason == Multicast:
			case c.Client.Addr() == c.Server.Addr():
				c.leave(Itself) // it goes over no network
			case !room(c):
				c.leave(TooMany)
			default:
				if b.exchanges(s, c) {
					hosts[c.Client.Addr()], hosts[c.Server.Addr()] = true, true
					s.talks = append(s.talks, c)
				}
				continue
			}
			s.Left[c.reason]++
			continue
		}
		if c.reason == "" && !c.whole() {
			c.stop(CutOff)
		}
		if c.reason == "" && c.Client.Addr() == c.Server.Addr() {
			c.leave(Itself)
		}
		if c.reason == "" && len(c.Messages) == 0 {
			c.leave(Silent)
		}
		if c.reason == "" && !room(c) {
			c.leave(TooMany)
		}
		if c.reason != "" {
			s.Left[c.reason]++
			continue
		}
		if c.stopped != "" {
			s.Stopped[c.stopped]++
		}
		hosts[c.Client.Addr()], hosts[c.Server.Addr()] = true, true
		last := c.Messages[len(c.Messages)-1]
		if c.stopped == "" && last.Kind != truth.HTTPResponse && last.From == events.FromServer {
			c.ServerCloses = true // after QUIT or LOGOUT the server closes
		}
		s.Conversations = append(s.Conversations, c)
	}
	s.dataConnections(b)
	s.distances()
	if len(b.rtts) > 0 {
		slices.Sort(b.rtts)
		s.RTT = b.rtts[len(b.rtts)/2]
	}
	sort.SliceStable(s.exchanges, func(i, k int) bool { return s.exchanges[i].decided < s.exchanges[k].decided })
	lanes(s.exchanges, b.as)
	depend(s.exchanges)
	return s
}

// exchanges adds those of c that can be played to s, and counts the others; it
// says whether there are any.
func (b *builder) exchanges(s *Script, c *Conversation) (some bool) {
	for _, n := range c.exchanges {
		r := n.judge()
		if r == "" {
			more := int64(0)
			for _, body := range n.bodies {
				if body != nil {
					more += body.Bytes
				}
			}
			if b.bytes+more > maxBytes || len(s.exchanges) == maxExchanges {
				r = TooMany
			} else {
				b.bytes += more
			}
		}
		if r == "" {
			n.decide()
			var err error
			if r, err = n.build(b.as); err != nil && s.refused == "" {
				s.refused = err.Error()
			}
		}
		if r != "" {
			s.LeftExchanges[r]++
			continue
		}
		s.exchanges, some = append(s.exchanges, n), true
	}
	return some
}

// distances are the round-trip times between hosts: the shortest handshake,
// or, where only datagrams went, the shortest exchange, of which the server
// then has no part.
func (s *Script) distances() {
	s.between = map[[2]netip.Addr]time.Duration{}
	shortest := func(c *Conversation, d time.Duration) {
		k := [2]netip.Addr{c.Client.Addr(), c.Server.Addr()}
		if old, ok := s.between[k]; d > 0 && (!ok || d < old) {
			s.between[k] = d
		}
	}
	for _, c := range append(slices.Clone(s.Conversations), s.talks...) {
		if c.gaps[events.FromClient] > 0 && c.gaps[events.FromServer] > 0 {
			shortest(c, c.gaps[0]+c.gaps[1])
		}
	}
	handshakes := maps.Clone(s.between)
	answers := func(c *Conversation, f func(*Message)) {
		if _, ok := handshakes[[2]netip.Addr{c.Client.Addr(), c.Server.Addr()}]; ok || c.Proto != "udp" {
			return
		}
		for i := 1; i < len(c.Messages); i++ {
			if m := c.Messages[i]; m.From == events.FromServer && c.Messages[i-1].From == events.FromClient {
				f(m)
			}
		}
	}
	for _, c := range s.Conversations {
		answers(c, func(m *Message) { shortest(c, m.Think) })
	}
	for _, c := range s.Conversations {
		network := s.between[[2]netip.Addr{c.Client.Addr(), c.Server.Addr()}]
		answers(c, func(m *Message) { m.Think = max(0, m.Think-network) })
	}
}
