package simnet

import "fmt"

// SetRate changes the rate, in bit/s, of the direction from one host to another
// for what is sent from now on; 0 lifts the limit. Frames that wait already are
// sent at the rate that was in force when they came. The statistics tell the
// last rate.
func (n *Network) SetRate(from, to *Host, rate int64) error {
	if rate < 0 {
		return fmt.Errorf("simnet: link %s to %s: a rate of %d bit/s is negative", from.name, to.name, rate)
	}
	if n.real != nil {
		return fmt.Errorf("simnet: link %s to %s: %w: a rate", from.name, to.name, ErrReal)
	}
	n.mu.Lock()
	var found *pipe
	for _, p := range n.pipes {
		if p.from == from && p.to == to {
			found = p
		}
	}
	n.mu.Unlock()
	if found == nil {
		return fmt.Errorf("simnet: no link from %s to %s", from.name, to.name)
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	found.road.Rate = rate
	return nil
}
