package live

import (
	"net"
	"strconv"
	"strings"
)

// lookup is the interface of that name or, in digits, index.
func lookup(name string) (*net.Interface, error) {
	if i, err := net.InterfaceByName(name); err == nil {
		return i, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n > 0 {
		if i, err := net.InterfaceByIndex(n); err == nil {
			return i, nil
		}
	}
	e := &Error{Interface: name, Err: ErrNoInterface}
	if all, err := net.Interfaces(); err == nil && len(all) > 0 {
		var names []string
		for _, i := range all {
			names = append(names, i.Name)
		}
		e.Advice = "there are " + strings.Join(names, ", ")
	}
	return nil, e
}
