package report

import (
	"io"
	"strconv"

	"github.com/wiretale/wiretale/events"
)

// Messages writes one line a message for people: `wiretale decode`. The first
// lines are held until their columns are known; later ones may only widen
// them.
type Messages struct {
	w     io.Writer
	paint painter
	width int // 0: lines are not cut

	start   events.Time
	started bool

	held    []message
	holding bool
	columns [5]int
	buf     []byte
	names   [nameSlots]ends
}

// message is one line before it is set.
type message struct {
	cells   [5]string // frame, time, stream, who, protocol
	summary string
	style   style
}

// holdLines is how many lines are held to find the widths of columns.
const holdLines = 200

// The column of addresses is at most maxWho wide; on a narrow screen it gives
// way to the summary, down to minWho.
const (
	maxWho     = 100
	minWho     = 23
	minSummary = 36
)

// nameSlots bounds the addresses of flows that are kept as text.
const nameSlots = 1024

// ends are the texts of the two ends of a flow.
type ends struct {
	flow           events.Flow
	client, server string
}

// NewMessages makes a Messages that writes to w; lines are cut to width
// columns (0: not at all).
func NewMessages(w io.Writer, color bool, width int) *Messages {
	return &Messages{w: w, paint: painter(color), width: width, holding: true}
}

// Start sets the moment from which times are counted: that of the first
// packet. Without it, it is that of the first event.
func (m *Messages) Start(t events.Time) { m.start, m.started = t, true }

// Event adds one line. e is not kept.
func (m *Messages) Event(e *events.Event) error {
	if !m.started {
		m.Start(e.Time)
	}
	line := m.line(e)
	for i := range m.columns {
		m.columns[i] = max(m.columns[i], width(line.cells[i]))
	}
	who := maxWho
	if m.width > 0 {
		who = m.width - minSummary
		for i, w := range m.columns {
			who -= gap
			if i != 3 {
				who -= w
			}
		}
	}
	m.columns[3] = min(m.columns[3], max(who, minWho))
	if m.holding {
		m.held = append(m.held, line)
		if len(m.held) < holdLines {
			return nil
		}
		return m.release()
	}
	m.set(&line)
	return flush(m.w, &m.buf, flushAt)
}

// Flush writes what was held.
func (m *Messages) Flush() error {
	if err := m.release(); err != nil {
		return err
	}
	return flush(m.w, &m.buf, 1)
}

// release sets the lines that were held.
func (m *Messages) release() error {
	m.holding = false
	for i := range m.held {
		m.set(&m.held[i])
	}
	m.held = nil
	return flush(m.w, &m.buf, flushAt)
}

func (m *Messages) line(e *events.Event) message {
	l := message{
		summary: clean(summary(e.Body)),
		style:   styleOf(e),
	}
	l.cells[0] = strconv.FormatUint(e.Pos.Frame, 10)
	l.cells[1] = strconv.FormatFloat(float64(e.Time.Sub(m.start))/1e9, 'f', 6, 64)
	if e.Truncated {
		l.summary += " [cut off]"
	}
	protocol := lastLayer(e.Layer)
	switch b := e.Body.(type) {
	case *events.FlowViolation:
		protocol = or(b.Protocol, protocol)
	case *events.FlowGap:
		protocol = or(b.Protocol, protocol)
	case *events.FlowLimit:
		protocol = or(b.Protocol, protocol)
	}
	l.cells[4] = protocol
	if e.Flow == (events.Flow{}) {
		return l
	}
	l.cells[2] = e.Key().String()
	n := m.endsOf(e)
	arrow := " → "
	if e.From == events.FromServer {
		arrow = " ← "
	}
	l.cells[3] = n.client + arrow + n.server
	return l
}

func or(s, t string) string {
	if s != "" {
		return s
	}
	return t
}

func (m *Messages) endsOf(e *events.Event) *ends {
	n := &m.names[(e.Stream^uint32(e.Flow.Proto)<<5)%nameSlots]
	if n.flow != e.Flow {
		c, s := e.Flow.Ends()
		*n = ends{flow: e.Flow, client: c.String(), server: s.String()}
		switch e.Flow.Proto {
		case events.ProtoTCP, events.ProtoUDP, events.ProtoSCTP:
		default:
			n.client, n.server = c.Addr().String(), s.Addr().String()
		}
	}
	return n
}

// styleOf: what is wrong stands out, what is about flows stands back.
func styleOf(e *events.Event) style {
	switch b := e.Body.(type) {
	case *events.FlowViolation, *events.FlowGap, *events.FlowDropped, *events.FlowLimit:
		return yellow
	case *events.HTTPResponse:
		if b.Status >= 400 {
			return red
		}
	case *events.DNSMessage:
		if b.Response && b.Rcode != "NOERROR" {
			return red
		}
	case *events.TCPSegment:
		return yellow
	default:
		if !isMessage(b.Kind()) {
			return dim
		}
	}
	return plain
}

func (m *Messages) set(l *message) {
	b := m.buf
	used := 0
	for i, c := range l.cells {
		c = truncate(c, m.columns[i])
		free := m.columns[i] - width(c)
		if i < 2 {
			b = pad(b, free)
		}
		b = m.paint.append(b, cellStyles[i], c)
		if i >= 2 {
			b = pad(b, free)
		}
		b = pad(b, gap)
		used += m.columns[i] + gap
	}
	s := l.summary
	if m.width > 0 {
		s = truncate(s, max(m.width-used, 0))
	}
	b = m.paint.append(b, l.style, s)
	m.buf = append(b, '\n')
}

var cellStyles = [5]style{dim, dim, plain, dim, cyan}
