// Package screen is the full-screen view of a capture that is going on: the
// rate, what was lost, who talks most, the answers so far, the newest messages.
// It must not work
// anything out: figures and their order come with each State.
package screen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/screen/quiet"
)

var _ = quiet.Restore()

// State is what is known at one moment. Who sends it makes a new one each time,
// and leaves all in it alone afterwards.
type State struct {
	Interface    string
	Started, Now time.Time

	Packets, Bytes uint64 // that the interface showed us
	Delivered      uint64 // packets of these that were decoded
	// KernelDrops are packets that the kernel had no room for, QueueDrops those
	// that we had none for.
	KernelDrops, QueueDrops uint64
	Flows                   uint64

	// Rates are bytes a second in each of the last seconds, oldest first, at
	// most 120.
	Rates                []float64
	PacketRate, ByteRate float64 // a second, now

	// Talkers are the hosts that sent most, Protocols what they spoke, as
	// tables. Talkers has a row for two hosts: these, their bytes, the share of
	// all bytes, the rate now; then what only the table shows. The overview has
	// the first rows, and the Brief of Protocols.
	Talkers, Protocols analyzers.Section

	Sections []analyzers.Section // the answers so far, as the report has them
	Messages []Message           // newest last, at most MaxMessages
	File     string              // that is being written; "" none
}

// MaxMessages is how many messages a State has at most; of more, the newest are
// shown.
const MaxMessages = 500

// Message is one message that was decoded.
type Message struct {
	Frame     uint64
	Time      events.Time
	Stream    uint32
	Transport string // of the stream: "tcp", "udp"; streams are numbered for each
	// Text is the whole line as `wiretale decode` prints it, without colour: the
	// screen adds no frame, time or stream of its own.
	Text string
}

// Options say where the screen is.
type Options struct {
	In  io.Reader // keys; nil: standard input
	Out io.Writer // nil: standard output
	// Paused, where set, is called when the user stops the view and when it goes
	// on. It is called on the screen's goroutine and must not wait. The view
	// stands still by itself, whatever Paused does.
	Paused func(bool)
}

// framesPerSecond is how often the terminal is written to at most.
const framesPerSecond = 20

// Run shows each State until q or ctrl+c is pressed, ctx ends or updates is
// closed: then it returns nil. It returns an error where the terminal cannot be
// used. In every case the terminal is as it was. After Run has returned nobody
// receives from updates: who sends must be ready for that.
func Run(ctx context.Context, updates <-chan State, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithAltScreen(), tea.WithFPS(framesPerSecond),
		tea.WithoutSignalHandler(), // signals are the caller's
	}
	if o.In != nil {
		options = append(options, tea.WithInput(o.In))
	}
	if o.Out != nil {
		options = append(options, tea.WithOutput(o.Out))
	}
	// https://no-color.org: set to anything but the empty string.
	m := newModel(os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", o.Paused)
	p := tea.NewProgram(m, options...)

	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		pump(ctx, updates, p)
	}()
	_, err := p.Run()
	over := ctx.Err() != nil
	cancel()
	<-pumped
	switch {
	case err == nil, over && errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic):
		return nil
	}
	return fmt.Errorf("screen: %w", err)
}

// pump hands states to the program, until there are no more.
func pump(ctx context.Context, updates <-chan State, p *tea.Program) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-updates:
			if !ok {
				p.Quit()
				return
			}
			p.Send(s)
		}
	}
}
