package session

import (
	"slices"

	"github.com/wiretale/wiretale/events"
)

// Trips counts the round trips that a conversation costs: the longest chain in
// which each command was sent after the answer to the one before had come.
// Commands sent together cost one between them, so that the figure is the
// application's, however far its ends are apart. The zero value is ready.
type Trips struct {
	// Done are the round trips that are over.
	Done int
	// Asked counts commands, Pipelined those of them that were sent before
	// the one before was answered.
	Asked, Pipelined int
	open             []sent
}

// sent are the commands of one frame that wait for their answers.
type sent struct {
	frame uint64
	trip  int // over with it
	n     int // commands
}

// maxOpen commands wait at most; the first is given up for one more.
const maxOpen = 64

// Ask: the client sent a command, which was complete in frame.
func (t *Trips) Ask(frame uint64) {
	t.Asked++
	n := len(t.open)
	if n > 0 {
		t.Pipelined++
		if last := &t.open[n-1]; last.frame == frame && last.trip == t.Done+1 {
			last.n++
			return
		}
	}
	if n == maxOpen {
		t.open = slices.Delete(t.open, 0, 1)
	}
	t.open = append(t.open, sent{frame, t.Done + 1, 1})
}

func (t *Trips) find(frame uint64) int {
	return slices.IndexFunc(t.open, func(s sent) bool { return s.frame == frame })
}

// Answer: the command of frame was answered for good.
func (t *Trips) Answer(frame uint64) {
	i := t.find(frame)
	if i < 0 {
		return
	}
	s := &t.open[i]
	t.Done = max(t.Done, s.trip)
	if s.n--; s.n == 0 {
		t.open = slices.Delete(t.open, i, i+1)
	}
}

// Heard: something came for the command of frame, and more will without the
// client's doing.
func (t *Trips) Heard(frame uint64) {
	if i := t.find(frame); i >= 0 {
		t.Done = max(t.Done, t.open[i].trip)
	}
}

// Continue: the server wants the rest of the command of frame, whose answer
// costs another round trip.
func (t *Trips) Continue(frame uint64) {
	if i := t.find(frame); i >= 0 {
		t.Done = max(t.Done, t.open[i].trip)
		t.open[i].trip = t.Done + 1
	}
}

// Turn: the server answered what the client said since (a message), which was
// no command.
func (t *Trips) Turn() { t.Done++ }

// Forget: what was open will not be paired any more.
func (t *Trips) Forget() { t.open = t.open[:0] }

// Open is how many commands wait.
func (t *Trips) Open() int { return len(t.open) }

// Opening are the round trips before the first command: the handshake of TCP
// and the greeting.
func (c *Conn) Opening() int {
	n := 0
	if c.shaken[events.FromServer] {
		n++
	}
	if c.Greeting != 0 {
		n++
	}
	return n
}
