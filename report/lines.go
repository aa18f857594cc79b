package report

import (
	"io"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// flushAt is how many bytes of lines are gathered before they are written.
const flushAt = 64 << 10

// EventLines writes events as JSON lines: `wiretale decode --json`.
type EventLines struct {
	w   io.Writer
	enc events.Encoder
	buf []byte
}

// NewEventLines makes an EventLines that writes to w.
func NewEventLines(w io.Writer) *EventLines { return &EventLines{w: w} }

// Event adds one line. e is not kept.
func (l *EventLines) Event(e *events.Event) error {
	l.buf = append(l.enc.AppendEvent(l.buf, e), '\n')
	return flush(l.w, &l.buf, flushAt)
}

// Flush writes what was gathered.
func (l *EventLines) Flush() error { return flush(l.w, &l.buf, 1) }

// RowLines writes rows as JSON lines: `wiretale analyze --json`.
type RowLines struct {
	w    io.Writer
	buf  []byte
	line rowLine // of the row being written
}

// NewRowLines makes a RowLines that writes to w.
func NewRowLines(w io.Writer) *RowLines { return &RowLines{w: w} }

// Row adds one line. r is not kept.
func (l *RowLines) Row(r *analyzers.Row) error {
	l.line = rowLine{r.Analysis, r.Key, r.Frame, r.Time, r.Value}
	l.buf = append(events.AppendJSON(l.buf, &l.line), '\n')
	return flush(l.w, &l.buf, flushAt)
}

// Flush writes what was gathered.
func (l *RowLines) Flush() error { return flush(l.w, &l.buf, 1) }

// rowLine is a row in the order of its fields in EVENTS.
type rowLine struct {
	Analysis string      `json:"analysis"`
	Key      string      `json:"key"`
	Frame    uint64      `json:"frame"`
	Time     events.Time `json:"time"`
	Value    any         `json:"value"`
}

// flush writes *buf where it has at least min bytes.
func flush(w io.Writer, buf *[]byte, min int) error {
	if len(*buf) < min {
		return nil
	}
	_, err := w.Write(*buf)
	*buf = (*buf)[:0]
	return err
}
