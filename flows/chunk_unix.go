//go:build unix

package flows

import (
	"syscall"
	"unsafe"
)

// hugePage is what Linux calls one on the machines that matter here.
const hugePage = 2 << 20

// mapping asks the system for n bytes, in huge pages where it gives them: a
// million records are looked up in no order, and with small pages each look
// would miss the translation buffer as well. It is nil where the system
// refuses.
func mapping(n int) []byte {
	n = (n + hugePage - 1) &^ (hugePage - 1)
	b, err := syscall.Mmap(-1, 0, n+hugePage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	huge(b)
	return b
}

// aligned is the part of a mapping that starts at a huge page.
func aligned(b []byte) []byte {
	off := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (hugePage - 1)
	return b[off : len(b)-hugePage+off]
}

func unmap(b []byte) { _ = syscall.Munmap(b) } // fails for what mapping did not give only
