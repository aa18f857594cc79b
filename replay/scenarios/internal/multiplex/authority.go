package multiplex

import "github.com/wiretale/wiretale/replay/authority"

// Authority is the certificate authority of one network.
type Authority = authority.Authority

// NewAuthority makes an authority: the same for the same seed.
func NewAuthority(seed uint64) (*Authority, error) { return authority.New(seed) }
