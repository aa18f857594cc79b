package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func dhtSummary(m *events.DHTMessage) string {
	s := "message"
	if m.Type != "" {
		s = m.Type
	}
	if m.Query != "" {
		s = m.Query
	}
	parts := []string{s}
	add := func(name, v string) {
		if v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	add("info hash", m.InfoHash)
	add("target", m.Target)
	if m.Type == "error" {
		parts = append(parts, strconv.Itoa(m.Code)+" "+m.Message)
	}
	for _, l := range []struct {
		n    int
		what string
	}{{len(m.Nodes), "node"}, {len(m.Values), "peer"}, {len(m.Samples), "sample"}} {
		if l.n > 0 {
			parts = append(parts, count(uint64(l.n), l.what))
		}
	}
	if m.Port != 0 {
		add("port", strconv.Itoa(int(m.Port)))
	}
	if m.RequestFrame != 0 {
		parts[len(parts)-1] += " (to frame " + strconv.FormatUint(m.RequestFrame, 10) + ")"
	}
	return join(parts...)
}

func utpSummary(u *events.UTPSegment) string {
	s := u.Type + " " + strconv.Itoa(int(u.ConnectionID)) + " seq " + strconv.Itoa(int(u.Seq)) + " ack " + strconv.Itoa(int(u.Ack))
	if u.Bytes > 0 {
		s += ", " + analyzers.BytesText(int64(u.Bytes))
	}
	if u.Why != "" {
		s += ", " + strings.ReplaceAll(u.Why, "_", " ")
	}
	return s
}

func lsdSummary(m *events.BitTorrentLSD) string {
	return "looks for peers of " + strings.Join(m.InfoHashes, " ") + ", port " + strconv.Itoa(int(m.Port))
}

func gapSummary(g *events.FlowGap) string {
	what := analyzers.BytesText(g.Bytes)
	switch {
	case g.Packets > 0:
		what = count(uint64(g.Packets), "packet")
	case g.Reason == "midway":
		return "gap: what was before was never captured (midway)"
	}
	return "gap: " + what + " never captured (" + g.Reason + ")"
}
