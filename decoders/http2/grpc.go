package http2

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// grpc counts the length-prefixed messages of one half of a stream (gRPC over
// HTTP2, "Length-Prefixed-Message"). It keeps the five bytes of a prefix.
type grpc struct {
	prefix  [5]byte
	have    int   // bytes of prefix
	left    int64 // bytes of the message to go
	missing bool  // bytes of the message were lost
	first   decoders.Mark
}

// isGRPC says whether content of this type is such messages. The text form of
// gRPC-Web is those in base64.
func isGRPC(mediaType string) bool {
	rest, ok := cutPrefixFold(mediaType, "application/grpc")
	if !ok {
		return false
	}
	_, text := cutPrefixFold(rest, "-web-text")
	return !text
}

func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// trailerFlag marks what gRPC-Web sends in place of trailers.
const trailerFlag = 0x80

// messages lets b, which begins at k.off, through.
func (k *call) messages(h *half, b []byte) {
	g := h.grpc
	for off := 0; off < len(b); {
		if g.have < len(g.prefix) {
			if g.have == 0 {
				g.first = k.w.At(k.off + off)
			}
			n := copy(g.prefix[g.have:], b[off:])
			off += n
			if g.have += n; g.have < len(g.prefix) {
				return
			}
			g.left = int64(be32(g.prefix[1:]))
		}
		n := min(int64(len(b)-off), g.left)
		off += int(n)
		if g.left -= n; g.left == 0 {
			k.message(g, k.d.from, k.d.frame.stream, !g.missing)
		}
	}
}

// message tells one message and begins the next.
func (c *conn) message(g *grpc, from events.Dir, id uint32, complete bool) {
	if g.prefix[0]&trailerFlag == 0 {
		of := "request"
		if from == events.FromServer {
			of = "response"
		}
		c.out.Emit(from, &events.GRPCMessage{
			HTTPStream: uint64(id), Of: of, Length: be32(g.prefix[1:]), Compressed: g.prefix[0]&1 != 0,
			Complete: complete, FirstFrame: g.first.Frame,
		})
	}
	*g = grpc{}
}

// loseMessages takes n lost bytes off the messages. Where a message ends in
// them, the next prefix is lost, and with it all that follow.
func (c *conn) loseMessages(h *half, from events.Dir, n int64) {
	g := h.grpc
	if g == nil {
		return
	}
	if g.have < len(g.prefix) || n > g.left {
		c.endMessages(h, from, c.sides[from].frame.stream)
		return
	}
	g.missing = true
	if g.left -= n; g.left == 0 {
		c.message(g, from, c.sides[from].frame.stream, false)
	}
}

// endMessages ends the counting; a message in progress is told as it is.
func (c *conn) endMessages(h *half, from events.Dir, id uint32) {
	g := h.grpc
	if g == nil {
		return
	}
	h.grpc = nil
	if g.have == len(g.prefix) {
		c.message(g, from, id, false)
	}
}
