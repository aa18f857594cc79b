package compare

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// lsd is BitTorrent's local service discovery.
var lsd = protocol{
	name:    "lsd",
	kinds:   []events.Kind{events.KindBitTorrentLSD},
	reader:  func() reader { return plain{} },
	decoded: true,
	outside: quoted,
	fields: []field{
		{name: "lsd.host", of: announcement(func(m *events.BitTorrentLSD, add func(string)) { add(m.Host) })},
		{name: "lsd.port", of: announcement(func(m *events.BitTorrentLSD, add func(string)) { add(strconv.Itoa(int(m.Port))) })},
		{name: "lsd.infohash", wire: strings.ToLower, of: announcement(func(m *events.BitTorrentLSD, add func(string)) {
			for _, h := range m.InfoHashes {
				add(h)
			}
		})},
		{name: "lsd.cookie", of: announcement(func(m *events.BitTorrentLSD, add func(string)) { add(m.Cookie) })},
	},
}

func announcement(f func(*events.BitTorrentLSD, func(string))) func(*message, func(string)) {
	return func(m *message, add func(string)) { f(m.event.Body.(*events.BitTorrentLSD), add) }
}
