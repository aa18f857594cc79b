package udptracker

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/peerid"
	"github.com/wiretale/wiretale/events"
)

// magic stands where the connection id will be (BEP 15, "connect").
const magic = 0x41727101980

// action is what is asked, and answered.
type action uint32

const (
	connect action = iota
	announce
	scrape
	failure
)

var actions = [...]string{"connect", "announce", "scrape", "error"}

// Lengths of the fixed parts (BEP 15).
const (
	connectLen          = 16
	announceLen         = 98
	announceResponseLen = 20
	scrapeLen           = 16
	scrapedLen          = 12
	hashLen             = 20
	maxHashes           = 74 // of a scrape
)

var happenings = [...]string{"", "completed", "started", "stopped"}

// requestOf is the action of a request, by its shape. size counts what the
// snaplen cut off.
func requestOf(b []byte, size int) (action, bool) {
	if len(b) < connectLen {
		return 0, false
	}
	act := action(binary.BigEndian.Uint32(b[8:]))
	switch act {
	case connect:
		return act, size == connectLen && binary.BigEndian.Uint64(b) == magic
	case announce:
		return act, size >= announceLen && (len(b) < 84 || binary.BigEndian.Uint32(b[80:]) < uint32(len(happenings)))
	case scrape:
		n := size - scrapeLen
		return act, n >= hashLen && n%hashLen == 0 && n <= maxHashes*hashLen
	}
	return 0, false
}

// plain reports whether a request is certain by itself: a connect, or an
// announce whose peer id follows BEP 20 and whose numbers are possible.
func plain(act action, b []byte) bool {
	switch act {
	case connect:
		return true
	case announce:
		return len(b) >= announceLen && peerid.Client(b[36:56]) != "" && possible(b)
	}
	return false
}

// possible reports whether the numbers of an announce can be: counts below
// 2^48, a port, and at most 10,000 peers asked for (-1: as many as you like).
func possible(b []byte) bool {
	want := int32(binary.BigEndian.Uint32(b[92:]))
	return b[56]|b[57]|b[64]|b[65]|b[72]|b[73] == 0 && binary.BigEndian.Uint16(b[96:]) != 0 && want >= -1 && want <= 10000
}

// isResponse reports whether a packet has the shape of a response.
func isResponse(b []byte, size int) bool {
	if len(b) < 8 {
		return false
	}
	switch action(binary.BigEndian.Uint32(b)) {
	case connect:
		return size == connectLen
	case announce:
		n := size - announceResponseLen
		return n >= 0 && n%6 == 0
	case scrape:
		n := size - 8
		return n >= scrapedLen && n%scrapedLen == 0
	case failure:
		for _, c := range b[8:] {
			if c < ' ' && c != 0 && c != '\r' && c != '\n' && c != '\t' {
				return false
			}
		}
		return size > 8
	}
	return false
}

// probe: a connect is certain, and an announce that is plain; all others are
// on trial.
func probe(from events.Dir, b []byte) (decoders.Verdict, events.Dir) {
	if act, ok := requestOf(b, len(b)); ok {
		if plain(act, b) {
			return decoders.Yes, events.FromClient
		}
		if act == announce && !possible(b) {
			return decoders.No, from
		}
		return decoders.Maybe, from
	}
	if isResponse(b, len(b)) {
		return decoders.Maybe, from
	}
	return decoders.No, from
}

// tell emits a request.
func (d *datagram) tell(w *decoders.Window, act action, out decoders.Sink) {
	b := w.Bytes
	m := &events.TrackerRequest{Tracker: "udp", Action: actions[act], FirstFrame: w.Frame,
		Transaction: hex.EncodeToString(b[12:16])}
	if act != connect {
		m.ConnectionID = hex.EncodeToString(b[:8])
	}
	emit := out.Emit
	if w.Missing > 0 {
		emit = out.Truncated
	}
	switch act {
	case announce:
		if len(b) < announceLen {
			break
		}
		m.InfoHash, m.PeerID, m.Client = hex.EncodeToString(b[16:36]), hex.EncodeToString(b[36:56]), peerid.Client(b[36:56])
		m.Downloaded, m.Left, m.Uploaded = i64(b[56:]), i64(b[64:]), i64(b[72:])
		m.Event = happenings[binary.BigEndian.Uint32(b[80:])]
		if a := [4]byte(b[84:88]); a != [4]byte{} {
			m.IP = netip.AddrFrom4(a).String()
		}
		want := int64(int32(binary.BigEndian.Uint32(b[92:])))
		m.NumWant = &want
		m.Port = binary.BigEndian.Uint16(b[96:])
		url, ok := options(b[announceLen:])
		if !ok && w.Missing == 0 {
			out.Emit(w.From, &events.FlowViolation{Protocol: Proto.Name, Reason: "broken options of an announce", Bytes: int64(len(b))})
		}
		m.URL = d.show(url)
	case scrape:
		for b = b[scrapeLen:]; len(b) >= hashLen; b = b[hashLen:] {
			m.InfoHashes = append(m.InfoHashes, hex.EncodeToString(b[:hashLen]))
		}
		if len(m.InfoHashes) == 1 {
			m.InfoHash, m.InfoHashes = m.InfoHashes[0], nil
		}
	}
	emit(w.From, m)
}

// options are those of BEP 41; the parts of the URL are joined.
func options(b []byte) (url string, ok bool) {
	for len(b) > 0 {
		switch b[0] {
		case 0: // the end
			return url, true
		case 1: // padding
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return url, false
		}
		if b[0] == 2 {
			url += string(b[2 : 2+int(b[1])])
		}
		b = b[2+int(b[1]):]
	}
	return url, true
}

// show hides what may be a pass key: private trackers put it into the path or
// the query.
func (d *datagram) show(url string) string {
	if url == "" || url == "/announce" || d.secrets {
		return url
	}
	return decoders.RedactValue(url)
}

// respond emits a response.
func (d *datagram) respond(w *decoders.Window, asked uint64, out decoders.Sink) {
	b := w.Bytes
	act := min(action(binary.BigEndian.Uint32(b)), failure)
	m := &events.TrackerResponse{Tracker: "udp", Action: actions[act], RequestFrame: asked, FirstFrame: w.Frame,
		Transaction: hex.EncodeToString(b[4:8])}
	wrong := ""
	switch act {
	case connect:
		if len(b) >= connectLen {
			m.ConnectionID = hex.EncodeToString(b[8:16])
		} else {
			wrong = "a connect response of less than 16 bytes"
		}
	case announce:
		if len(b) < announceResponseLen {
			wrong = "an announce response of less than 20 bytes"
			break
		}
		m.Interval = int64(binary.BigEndian.Uint32(b[8:]))
		m.Leechers, m.Seeders = i32(b[12:]), i32(b[16:])
		b = b[announceResponseLen:]
		n := 6
		if d.v6 && (len(b)+w.Missing)%18 == 0 {
			n = 18
		}
		if (len(b)+w.Missing)%n != 0 {
			wrong = fmt.Sprintf("peers of a length that is no multiple of %d", n)
		}
		for ; len(b) >= n; b = b[n:] {
			a, _ := netip.AddrFromSlice(b[:n-2])
			m.Peers = append(m.Peers, netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[n-2:])).String())
		}
	case scrape:
		b = b[8:]
		if len(b)%scrapedLen != 0 {
			wrong = "a scrape response of a length that is no multiple of 12"
		}
		for ; len(b) >= scrapedLen; b = b[scrapedLen:] {
			m.Files = append(m.Files, events.TrackerFile{
				Seeders: *i32(b), Completed: *i32(b[4:]), Leechers: *i32(b[8:])})
		}
		if len(m.Files) == 1 {
			f := m.Files[0]
			m.Seeders, m.Completed, m.Leechers, m.Files = &f.Seeders, &f.Completed, &f.Leechers, nil
		}
	case failure:
		m.Failure = string(b[8:])
	}
	if wrong != "" && w.Missing == 0 {
		out.Emit(w.From, &events.FlowViolation{Protocol: Proto.Name, Reason: wrong, Bytes: int64(len(w.Bytes))})
	}
	if w.Missing > 0 {
		out.Truncated(w.From, m)
		return
	}
	out.Emit(w.From, m)
}

func i64(b []byte) *int64 {
	n := int64(binary.BigEndian.Uint64(b))
	return &n
}

func i32(b []byte) *int64 {
	n := int64(binary.BigEndian.Uint32(b))
	return &n
}
