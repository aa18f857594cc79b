package stage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/replay/witness"
)

// Result is a run while its truth is put together.
type Result struct {
	scenarios.Result
	st *Stage
}

// Talk is a pair of applications of which one calls the other.
type Talk struct {
	Client, Server *Actor
	// About is told to the scenario with each conversation of this pair.
	About string
}

// Conversation is one connection with all that was said on it.
type Conversation struct {
	ID    int // in truth.Connections
	About string
	truth.Connection
	clientName, serverName string
	client, server         *Conn
}

// Conversations are all connections between these pairs, in the order in which
// they were opened, which is that of their numbers. It fills the truth's list
// of connections; call it once. What one end read must be what the other
// wrote; an end may have stopped reading before all was read.
func (r *Result) Conversations(talks ...Talk) ([]*Conversation, error) {
	var out []*Conversation
	for _, t := range talks {
		pairs, err := witness.Join(&t.Client.Side.Side, &t.Server.Side.Side)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			c := &Conversation{
				About: t.About, Connection: p.Connection(0),
				clientName: t.Client.Name(), serverName: t.Server.Name(),
				client: t.Client.Side.of(p.Client), server: t.Server.Side.of(p.Server),
			}
			if err := c.agree(); err != nil {
				return nil, err
			}
			if t := c.server.gaveUp; !t.IsZero() {
				c.ServerClosed = t
			}
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *Conversation) int { return a.ConnectStart.Compare(b.ConnectStart) })
	for i, c := range out {
		c.ID, c.Connection.ID = i, i
		r.Truth.Connections = append(r.Truth.Connections, c.Connection)
	}
	return out, nil
}

// agree: each end heard what the other said.
func (c *Conversation) agree() error {
	if !bytes.HasPrefix(c.client.written.bytes, c.server.read.bytes) || !bytes.HasPrefix(c.server.written.bytes, c.client.read.bytes) {
		return fmt.Errorf("stage: %s to %s: what was read is not what was written", c.Client, c.Server)
	}
	return nil
}

// Said is all that one side wrote. It is not to be changed.
func (c *Conversation) Said(from events.Dir) []byte { return c.sender(from).written.bytes }

// Heard is how much of it the other side's application read.
func (c *Conversation) Heard(from events.Dir) int {
	if from == events.FromClient {
		return len(c.server.read.bytes)
	}
	return len(c.client.read.bytes)
}

func (c *Conversation) sender(from events.Dir) *Conn {
	if from == events.FromClient {
		return c.client
	}
	return c.server
}

// Message is the message in the bytes a up to b (b > a) of what a side said.
func (c *Conversation) Message(kind truth.Kind, from events.Dir, a, b int) (truth.Message, error) {
	if a < 0 || b <= a || b > len(c.Said(from)) || b > c.Heard(from) {
		return truth.Message{}, fmt.Errorf("stage: %s to %s: bytes %d to %d of %d, of which %d were read",
			c.Client, c.Server, a, b, len(c.Said(from)), c.Heard(from))
	}
	id := c.ID
	m := truth.Message{Kind: kind, Transport: "tcp", Client: c.Client, Server: c.Server, Connection: &id}
	if from == events.FromClient {
		m.Sender = endAt(c.clientName, &c.client.written, a, b)
		m.Receiver = endAt(c.serverName, &c.server.read, a, b)
	} else {
		m.Sender = endAt(c.serverName, &c.server.written, a, b)
		m.Receiver = endAt(c.clientName, &c.client.read, a, b)
	}
	return m, nil
}

// Empty is a message of no bytes: it is over when its sender closes the
// connection, and was heard when the other one does.
func (c *Conversation) Empty(kind truth.Kind, from events.Dir) truth.Message {
	id := c.ID
	m := truth.Message{Kind: kind, Transport: "tcp", Client: c.Client, Server: c.Server, Connection: &id}
	client := truth.End{Host: c.clientName, Start: c.ClientClosed, End: c.ClientClosed}
	server := truth.End{Host: c.serverName, Start: c.ServerClosed, End: c.ServerClosed}
	if from == events.FromClient {
		m.Sender, m.Receiver = client, server
	} else {
		m.Sender, m.Receiver = server, client
	}
	return m
}

// Of is an object with its sum.
func Of(name string, b []byte) *truth.Object {
	sum := sha256.Sum256(b)
	return &truth.Object{Name: name, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

// finish adds the network's own account.
func (r *Result) finish() {
	t := &r.Truth
	for _, s := range r.st.Net.Stats() {
		t.Paths = append(t.Paths, truth.Path{From: s.From, To: s.To,
			Delay: truth.Duration(s.Path.Delay), Packets: s.Packets, Bytes: s.Bytes})
	}
	for _, d := range r.st.Net.Drops() {
		t.Drops = append(t.Drops, truth.Drop{Time: d.Time.Std(), From: d.From,
			Src: d.Src, Dst: d.Dst, Bytes: d.Bytes, Reason: d.Reason})
	}
	p := r.st.Params
	t.Rate, t.Loss, t.Jitter, t.Reorder = p.Rate, p.Loss, truth.Duration(p.Jitter), p.Reorder
	t.SortMessages()
	r.Recording = r.st.Net.Recording()
}

// KeyLog is where the applications write their TLS secrets.
func (st *Stage) KeyLog() io.Writer { return &st.keys }

type lockedBuffer struct {
	mu  sync.Mutex
	buf []byte
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	return len(p), nil
}

func (b *lockedBuffer) bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]byte(nil), b.buf...)
}
