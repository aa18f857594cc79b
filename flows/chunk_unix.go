//go:build unix

package flows

import (
	"syscall"
	"unsafe"
)

// newChunk takes records from the system rather than from the heap: they bear
// no pointers, and on the heap the collector would leave as much again free
// for them. Where the system refuses, the heap must do.
func newChunk() (*chunkOfRecords, []byte) {
	b, err := syscall.Mmap(-1, 0, int(unsafe.Sizeof(chunkOfRecords{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return new(chunkOfRecords), nil
	}
	return (*chunkOfRecords)(unsafe.Pointer(unsafe.SliceData(b))), b
}

func freeChunk(b []byte) { _ = syscall.Munmap(b) } // fails for memory that newChunk did not give only
