//go:build !linux && libpcap

package live

// Permission is nil where the process may capture; else it says what to do.
// Here only opening an interface tells.
func Permission() error { return nil }
