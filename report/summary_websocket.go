package report

import (
	"strconv"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func webSocketSummary(f *events.WebSocketFrame) string {
	s := f.Opcode + " " + analyzers.BytesText(int64(min(f.Length, 1<<63-1)))
	if f.CloseCode != 0 {
		s += ", code " + strconv.Itoa(int(f.CloseCode))
		if f.Reason != "" {
			s += " " + f.Reason
		}
	}
	if f.Compressed {
		s += ", compressed"
	}
	if !f.Fin {
		s += ", more follows"
	}
	if !f.Complete {
		s += ", incomplete"
	}
	return s
}
