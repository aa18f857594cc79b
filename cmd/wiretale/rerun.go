package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/wiretale/wiretale/internal/rerun"
	"github.com/wiretale/wiretale/internal/rerun/web"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/report"
)

// rerunFlags are those of replay --from.
type rerunFlags struct {
	from, as string
	think    time.Duration
}

func (r *rerunFlags) define(c *call) {
	c.flags.StringVar(&r.from, "from", "", "play the exchanges of this capture `file` again: DNS, HTTP, SMTP, POP3, IMAP, FTP; bodies are made up")
	c.flags.StringVar(&r.as, "as", "", "with --from: play all HTTP with a reference client and server over this `version`: http1, http2, http3")
	c.flags.DurationVar(&r.think, "max-think", rerun.MaxThink, "with --from: the longest time that a host thinks")
}

// fromCapture plays a capture's exchanges again, and shows before and after.
func (r *replayFlags) fromCapture(c *call) error {
	switch {
	case len(c.args) != 0:
		return usagef("--from FILE goes without a scenario")
	case r.compare || r.onto != "":
		return usagef("--from goes without --compare and --onto")
	case r.o.TLS && r.rerun.as == "":
		return usagef("--from with --tls wants --as: http1, http2 or http3")
	case r.rerun.think <= 0:
		return usagef("--max-think %s: want more than 0", r.rerun.think)
	case r.capture == "-":
		return usagef("--from prints a table to standard output: give -w a file")
	}
	as, err := web.ParseVersion(r.rerun.as)
	if err != nil {
		return usagef("--as: %v", err)
	}
	before, err := rerun.Read(c.ctx, as, r.rerun.from)
	if err != nil {
		return err
	}
	if r.capture == "" {
		dir, err := os.MkdirTemp("", "wiretale-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		r.capture = filepath.Join(dir, "rerun.pcapng")
	}
	name := filepath.Base(r.rerun.from)
	err = r.writeWith(c, func(o replay.Options) error { return before.Run(c.ctx, name, o, r.rerun.think) })
	if err != nil {
		return err
	}
	after, err := rerun.Read(c.ctx, as, r.capture)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	return rerun.Table(c.stdout, before, after, report.Options{Color: c.color(), Width: c.out.width})
}
