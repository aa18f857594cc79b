package main

import (
	"bytes"
	"context"
	"os"
	"sync"
	"time"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/screen"
	"github.com/wiretale/wiretale/internal/sniff"
	"github.com/wiretale/wiretale/report"
)

// screenEvery is how often the screen gets news.
const screenEvery = 500 * time.Millisecond

// newest keeps the newest messages as lines of text, and counts flows.
type newest struct {
	talkers *sniff.Talkers // that are told of flows

	mu    sync.Mutex
	sel   report.Selection
	text  bytes.Buffer
	lines *report.Messages
	list  []screen.Message
	flows uint64
}

func newNewest(t *sniff.Talkers) *newest {
	n := &newest{sel: report.DefaultText(), talkers: t}
	n.lines = report.NewMessages(&n.text, false, 0)
	return n
}

func (n *newest) want() events.KindSet {
	return n.sel.Want().Or(events.SetOf(events.KindFlowStart)).Or(n.talkers.Want())
}

// events takes events; they are not kept.
func (n *newest) events(evs []*events.Event) error {
	n.talkers.Events(evs)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range evs {
		if e.Body.Kind() == events.KindFlowStart {
			n.flows++
		}
		if !n.sel.Has(e) {
			continue
		}
		n.text.Reset()
		if err := n.lines.Event(e); err != nil {
			return err
		}
		if err := n.lines.Flush(); err != nil {
			return err
		}
		n.list = append(n.list, screen.Message{Frame: e.Pos.Frame, Time: e.Time, Stream: e.Stream, Transport: e.Flow.Transport(),
			Text: string(bytes.TrimRight(n.text.Bytes(), "\n"))})
	}
	if more := len(n.list) - screen.MaxMessages; more > screen.MaxMessages {
		n.list = append([]screen.Message(nil), n.list[more:]...)
	}
	return nil
}

// last are the newest messages and the number of flows so far.
func (n *newest) last() ([]screen.Message, uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	from := max(len(n.list)-screen.MaxMessages, 0)
	return append([]screen.Message(nil), n.list[from:]...), n.flows
}

// screen shows what happens until the user has seen enough, which ends the
// capture, or until stop is called.
func (o *sniffOutput) screen(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	updates := make(chan screen.State)
	shown := make(chan error, 1)
	go func() {
		shown <- screen.Run(ctx, updates, screen.Options{In: os.Stdin, Out: os.Stdout})
		o.tap.Stop()
		cancel()
	}()
	go func() {
		tick := time.NewTicker(screenEvery)
		defer tick.Stop()
		last := figures{at: o.started}
		for {
			now := o.figures()
			state := o.state(&last, &now)
			last = now
			select {
			case updates <- state:
			case <-ctx.Done():
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-shown
	}
}

// state is what the screen is told at moment b; a was the one before.
func (o *sniffOutput) state(a, b *figures) screen.State {
	s := screen.State{
		Interface: o.iface, Started: o.started, Now: b.at, File: o.file,
		Packets: b.received, Bytes: b.bytes, Delivered: b.packets, KernelDrops: b.kernel + b.nic, QueueDrops: b.unwritten,
		Rates: o.tap.Rates(b.at), Sections: o.found.sections(false, false),
	}
	if span := b.at.Sub(a.at).Seconds(); span > 0 {
		s.PacketRate, s.ByteRate = float64(b.packets-a.packets)/span, float64(b.bytes-a.bytes)/span
	}
	s.Messages, s.Flows = o.newest.last()
	s.Talkers, s.Protocols = o.tap.Talkers.Section(b.at), o.tap.Talkers.Protocols(b.at)
	return s
}
