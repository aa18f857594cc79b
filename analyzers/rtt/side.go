package rtt

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// pair is the two packets of a sample.
type pair struct{ segment, ack uint64 }

// sample is one round trip.
type sample struct {
	pair
	rtt  events.Duration
	side events.Dir // who answered
	of   events.RTTOf
}

// side is all that is kept of the samples of one side.
type side struct {
	sketch                   analyzers.Sketch
	srtt, rttvar             events.Duration
	handshake                events.Duration
	hasHandshake             bool
	backwards                uint32
	shaken, fastest, slowest pair
}

func (d *side) add(m sample, limit int) {
	if m.rtt < 0 {
		d.backwards++
		return
	}
	if n := d.sketch.Count(); n == 0 {
		d.fastest, d.slowest = m.pair, m.pair
	} else {
		if int64(m.rtt) < d.sketch.Min() {
			d.fastest = m.pair
		}
		if int64(m.rtt) > d.sketch.Max() {
			d.slowest = m.pair
		}
	}
	d.smooth(m.rtt)
	d.sketch.Add(int64(m.rtt), limit)
	if m.of != events.RTTData && !d.hasHandshake {
		d.handshake, d.hasHandshake, d.shaken = m.rtt, true, m.pair
	}
}

// smooth is RFC 6298 section 2, with alpha 1/8 and beta 1/4; it comes before
// the sample is counted.
func (d *side) smooth(r events.Duration) {
	if d.sketch.Count() == 0 {
		d.srtt, d.rttvar = r, r/2
		return
	}
	diff := d.srtt - r
	if diff < 0 {
		diff = -diff
	}
	d.rttvar += (diff - d.rttvar) / 4
	d.srtt += (r - d.srtt) / 8
}
