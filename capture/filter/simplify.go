package filter

import "slices"

// loaded says which registers hold already what a node loads.
type loaded uint8

const (
	loadedX loaded = 1 << iota // the length of the IPv4 header, in X
	loadedA                    // the field, in A
)

// fact is something known of a field at a place in the program: that it is
// within lo and hi, that it is not k, or what a test of bits gave.
type fact struct {
	f     field
	kind  factKind
	lo    uint32 // within; not, bits: k
	hi    uint32
	truth bool // bits
}

type factKind uint8

const (
	factWithin factKind = iota
	factNot
	factBits
)

// maxFacts bounds what is remembered on each path.
const maxFacts = 24

// state is what is known on the way to a node.
type state struct {
	facts []fact
	a     field // what A holds, where aOK
	x     uint32
	aOK   bool
	xOK   bool
	seen  bool // a way leads here
}

// rounds bounds how often the program is gone through.
const rounds = 40

// simplify leaves out tests whose outcome is known from those before, tests
// whose outcome does not matter, and loads of what is loaded. So does libpcap's
// optimiser; what a test would have read beyond the end of a packet does not
// matter then, either.
func simplify(nodes []node, entry int) ([]node, int) {
	for range rounds {
		before := len(nodes)
		nodes, entry = join(nodes, entry)
		moved := gather(nodes, true)
		moved = gather(nodes, false) || moved
		nodes, entry = thread(nodes, entry)
		if len(nodes) == before && !moved {
			break
		}
	}
	return nodes, entry
}

// twin is what makes two nodes one.
type twin struct {
	val     field
	jump    uint16
	k       uint32
	yes, no int
}

// join makes nodes that do the same one, and leaves out those that lead to one
// place only.
func join(nodes []node, entry int) ([]node, int) {
	out := nodes[:2]
	moved := make([]int, len(nodes))
	moved[accept] = accept
	known := map[twin]int{}
	for i := 2; i <= entry; i++ {
		n := nodes[i]
		n.yes, n.no = moved[n.yes], moved[n.no]
		if n.yes == n.no {
			moved[i] = n.yes
			continue
		}
		key := twin{n.val, n.jump, n.k, n.yes, n.no}
		if n.code == nil {
			if at, ok := known[key]; ok {
				moved[i] = at
				continue
			}
			known[key] = len(out)
		}
		moved[i] = len(out)
		out = append(out, n)
	}
	return out, moved[entry]
}

// gather puts tests of one field side by side where they are alternatives (or
// all must hold), so that the field is loaded once: "src port 80, dst port 80,
// src port 443, dst port 443" becomes "src port 80, src port 443, …". The ways
// out of such tests are the same, but of a packet that is cut off between the
// two fields. It reports whether it moved some.
func gather(nodes []node, alternatives bool) (moved bool) {
	ways := make([]int, len(nodes)) // into each node
	from := make([]int, len(nodes)) // the last of them
	for i := 2; i < len(nodes); i++ {
		for _, to := range [2]int{nodes[i].yes, nodes[i].no} {
			ways[to]++
			from[to] = i
		}
	}
	// out and next are where a node of the row leads if it decides, and if not.
	ends := func(n *node) (out, next int) {
		if alternatives {
			return n.yes, n.no
		}
		return n.no, n.yes
	}
	for i := len(nodes) - 1; i > accept; i-- {
		p := nodes[i]
		if p.code != nil {
			continue
		}
		out, _ := ends(&p)
		row := i // where p can move up to
		for ways[row] == 1 {
			before := &nodes[from[row]]
			if o, next := ends(before); o != out || next != row || before.code != nil {
				break
			}
			if before.val == p.val {
				// Everything from row to p goes one place down.
				for at := i; at != row; at = from[at] {
					nodes[at].test = nodes[from[at]].test
				}
				if row != i {
					nodes[row].test = p.test
					moved = true
				}
				break
			}
			row = from[row]
		}
	}
	return moved
}

// thread leads each way past the tests whose outcome is known on it.
func thread(nodes []node, entry int) ([]node, int) {
	if entry <= accept {
		return nodes[:2], entry
	}
	states := make([]state, len(nodes))
	states[entry].seen = true
	for i := entry; i > accept; i-- {
		s := &states[i]
		if !s.seen {
			continue
		}
		n := &nodes[i]
		n.skip = s.enter(&n.test)
		n.yes = s.leave(nodes, states, &n.test, true, n.yes)
		n.no = s.leave(nodes, states, &n.test, false, n.no)
		if n.yes > accept {
			states[n.yes].meet(s, &n.test, true)
		}
		if n.no > accept {
			states[n.no].meet(s, &n.test, false)
		}
		s.facts = nil
	}
	out := nodes[:2]
	moved := make([]int, len(nodes))
	moved[accept] = accept
	for i := 2; i <= entry; i++ {
		if states[i].seen {
			n := nodes[i]
			n.yes, n.no = moved[n.yes], moved[n.no]
			moved[i] = len(out)
			out = append(out, n)
		}
	}
	return out, len(out) - 1
}

// enter updates the registers for a node's loads and says which are not
// needed.
func (s *state) enter(t *test) (skip loaded) {
	if t.code != nil {
		s.aOK, s.xOK = false, false
		return 0
	}
	if s.aOK && s.a == t.val {
		return loadedA | loadedX
	}
	if t.val.behind {
		if s.xOK && s.x == t.val.ip {
			skip = loadedX
		}
		s.x, s.xOK = t.val.ip, true
	}
	s.a, s.aOK = t.val, true
	return skip
}

// leave follows an edge past the nodes whose outcome is known.
func (s *state) leave(nodes []node, states []state, t *test, outcome bool, to int) int {
	for to > accept {
		n := &nodes[to]
		if n.code != nil {
			break
		}
		truth, known := s.know(&n.test, t, outcome)
		if !known {
			break
		}
		if truth {
			to = n.yes
		} else {
			to = n.no
		}
	}
	return to
}

// know reports the outcome of n after t had the outcome.
func (s *state) know(n, t *test, outcome bool) (truth, known bool) {
	if t.code == nil && t.val == n.val {
		if truth, known = learned(t, outcome).decides(n); known {
			return truth, known
		}
	}
	for i := range s.facts {
		if s.facts[i].f == n.val {
			if truth, known = s.facts[i].decides(n); known {
				return truth, known
			}
		}
	}
	return false, false
}

// learned is the fact that an outcome of t tells.
func learned(t *test, outcome bool) fact {
	f := fact{f: t.val, hi: noMask}
	switch {
	case t.jump == opJeq && outcome:
		f.lo, f.hi = t.k, t.k
	case t.jump == opJeq:
		f.kind, f.lo = factNot, t.k
	case t.jump == opJset:
		f.kind, f.lo, f.truth = factBits, t.k, outcome
	case t.jump == opJgt && outcome && t.k < noMask:
		f.lo = t.k + 1
	case t.jump == opJgt && !outcome:
		f.hi = t.k
	case t.jump == opJge && outcome:
		f.lo = t.k
	case t.jump == opJge && !outcome && t.k > 0:
		f.hi = t.k - 1
	}
	return f
}

// decides reports the outcome of a test of the same field.
func (f fact) decides(t *test) (truth, known bool) {
	switch f.kind {
	case factNot:
		return false, t.jump == opJeq && t.k == f.lo
	case factBits:
		return f.truth, t.jump == opJset && t.k == f.lo
	}
	if f.lo == f.hi {
		return decide(t.jump, f.lo, t.k), true
	}
	switch t.jump {
	case opJeq:
		return false, t.k < f.lo || t.k > f.hi
	case opJgt:
		return f.lo > t.k, f.lo > t.k || f.hi <= t.k
	case opJge:
		return f.lo >= t.k, f.lo >= t.k || f.hi < t.k
	}
	return false, false
}

// forget keeps within maxFacts: of long lists of alternatives each leaves that
// a field is not this and not that, which matters least.
func (d *state) forget() {
	for len(d.facts) > maxFacts {
		drop := len(d.facts) - 1
		for i := drop; i >= 0; i-- {
			if d.facts[i].kind == factNot {
				drop = i
				break
			}
		}
		d.facts = slices.Delete(d.facts, drop, drop+1)
	}
}

// meet adds a way from s, with t's outcome, to what is known.
func (d *state) meet(s *state, t *test, outcome bool) {
	var extra []fact
	if t.code == nil {
		extra = append(extra, learned(t, outcome))
	}
	if !d.seen {
		*d = state{facts: append(slices.Clip(extra), s.facts...), a: s.a, aOK: s.aOK, x: s.x, xOK: s.xOK, seen: true}
		d.forget()
		return
	}
	d.aOK = d.aOK && s.aOK && d.a == s.a
	d.xOK = d.xOK && s.xOK && d.x == s.x
	d.facts = slices.DeleteFunc(d.facts, func(f fact) bool {
		return !slices.Contains(extra, f) && !slices.Contains(s.facts, f)
	})
}
