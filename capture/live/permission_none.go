//go:build !linux && !libpcap

package live

// Permission is nil where the process may capture; else it says what to do.
func Permission() error { return unsupported("INTERFACE") }
