// Package lsd decodes local service discovery of BitTorrent (BEP 14): what a
// peer has, announced to its network by multicast.
package lsd

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Proto is local service discovery: to 239.192.152.143 or [ff15::efc0:988f],
// port 6771.
var Proto = decoders.Proto{
	Name:     "lsd",
	UDPPorts: []uint16{6771},
	Probe:    probe,
	Datagram: newDatagram,
	Shared:   true,
	Doc:      "BitTorrent's local service discovery",
}

var errStart = errors.New("lsd: no BT-SEARCH")

const startLine = "BT-SEARCH * HTTP/1."

type datagram struct{}

func newDatagram(decoders.Env) decoders.Datagram { return datagram{} }

func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if len(b) > len(startLine) && string(b[:len(startLine)]) == startLine {
		return decoders.Yes, events.FromClient
	}
	return decoders.No, from
}

// Packet implements decoders.Datagram. Line ends may be bare LF, and names in
// any case, as real clients write them.
func (datagram) Packet(w decoders.Window, out decoders.Sink) error {
	if v, _ := probe(w.From, w.Bytes); v != decoders.Yes {
		return errStart
	}
	m := &events.BitTorrentLSD{}
	wrong := ""
	note := func(broken bool, what string) {
		if broken && wrong == "" {
			wrong = what
		}
	}
	_, rest, _ := bytes.Cut(w.Bytes, []byte("\n"))
	for len(rest) > 0 {
		line, more, whole := bytes.Cut(rest, []byte("\n"))
		rest = more
		if !whole && w.Missing > 0 {
			break // torn
		}
		text := strings.TrimRight(string(line), "\r")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		note(!ok, "a line without a colon")
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "host":
			m.Host = value
		case "port":
			n, err := strconv.ParseUint(value, 10, 16)
			note(err != nil || n == 0, "a port that is none")
			m.Port = uint16(n)
		case "infohash":
			raw, err := hex.DecodeString(value)
			note(err != nil || len(raw) != 20 && len(raw) != 32, "an info hash that is none")
			m.InfoHashes = append(m.InfoHashes, strings.ToLower(value))
		case "cookie":
			m.Cookie = value
		}
	}
	if w.Missing > 0 {
		out.Truncated(w.From, m)
		return nil
	}
	note(m.Port == 0, "no port")
	note(len(m.InfoHashes) == 0, "no info hash")
	if wrong != "" {
		out.Emit(w.From, &events.FlowViolation{Protocol: Proto.Name, Reason: wrong, Bytes: int64(len(w.Bytes))})
	}
	out.Emit(w.From, m)
	return nil
}
