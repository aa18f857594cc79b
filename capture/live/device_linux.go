//go:build !libpcap

package live

import (
	"net"

	"github.com/wiretale/wiretale/capture"
)

// find is the interface of that name.
func find(name string) (device, error) {
	if name == Any {
		d := device{name: Any, link: capture.LinkSLL2, cooked: true}
		if all, err := net.Interfaces(); err == nil {
			for _, i := range all {
				if i.Flags&net.FlagLoopback != 0 {
					d.loopback = i.Index
				}
			}
		}
		return d, nil
	}
	i, err := lookup(name)
	if err != nil {
		return device{}, err
	}
	hardware, err := hardwareOf(i.Name)
	if err != nil {
		return device{}, &Error{Interface: i.Name, Err: err}
	}
	d := device{name: i.Name, index: i.Index, flags: i.Flags}
	d.link, d.cooked = linkOfHardware(hardware)
	if i.Flags&net.FlagLoopback != 0 {
		d.loopback = i.Index
	}
	return d, nil
}

// LinkOf is the link type of an interface's packets, to write a filter for. It
// needs no privilege.
func LinkOf(name string) (capture.LinkType, error) {
	d, err := find(name)
	return d.link, err
}
