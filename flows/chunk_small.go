//go:build unix && !linux

package flows

func huge([]byte) {}
