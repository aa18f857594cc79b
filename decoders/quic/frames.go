package quic

import (
	"errors"
	"fmt"
)

// The types of frames that an Initial packet may carry (RFC 9000 section
// 12.4), and the close of an application, which it may not.
const (
	framePadding         = 0x00
	framePing            = 0x01
	frameACK             = 0x02
	frameACKECN          = 0x03
	frameCrypto          = 0x06
	frameClose           = 0x1c
	frameApplicationDone = 0x1d
)

// frame is one frame of an Initial packet.
type frame struct {
	kind   uint64
	offset uint64 // of CRYPTO
	data   []byte // of CRYPTO; the reason phrase of a close
	code   uint64 // of a close
}

func (f *frame) name() string {
	switch f.kind {
	case framePadding:
		return "padding"
	case framePing:
		return "ping"
	case frameACK, frameACKECN:
		return "ack"
	case frameCrypto:
		return "crypto"
	case frameClose, frameApplicationDone:
		return "connection_close"
	}
	return "unknown"
}

var errFrameCut = errors.New("initial: a frame is longer than its packet")

// nextFrame takes a frame from the front of p, which is not empty. A run of
// padding is one frame.
func nextFrame(v version, p []byte) (f frame, rest []byte, err error) {
	if v.isGoogle() {
		f, rest = nextGoogleFrame(p)
		return f, rest, nil
	}
	r := reader{p: p}
	switch f.kind = r.varint(); f.kind {
	case framePadding:
		for len(r.p) > 0 && r.p[0] == framePadding {
			r.p = r.p[1:]
		}
	case framePing:
	case frameACK, frameACKECN:
		r.varint() // largest acknowledged
		r.varint() // delay
		ranges := r.varint()
		r.varint() // first range
		for ; ranges > 0 && !r.short; ranges-- {
			r.varint()
			r.varint()
		}
		if f.kind == frameACKECN {
			r.varint()
			r.varint()
			r.varint()
		}
	case frameCrypto:
		f.offset = r.varint()
		f.data = r.take(r.varint())
		if f.offset+uint64(len(f.data)) >= 1<<62 { // RFC 9000 section 19.6
			return f, nil, errors.New("initial: CRYPTO beyond the largest offset")
		}
	case frameClose, frameApplicationDone:
		f.code = r.varint()
		if f.kind == frameClose {
			r.varint() // the frame that was at fault
		}
		f.data = r.take(r.varint())
	default:
		return f, nil, fmt.Errorf("initial: a frame of type %#x, which it may not carry", f.kind)
	}
	if r.short {
		return f, nil, errFrameCut
	}
	return f, r.p, nil
}

// reader takes from the front of p until it was too short once.
type reader struct {
	p     []byte
	short bool
}

func (r *reader) varint() uint64 {
	n, size := varint(r.p)
	if size == 0 {
		r.p, r.short = nil, true
		return 0
	}
	r.p = r.p[size:]
	return n
}

// big is a big-endian number of n bytes.
func (r *reader) big(n uint64) (v uint64) {
	for _, c := range r.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.p)) {
		r.p, r.short = nil, true
		return nil
	}
	b := r.p[:n]
	r.p = r.p[n:]
	return b
}
