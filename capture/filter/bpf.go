package filter

// The opcodes of classic BPF that programs are made of (Linux
// Documentation/networking/filter.rst): class, size or operation, mode or
// source.
const (
	opLdImm = 0x00 // A = k
	opLdW   = 0x20 // A = 4 bytes at k
	opLdH   = 0x28 // A = 2 bytes at k
	opLdB   = 0x30 // A = 1 byte at k
	opLdIW  = 0x40 // A = 4 bytes at X+k
	opLdIH  = 0x48
	opLdIB  = 0x50
	opLdMem = 0x60 // A = M[k]
	opLdLen = 0x80 // A = length on the wire

	opLdxImm = 0x01 // X = k
	opLdxMem = 0x61 // X = M[k]
	opLdxMsh = 0xb1 // X = 4 * (byte at k & 15): the length of an IPv4 header
	opSt     = 0x02 // M[k] = A
	opTax    = 0x07
	opTxa    = 0x87
	opNeg    = 0x84
	opRet    = 0x06

	opAdd = 0x04 // … with k; srcX is added for X
	opSub = 0x14
	opMul = 0x24
	opDiv = 0x34
	opOr  = 0x44
	opAnd = 0x54
	opLsh = 0x64
	opRsh = 0x74
	opMod = 0x94
	opXor = 0xa4

	opJa   = 0x05
	opJeq  = 0x15
	opJgt  = 0x25
	opJge  = 0x35
	opJset = 0x45

	srcX = 0x08
)

// scratch is how many words of memory a program has (BPF_MEMWORDS).
const scratch = 16

// ins is an instruction that does not jump.
type ins struct {
	op uint16
	k  uint32
}
