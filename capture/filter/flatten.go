package filter

// node is a test and where to go on from it. Nodes point to nodes of smaller
// number only, so that programs run forward.
type node struct {
	test
	yes, no int
	// skip says what need not be loaded again: see simplify.
	skip loaded
}

// The nodes that end a program.
const (
	reject = 0
	accept = 1
)

// flatten turns a condition into nodes; the last is the first to run.
func flatten(root *cond) (nodes []node, entry int) {
	nodes = make([]node, 2, 64)
	var build func(c *cond, yes, no int) int
	build = func(c *cond, yes, no int) int {
		switch c.op {
		case condTrue:
			return yes
		case condFalse:
			return no
		case condNot:
			return build(c.a, no, yes)
		case condAnd:
			return build(c.a, build(c.b, yes, no), no)
		case condOr:
			return build(c.a, yes, build(c.b, yes, no))
		}
		nodes = append(nodes, node{test: c.test, yes: yes, no: no})
		return len(nodes) - 1
	}
	return nodes, build(root, accept, reject)
}
