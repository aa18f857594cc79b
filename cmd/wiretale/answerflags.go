package main

import (
	"fmt"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/replay"
)

// answerFlags are the flags that tell questions what packets do not say, of the
// commands that answer all of them.
type answerFlags struct {
	link    analyzers.AccessLink
	anchors string // a file
}

func (c *call) answerFlags() *answerFlags {
	a := &answerFlags{}
	f := c.flags
	f.Var(&textFlag[int64]{&a.link.Rate, replay.ParseRate, replay.RateText}, "access-link", "`rate` of the link behind which all clients are, for http.cache.whatif: 10mbit, 1.54Mb/s, 500kbit")
	f.Var(&textFlag[analyzers.Queue]{&a.link.Queue, analyzers.ParseQueue, analyzers.Queue.String}, "queue", "`model` of what waits for the access link: md1 (every object takes the same time) or mm1")
	f.StringVar(&a.anchors, "trust-anchor", "", "`file` of the keys that dnssec believes (DS and DNSKEY lines of a zone file) in place of the root's")
	return a
}

// given reports whether any of the flags was.
func (a *answerFlags) given() bool { return *a != answerFlags{} }

// set makes a run know what the flags say.
func (a *answerFlags) set(p *pipeline.Config) (err error) {
	p.AccessLink = a.link
	if p.TrustAnchors, err = readAnchors(a.anchors); err != nil {
		return fmt.Errorf("--trust-anchor: %w", err)
	}
	return nil
}
