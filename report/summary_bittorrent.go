package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func peerHandshakeSummary(h *events.BitTorrentHandshake) string {
	if h.Encryption != "" {
		return "handshake, encrypted (" + h.Encryption + ")"
	}
	return join("handshake for "+h.InfoHash, h.Client)
}

func peerMessageSummary(m *events.BitTorrentMessage) string {
	s := m.Type
	if m.Extension != "" {
		s += " " + m.Extension
	}
	if m.Piece != nil {
		s += " " + strconv.FormatUint(uint64(*m.Piece), 10)
	}
	if m.Begin != nil && m.Length != nil {
		s += " from " + strconv.FormatUint(uint64(*m.Begin), 10) + ", " + analyzers.BytesText(int64(*m.Length))
	}
	if m.Pieces != "" {
		s += " of " + count(uint64(len(m.Pieces)*4), "piece") + " at most"
	}
	if x := m.Metadata; x != nil {
		s += " " + x.Type + " " + strconv.FormatUint(uint64(x.Piece), 10)
	}
	if h := m.Hashes; h != nil {
		s += " " + strconv.FormatUint(uint64(h.Index), 10) + "+" + strconv.FormatUint(uint64(h.Length), 10) + " of " + h.Root
	}
	port := ""
	if m.Port != 0 {
		port = "port " + strconv.Itoa(int(m.Port))
	}
	parts := []string{s, m.Client, port}
	if n := len(m.Peers); n > 0 {
		parts = append(parts, peersText(m.Peers))
	}
	if n := len(m.Dropped); n > 0 {
		parts = append(parts, count(uint64(n), "peer")+" gone")
	}
	if !m.Complete {
		parts = append(parts, "incomplete")
	}
	return join(parts...)
}

// peersText is how many peers there are, and the first.
func peersText(peers []string) string {
	s := count(uint64(len(peers)), "peer") + ": " + peers[0]
	if len(peers) > 1 {
		s += ", …"
	}
	return s
}

func trackerRequestSummary(r *events.TrackerRequest) string {
	s := "tracker " + r.Action
	switch {
	case r.InfoHash != "":
		s += " " + r.InfoHash
	case len(r.InfoHashes) > 0:
		s += " of " + count(uint64(len(r.InfoHashes)), "torrent")
	}
	left := ""
	if r.Left != nil {
		left = analyzers.BytesText(*r.Left) + " left"
	}
	return join(s, r.Event, r.Client, left)
}

func trackerResponseSummary(r *events.TrackerResponse) string {
	parts := []string{"tracker answer to " + r.Action}
	number := func(n *int64, what string) {
		if n != nil && *n >= 0 {
			parts = append(parts, count(uint64(*n), what))
		}
	}
	if r.Failure != "" {
		parts = append(parts, "failure: "+r.Failure)
	}
	if r.Warning != "" {
		parts = append(parts, "warning: "+r.Warning)
	}
	number(r.Seeders, "seeder")
	number(r.Leechers, "leecher")
	if len(r.Files) > 0 {
		parts = append(parts, count(uint64(len(r.Files)), "torrent"))
	}
	if len(r.Peers) > 0 {
		parts = append(parts, peersText(r.Peers))
	}
	if r.Interval > 0 {
		parts = append(parts, "again in "+strconv.FormatInt(r.Interval, 10)+" s")
	}
	s := join(parts...)
	if r.RequestFrame != 0 {
		s += " (to frame " + strconv.FormatUint(r.RequestFrame, 10) + ")"
	}
	return strings.TrimSpace(s)
}
