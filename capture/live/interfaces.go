package live

import (
	"cmp"
	"net"
	"slices"
	"strings"
)

// State is what an interface is ready for.
type State string

// The states of an interface.
const (
	StateUp        State = "up"
	StateDown      State = "down"
	StateNoCarrier State = "no carrier" // up, but the cable or the other side is not there
)

// Interface is one that packets can be captured at.
type Interface struct {
	Index     int      `json:"index"` // 0: all of them
	Name      string   `json:"name"`
	State     State    `json:"state"`
	Flags     []string `json:"flags"`     // loopback, broadcast, point-to-point, multicast
	MTU       int      `json:"mtu"`       // bytes; 0: none
	Link      string   `json:"link"`      // of the packets captured: capture.LinkType's name; empty: not known before it is opened
	Addresses []string `json:"addresses"` // with the length of their prefix
	MAC       string   `json:"mac"`       // empty: it has none
}

// Interfaces lists the interfaces of the system by index, and where it can be
// captured at, Any behind them. It needs no privilege.
func Interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b net.Interface) int { return cmp.Compare(a.Index, b.Index) })
	var list []Interface
	for i := range all {
		n := &all[i]
		x := Interface{
			Index: n.Index, Name: n.Name, MTU: n.MTU, State: stateOf(n.Flags), Flags: flagNames(n.Flags),
			Addresses: []string{}, MAC: n.HardwareAddr.String(), Link: linkName(n.Name),
		}
		if strings.Trim(x.MAC, "0:") == "" {
			x.MAC = ""
		}
		addrs, err := n.Addrs()
		if err != nil {
			continue // it was removed since
		}
		for _, a := range addrs {
			x.Addresses = append(x.Addresses, a.String())
		}
		list = append(list, x)
	}
	if hasAny {
		list = append(list, Interface{Name: Any, State: StateUp, Flags: []string{}, Link: linkName(Any), Addresses: []string{}})
	}
	return list, nil
}

func stateOf(f net.Flags) State {
	switch {
	case f&net.FlagUp == 0:
		return StateDown
	case f&net.FlagRunning == 0:
		return StateNoCarrier
	}
	return StateUp
}

func flagNames(f net.Flags) []string {
	names := []string{}
	for _, x := range []struct {
		flag net.Flags
		name string
	}{{net.FlagLoopback, "loopback"}, {net.FlagBroadcast, "broadcast"}, {net.FlagPointToPoint, "point-to-point"}, {net.FlagMulticast, "multicast"}} {
		if f&x.flag != 0 {
			names = append(names, x.name)
		}
	}
	return names
}
