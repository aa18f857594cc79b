package replaytest

import "testing"

// SentFrame is a frame of HTTP/2 as the server says that it wrote it.
type SentFrame struct {
	Offset, End int64 // of its side of the connection
	Stream      uint64
	Type        uint8 // RFC 9113 section 6
}

// Frames are those that the one server of HTTP/2 wrote (fact frames_sent).
func (r *Recording) Frames(t testing.TB) (out []SentFrame) {
	t.Helper()
	list, _ := r.Truth.Facts["frames_sent"].([]any)
	for _, x := range list {
		f, _ := x.(map[string]any)
		n := func(name string) int64 { v, _ := f[name].(float64); return int64(v) }
		out = append(out, SentFrame{n("offset"), n("offset") + n("bytes"), uint64(n("stream")), uint8(n("type"))})
	}
	if len(out) == 0 {
		t.Fatal("the truth tells of no frames")
	}
	return out
}

// Header says whether it holds a part of a header block: HEADERS, PUSH_PROMISE
// or CONTINUATION.
func (f SentFrame) Header() bool { return f.Type == 1 || f.Type == 5 || f.Type == 9 }

// In says whether some byte of it lies in [from, to).
func (f SentFrame) In(from, to int64) bool { return f.Offset < to && from < f.End }
