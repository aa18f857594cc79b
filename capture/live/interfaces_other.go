//go:build !linux

package live

const hasAny = false

// linkName is the link type of what is captured at an interface: here it is
// not known before it is opened.
func linkName(string) string { return "" }
