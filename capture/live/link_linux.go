package live

import (
	"golang.org/x/sys/unix"

	"github.com/wiretale/wiretale/capture"
)

// linkOfHardware is the link type of a device's packets by its ARPHRD_ number,
// and whether they are better taken without their own link header.
func linkOfHardware(hardware uint16) (link capture.LinkType, cooked bool) {
	switch hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return capture.LinkEthernet, false
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP:
		return capture.LinkRaw, false
	case unix.ARPHRD_IEEE80211:
		return capture.Link80211, false
	case unix.ARPHRD_IEEE80211_PRISM:
		return capture.LinkPrism, false
	case unix.ARPHRD_IEEE80211_RADIOTAP:
		return capture.Link80211Radiotap, false
	}
	return capture.LinkSLL2, true
}
