package filter

// InKernel reports whether the kernel of Linux decides with Raw as Match does,
// given the same bytes. Where it is false (a shift by a computed number, an
// offset that is computed other than behind the IPv4 header) the kernel takes
// numbers modulo 32 or 2^32 that Match does not, so Match is to decide alone.
//
// The bytes are not always the same: the kernel takes VLAN tags off before a
// program sees a packet, and makes cooked headers later.
func (p Program) InKernel() bool { return p.portable }

// portable reports whether the kernel computes what we do.
func portable(nodes []node) bool {
	for i := range nodes {
		n := &nodes[i]
		if n.code == nil && n.val.size != 0 && n.val.off >= 1<<31 {
			return false // the kernel has other things there
		}
		for _, c := range n.code {
			switch c.op {
			case opLsh | srcX, opRsh | srcX:
				return false
			case opLdW, opLdH, opLdB:
				if c.k >= 1<<31 {
					return false
				}
			case opLdIW, opLdIH, opLdIB:
				if n.computed || c.k >= 1<<31 {
					return false
				}
			}
		}
	}
	return true
}
