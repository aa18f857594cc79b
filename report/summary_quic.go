package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func quicSummary(p *events.QUICPacket) string {
	s := p.Type
	if p.Version != "" {
		s += " version " + p.Version
	}
	if p.PacketNumber != nil {
		s += " number " + strconv.FormatUint(*p.PacketNumber, 10)
	}
	if p.DCID != "" {
		s += " to " + p.DCID
	}
	if p.SCID != "" {
		s += " from " + p.SCID
	}
	s += ", " + analyzers.BytesText(int64(p.Length))
	if len(p.Versions) > 0 {
		s += ", offers " + strings.Join(p.Versions, " ")
	}
	if p.Token > 0 {
		s += ", token of " + analyzers.BytesText(int64(p.Token))
	}
	if p.ErrorCode != nil {
		s += ", closed with 0x" + strconv.FormatUint(*p.ErrorCode, 16)
		if p.Reason != "" {
			s += " " + p.Reason
		}
	}
	return s
}
