package main

import (
	"errors"
	"slices"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/report"
)

func decodeCommand() *command {
	return &command{
		name: "decode", args: "FILE…",
		short: "print what was said, one line a message",
		long: `Decode prints the messages of captures: frame, time since the first packet,
stream (as Wireshark numbers it), who spoke to whom, protocol, and a summary.`,
		examples: [][2]string{
			{"wiretale decode capture.pcapng", "all messages, and what is wrong with flows"},
			{"wiretale decode --only dns,http capture.pcapng", "messages of two protocols"},
			{"wiretale decode -f 'tcp port 80 or 8080' capture.pcapng", "of the packets that a capture filter in the language of tcpdump selects"},
			{"wiretale decode --only tcp,flow --stream tcp:5 capture.pcapng", "what became of one connection"},
			{"wiretale decode --json --frames 10-90 capture.pcapng", "JSON lines for programs"},
		},
		values: map[string]func() []string{"only": onlyValues, "limits": limitValues},
		setup: func(c *call) func() error {
			asJSON := c.flags.Bool("json", false, "print events as JSON lines (wiretale schema describes them)")
			only := c.flags.StringArray("only", nil, "only these `kinds` of events or protocols: dns, http, tcp, flow, http.request, tcp.rtt, … (several with commas between)")
			streams := c.flags.StringArray("stream", nil, "only this `stream`: tcp:5, udp:0 (several with commas between)")
			frames := c.flags.StringArray("frames", nil, "only what was completed in this `range` of frames: 10-90, 10-, 10 (several with commas between)")
			c.filterFlag()
			c.commonFlags()
			return func() error {
				p, err := c.pipeline()
				if err != nil {
					return err
				}
				sel := report.DefaultText()
				if *asJSON {
					sel = report.DefaultJSON()
				}
				if words := split(*only); len(words) > 0 {
					if err := sel.Only(words, protocolNames()); err != nil {
						return usageError{err}
					}
				}
				for _, s := range split(*streams) {
					k, err := report.ParseStream(s)
					if err != nil {
						return usageError{err}
					}
					sel.Streams = append(sel.Streams, k)
				}
				for _, s := range split(*frames) {
					f, err := report.ParseFrames(s)
					if err != nil {
						return usageError{err}
					}
					sel.Frames = append(sel.Frames, f)
				}
				return c.decode(p, &sel, *asJSON)
			}
		},
	}
}

// onlyValues are what --only of decode takes.
func onlyValues() []string { return report.Choices(protocolNames()) }

// lines is a form in which events are printed.
type lines interface {
	Event(*events.Event) error
	Flush() error // writes what was gathered
}

func (c *call) decode(p pipeline.Config, sel *report.Selection, asJSON bool) error {
	var out lines
	if asJSON {
		out = report.NewEventLines(c.stdout)
	} else {
		m := report.NewMessages(c.stdout, c.color(), c.out.width)
		p.Start = m.Start
		out = m
	}
	p.Want = sel.Want()
	// Somebody watches: what is there is shown at once.
	live := c.out.is || slices.Contains(p.Paths, "-")
	p.Events = func(evs []*events.Event) error {
		for _, e := range evs {
			if !sel.Has(e) {
				continue
			}
			if err := out.Event(e); err != nil {
				return err
			}
		}
		if !live {
			return nil
		}
		if err := out.Flush(); err != nil {
			return err
		}
		return c.stdout.Flush()
	}
	bar := c.progress(true)
	bar.watch(&p)
	_, err := pipeline.Run(c.ctx, p)
	bar.end()
	return errors.Join(err, out.Flush())
}
