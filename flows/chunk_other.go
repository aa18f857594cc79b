//go:build !unix

package flows

func mapping(int) []byte { return nil }

func aligned(b []byte) []byte { return b }

func unmap([]byte) {}
