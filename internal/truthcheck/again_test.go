package truthcheck

import (
	"testing"

	"github.com/wiretale/wiretale/events"
)

func TestSentAgain(t *testing.T) {
	var s sentAgain
	for _, step := range []struct {
		mark  events.Kind
		seq   uint32
		bytes int64
		want  int64 // so far
	}{
		{events.KindTCPRetransmission, 0, 100, 100}, // seen before
		{events.KindTCPLost, 200, 200, 100},         // 200 to 400 are missing
		{events.KindTCPOutOfOrder, 250, 50, 100},    // new
		{events.KindTCPRetransmission, 200, 100, 150},
		{events.KindTCPRetransmission, 300, 200, 250}, // half of it is new
		{events.KindTCPRetransmission, 200, 300, 550},
		{events.KindTCPRetransmission, 900, 0, 550}, // without payload
		{events.KindTCPKeepAlive, 899, 1, 551},
		{events.KindTCPKeepAlive, 899, 0, 551},
	} {
		s.segment(&events.TCPSegment{Mark: step.mark, Seq: step.seq, Bytes: step.bytes})
		if s.bytes != step.want {
			t.Fatalf("after %s at %d, %d bytes: %d, want %d", step.mark, step.seq, step.bytes, s.bytes, step.want)
		}
	}
	if len(s.holes) != 0 {
		t.Errorf("holes left: %v", s.holes)
	}
}
