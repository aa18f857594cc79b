package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/stage"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	// retryAfter is a usual first interval of a queue, and hurry how much
	// faster than in life it goes by.
	retryAfter = 15 * time.Minute
	hurry      = 1200
)

// queue is what a relay has taken and not yet passed on.
type queue struct {
	mu      sync.Mutex
	waiting []job
	choices []truth.Choice
}

type job struct {
	letter *letters.Letter
	env    envelope
}

func (q *queue) put(j job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, j)
}

func (q *queue) note(at time.Time, what, of, why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.choices = append(q.choices, truth.Choice{Time: at, Host: "crepes", What: what, Of: of, Why: why})
}

// playRelay: alice hands two letters in at crepes.fr, which finds hamburger.edu
// half dead.
func playRelay(ctx context.Context, m *mail) error {
	agent, err := m.Add("agent", "alice's mail program", agentAddr)
	if err != nil {
		return err
	}
	crepes, err := m.Add("crepes", "mail server of "+sender+", relays", crepesAddr)
	if err != nil {
		return err
	}
	dead, err := m.Add("mx1", "first mail exchanger of "+receiver+": dead", hamburgerAddr)
	if err != nil {
		return err
	}
	backup, err := m.Add("mx2", "second mail exchanger of "+receiver+": defers unknown senders", backupAddr)
	if err != nil {
		return err
	}
	out := crepes.NewSide()
	m.talk(agent, crepes)
	m.talk(out, backup)
	if err := m.link(agent, crepes); err != nil {
		return err
	}
	nobody := m.Params.Path(m.Params.RTT)
	nobody.Drop = func([]byte, uint64) bool { return true }
	if err := m.Join(crepes, dead, nobody); err != nil {
		return err
	}
	if err := m.link(crepes, backup); err != nil {
		return err
	}

	relay := &server{domain: "mail." + sender, actor: crepes, port: portMail, posted: &m.posted}
	relay.arrived = func(client netip.AddrPort, e envelope, raw []byte) error {
		l := m.posted.find(client, raw)
		if l == nil {
			return errors.New("a letter that nobody sent")
		}
		m.queue.put(job{stamped(l), e})
		return nil
	}
	stopRelay, err := relay.serve()
	if err != nil {
		return err
	}
	defer stopRelay()
	grey := &greylist{}
	mx := &server{domain: "mx2." + receiver, actor: backup, port: portMail, posted: &m.posted, recipient: grey.recipient}
	stopMX, err := mx.serve()
	if err != nil {
		return err
	}
	defer stopMX()

	if err := m.submit(ctx, agent); err != nil {
		return err
	}
	return m.drain(ctx, out)
}

// submit hands the letters in.
func (m *mail) submit(ctx context.Context, agent *stage.Actor) error {
	c, err := m.call(ctx, agent, "agent."+sender, netip.AddrPortFrom(crepesAddr, portMail), nil, nil)
	if err != nil {
		return err
	}
	for _, subject := range []string{"A question", "Another question"} {
		l, err := m.author.Plain(alice, bob, subject, ketchup+m.author.Words(40), date)
		if err != nil {
			return err
		}
		if err := c.hand(l, alice, bob); err != nil {
			return err
		}
	}
	return c.Quit()
}

// stamped is a letter with the trace line of a relay on top (RFC 5321 section
// 4.4).
func stamped(l *letters.Letter) *letters.Letter {
	out := *l
	out.Raw = append([]byte("Received: from agent."+sender+" by mail."+sender+" with ESMTP;\r\n\t"+date.Format(time.RFC1123Z)+"\r\n"), l.Raw...)
	return &out
}

// rounds are more than the queue needs.
const rounds = 5

// drain runs the queue until it is empty.
func (m *mail) drain(ctx context.Context, out *stage.Actor) error {
	for range rounds {
		m.queue.mu.Lock()
		waiting := m.queue.waiting
		m.queue.waiting = nil
		m.queue.mu.Unlock()

		if err := m.pass(ctx, out, waiting); err != nil {
			return err
		}
		if len(m.queue.waiting) == 0 {
			return nil
		}
		if err := stage.Wait(ctx, m.interval()); err != nil {
			return err
		}
	}
	return fmt.Errorf("%d letters are still in the queue", len(m.queue.waiting))
}

// interval is how long the queue waits for its next round.
func (m *mail) interval() time.Duration {
	scale := m.Params.TimeScale
	if scale <= 0 {
		scale = hurry
	}
	return time.Duration(float64(retryAfter) / scale)
}

// pass tries the exchangers of hamburger.edu in the order of their preference
// (RFC 5321 section 5.1). What none of them takes goes back into the queue.
func (m *mail) pass(ctx context.Context, out *stage.Actor, jobs []job) error {
	for _, x := range []struct {
		name string
		addr netip.Addr
	}{{"mx1", hamburgerAddr}, {"mx2", backupAddr}} {
		c, err := m.knock(ctx, out, x.addr)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			m.queue.note(m.Now(), "next_exchanger", receiver, x.name+" does not answer")
			continue
		}
		for _, j := range jobs {
			if err := m.offer(c, x.name, j); err != nil {
				return err
			}
		}
		return c.Quit()
	}
	for _, j := range jobs {
		m.queue.put(j)
	}
	return nil
}

// offer offers one letter.
func (m *mail) offer(c *client, exchanger string, j job) error {
	err := c.hand(j.letter, j.env.from, j.env.to...)
	var said *smtp.SMTPError
	switch {
	case err == nil:
		m.queue.note(m.Now(), "delivered", j.letter.ID, exchanger+" took it")
		return nil
	case errors.As(err, &said) && said.Temporary():
		m.queue.note(m.Now(), "deferred", j.letter.ID, fmt.Sprintf("%s said %d", exchanger, said.Code))
		m.queue.put(j)
		return c.Reset()
	}
	return err
}

// knock calls an exchanger, and gives up before the host's stack would send
// its SYN again where the way is short.
func (m *mail) knock(ctx context.Context, out *stage.Actor, to netip.Addr) (*client, error) {
	patience := 700*time.Millisecond + 4*m.Params.RTT
	if m.Params.Loss > 0 {
		patience = 10 * time.Second // SYNs get lost
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return m.call(ctx, out, "mail."+sender, netip.AddrPortFrom(to, portMail), nil, nil)
}

// greylist defers a sender and recipient that it has not met before.
type greylist struct {
	mu   sync.Mutex
	seen map[string]int
}

func (g *greylist) recipient(from, to string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = map[string]int{}
	}
	pair := from + " " + to
	g.seen[pair]++
	if g.seen[pair] > 2 { // once for each of alice's letters
		return nil
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted, try again later"}
}
