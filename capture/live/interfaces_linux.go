package live

import "github.com/wiretale/wiretale/capture"

const hasAny = true

// linkName is the link type of what is captured at an interface, "" where that
// is not known.
func linkName(name string) string {
	if name == Any {
		return capture.LinkSLL2.String()
	}
	hardware, err := hardwareOf(name)
	if err != nil {
		return ""
	}
	link, _ := linkOfHardware(hardware)
	return link.String()
}

// Permission is nil where the process may capture; else it says what to do.
func Permission() error {
	if capable(capNetRaw) {
		return nil
	}
	return forbidden("")
}
